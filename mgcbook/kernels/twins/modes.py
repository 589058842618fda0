"""A linear model in plain NumPy: a start plus weighted directions, and the gradient of the weights."""

__all__ = ["add_modes", "add_modes_gradient"]


def add_modes(start, coefficients, basis):
    """start + coefficients @ basis; (M,) or (B, M), (B, K), (K, M) -> (B, M)."""
    return start + coefficients @ basis


def add_modes_gradient(gradient, basis):
    """d loss / d coefficients; (B, M), (K, M) -> (B, K)."""
    return gradient @ basis.T

"""A small tape: gradients of plain NumPy code. `value_and_grad(f)(params)` is all that most readers need."""

from . import rules as _rules  # noqa: F401  (registers the gradient rules)
from .check import check_gradients
from .engine import Step, Tensor, backward, bare, constant, derivative_of, once, value_and_grad
from .primitives import primitive

__all__ = [
    "Step",
    "Tensor",
    "backward",
    "bare",
    "check_gradients",
    "constant",
    "derivative_of",
    "once",
    "primitive",
    "value_and_grad",
]

"""Winograd's F(2x2, 3x3) with its three matrices: the readable twin of cpu/winograd.py.

    Y = A^T [ (G g G^T) * (B^T d B) ] A        d: a 4x4 tile of the input, g: the 3x3 kernel, Y: 2x2 outputs
"""

import numpy as np

__all__ = ["winograd_conv3x3"]

INPUT = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float)  # B^T
KERNEL = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])  # G
OUTPUT = np.array([[1, 1, 1, 0], [0, 1, -1, -1]], float)  # A^T


def winograd_conv3x3(x, weight):
    """The 3x3 convolution of stride 1 and padding 1 with 16 instead of 36 products per tile; (B, H, W, C), (3, 3, C, O)."""
    batch, H, W, _ = x.shape
    down, across = (H + 1) // 2, (W + 1) // 2
    x = np.pad(x, ((0, 0), (1, 2 * down + 1 - H), (1, 2 * across + 1 - W), (0, 0)))
    tiles = np.stack([[x[:, i : i + 2 * down : 2, j : j + 2 * across : 2] for j in range(4)] for i in range(4)])
    mixed = np.einsum("pi,qj,ijbhwc->pqbhwc", INPUT, INPUT, tiles)
    planes = np.einsum("pi,qj,ijco->pqco", KERNEL, KERNEL, weight)
    products = np.einsum("pqbhwc,pqco->pqbhwo", mixed, planes)
    y = np.einsum("ip,jq,pqbhwo->bhiwjo", OUTPUT, OUTPUT, products)
    return y.reshape(batch, 2 * down, 2 * across, -1)[:, :H, :W]

"""Several layers of a residual network as one step of the tape: the same numbers as nn.py, a third of the memory traffic.

    out = relu(norm(conv(relu(norm(conv( ... x ... ))))) + skip)

Only the results z of the convolutions are kept. Batch norm and ReLU never make a pass of their own: sums are taken while z is
in the cache, and the next convolution computes relu(scale z + shift) as it reads z; the same backwards. Against one step per
layer, half of the time (benchmarks/bench_network.py).
"""

import numpy as np

from ..arrays import kernels_for
from ..tape import once, primitive
from . import nn


class _Unit:
    """conv -> batch norm, on act(x) = x, or relu(scale x + shift) with the batch norm before; keeps x and z."""

    def __init__(self, kernels, x, before, weight, gamma, beta, stride, padding, comm):
        self.kernels, self.x, self.before, self.weight, self.stride, self.padding = kernels, x, before, weight, stride, padding
        self.z, sums = kernels.convolve(x, weight, stride, padding, before=before, sums=True)
        self.norm = nn.BatchStatistics(sums, self.z.size // self.z.shape[-1], gamma, beta, comm=comm)
        self.after = kernels.Affine((self.norm.scale, self.norm.shift))

    def backward(self, d, sums, onto=None, need_x=True):
        """d: gradient behind the norm, with its sums. Returns (dx, sums of dx), (dweight, dgamma, dbeta)."""
        dgamma, dbeta, p, q, r = self.norm.gradient(sums)
        dx, dweight, sums = self.kernels.convolve_backward(
            d, self.x, self.weight, self.stride, self.padding, norm=(self.z, p, q, r), before=self.before,
            onto=onto, need_x=need_x)
        return (dx, sums), (dweight, dgamma, dbeta)


def _plain_unit(x, weight, gamma, beta, stride, padding):
    return nn._normalise_twin(nn.conv2d.twin(x, weight, stride=stride, padding=padding), gamma, beta)[0]


def _same_padding(weight):
    return weight.shape[0] // 2


def _residual_block_twin(x, *arrays, strides, projected, comm=None):
    groups = [arrays[i : i + 3] for i in range(0, len(arrays), 3)]
    shortcut = groups.pop() if projected else None
    y = x
    for (weight, gamma, beta), stride in zip(groups, strides, strict=True):
        last = _plain_unit(y, weight, gamma, beta, stride, _same_padding(weight))
        y = np.maximum(last, 0)
    skip = _plain_unit(x, *shortcut, int(np.prod(strides)), 0) if projected else x
    return np.maximum(last + skip, 0), None


@primitive(twin=_residual_block_twin, extras=True)
def residual_block(x, *arrays, strides, projected, comm=None):
    """A residual block in training: convolutions with batch norm, ReLU between, and a shortcut; (B, H, W, C) -> (B, H', W', O).

    Args:
        x: feature maps.
        arrays: weight (kh, kw, in, out), gamma, beta of each convolution in turn, and last those of the shortcut if there is one.
        strides: the stride of each convolution; the shortcut's is their product.
        projected: whether the shortcut is a 1x1 convolution with batch norm, or x itself.
        comm: processes that share one batch, see `nn.BatchStatistics`.
    Returns:
        (out, statistics): for each convolution (mean, unbiased variance) of the batch, without gradient.
    """
    kernels = kernels_for(x)
    groups = [arrays[i : i + 3] for i in range(0, len(arrays), 3)]
    shortcut = _Unit(kernels, x, None, *groups.pop(), int(np.prod(strides)), 0, comm) if projected else None
    units, source, before = [], x, None
    for group, stride in zip(groups, strides, strict=True):
        units.append(_Unit(kernels, source, before, *group, stride, _same_padding(group[0]), comm))
        source, before = units[-1].z, units[-1].after
    skip = (shortcut.z, *shortcut.after) if projected else (x,)
    out = kernels.add_relu(source, *before, *skip)

    @once
    def grads(g):
        d, sums = kernels.add_relu_backward(g, out, units[-1].z, shortcut.z if projected else None)
        pieces = []
        if projected:
            (onto, _), piece = shortcut.backward(d, sums[::2])  # the rows of d and d skip
            pieces.append(piece)
        else:
            onto = d  # the gradient of x itself; free for adding once the last unit has read it
        sums = sums[:2]
        for unit in reversed(units):
            (d, sums), piece = unit.backward(d, sums, onto if unit is units[0] else None)
            pieces.append(piece)
        main = pieces[: 0 : -1] + pieces[:1] if projected else pieces[::-1]
        return d, *(array for piece in main for array in piece)

    statistics = [unit.norm.running() for unit in (*units, shortcut) if unit is not None]
    return (out, statistics), *(lambda g, i=i: grads(g)[i] for i in range(1 + len(arrays)))


def _stem_twin(x, weight, gamma, beta, *, stride=2, padding=3, comm=None):
    y = np.maximum(_plain_unit(x, weight, gamma, beta, stride, padding), 0)
    return nn.max_pool.twin(y), None


@primitive(twin=_stem_twin, extras=True)
def stem(x, weight, gamma, beta, *, stride=2, padding=3, comm=None):
    """The first layers in training: convolution, batch norm, ReLU, 3x3 max pool of stride 2; (B, H, W, 3) -> (B, H/4, W/4, O).

    Returns (out, (mean, unbiased variance)).
    """
    kernels = kernels_for(x)
    unit = _Unit(kernels, x, None, weight, gamma, beta, stride, padding, comm)
    out, taps = kernels.max_pool(unit.z, before=unit.after)
    pooled = once(lambda g: kernels.max_pool_backward(g, taps, unit.z, before=unit.after))
    grads = once(lambda g: unit.backward(*pooled(g), need_x=False)[1])
    return (
        (out, unit.norm.running()),
        lambda g: unit.backward(*pooled(g))[0][0],  # only where the gradient of the images is wanted
        *(lambda g, i=i: grads(g)[i] for i in range(3)),
    )


def folded(weight, gamma, beta, running):
    """Convolution and batch norm with running (mean, variance) as (weight, scale, shift): scale conv(x, weight) + shift."""
    scale = (gamma / np.sqrt(running[1] + nn.EPSILON)).astype(weight.dtype)
    return weight, scale, (beta - running[0] * scale).astype(weight.dtype)


def folded_unit(x, weight, scale, shift, stride, *, skip=None, relu=True):
    """Inference without gradient: scale conv(x, weight) + shift (+ skip), cut at 0 if relu; (B, H, W, C) -> (B, H', W', O)."""
    return kernels_for(x).convolve(x, weight, stride, _same_padding(weight), after=(scale, shift, skip, relu))

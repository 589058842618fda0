"""The layers of a convolutional network, as differentiable functions of arrays.

Feature maps are (B, H, W, C), kernels (kh, kw, in, out), matrices (in, out). Each layer is one formula; `fused.py` has the same
mathematics several layers at a time, for speed.
"""

import numpy as np

from ..arrays import check_shapes, kernels_for
from ..kernels import twins
from ..kernels.twins.pool import windows
from ..tape import once, primitive

MOMENTUM = 0.1
"""Share of the new batch in the running statistics, as in PyTorch."""
EPSILON = 1e-5
"""Added to the variance, as in PyTorch."""


@check_shapes(x="B H W C", weight="h w I O")
@primitive(twin=lambda x, weight, *, stride=1, padding=0: twins.convolve(x, weight, stride, padding))
def conv2d(x, weight, *, stride=1, padding=0):
    """Convolution without bias; (B, H, W, C), (kh, kw, C, O) -> (B, H', W', O) with H' = (H + 2 padding - kh) // stride + 1.

    Args:
        x: feature maps.
        weight: kernels.
        stride, padding: step of the window, and zeros around the map, in pixels.
    Raises:
        ValueError: if the channels differ, or the window is larger than the padded map.
    """
    _check_conv(x, weight, padding)
    kernels = kernels_for(x, weight)
    return (
        kernels.convolve(x, weight, stride, padding),
        lambda g: kernels.convolve_backward(g, x, weight, stride, padding, need_weight=False)[0],
        lambda g: kernels.convolve_backward(g, x, weight, stride, padding, need_x=False)[1],
    )


def _check_conv(x, weight, padding):
    if x.ndim != 4 or weight.ndim != 4 or x.shape[3] != weight.shape[2]:
        raise ValueError(f"conv2d: expected x (B, H, W, C) and weight (kh, kw, C, O), got {x.shape} and {weight.shape}")
    if min(x.shape[1] - weight.shape[0], x.shape[2] - weight.shape[1]) + 2 * padding < 0:
        raise ValueError(f"conv2d: a {weight.shape[0]} x {weight.shape[1]} window does not fit into {x.shape[1]} x {x.shape[2]} "
                         f"pixels with padding {padding}")


def _normalise_twin(x, weight, bias, *, epsilon=EPSILON, comm=None):
    mean = np.mean(x, axis=(0, 1, 2))
    variance = np.mean(np.square(x - mean), axis=(0, 1, 2))
    return weight * (x - mean) / np.sqrt(variance + epsilon) + bias, None


@check_shapes(x="B H W C", weight="C", bias="C")
@primitive(twin=_normalise_twin, extras=True)
def normalise(x, weight, bias, *, epsilon=EPSILON, comm=None):
    """Mean 0 and variance 1 per channel over the batch, times weight plus bias; (B, H, W, C), (C,), (C,) -> (B, H, W, C).

    Returns (y, (mean, unbiased variance)): the statistics carry no gradient. Source: Ioffe and Szegedy 2015, Alg. 1.
    comm: several processes that share one batch, see `BatchStatistics`.
    """
    kernels = kernels_for(x)
    norm = BatchStatistics(kernels.channel_sums(x), x.size // x.shape[-1], weight, bias, epsilon, comm)

    @once
    def grads(g):
        dweight, dbias, p, q, r = norm.gradient(_pair_sums(g, x))
        return kernels.norm_gradient(g, x, p, q, r), dweight, dbias

    value = norm.scale * x + norm.shift
    return (value, norm.running()), lambda g: grads(g)[0], lambda g: grads(g)[1], lambda g: grads(g)[2]


def _pair_sums(d, x):
    axes = tuple(range(x.ndim - 1))
    return np.stack([np.sum(d, axis=axes, dtype=np.float64), np.sum(d * x, axis=axes, dtype=np.float64)])


class BatchStatistics:
    """What batch norm needs to know of one batch: y = scale z + shift, and how a gradient goes back through it.

    With x^ = (z - mean) / deviation:  d z = weight / deviation (d y - mean(d y) - x^ mean(d y x^))  =  p d y + q z + r.
    """

    def __init__(self, sums, count, weight, bias, epsilon=EPSILON, comm=None):
        """Take the sums of z and of z^2 per channel, (2, C) in float64, over `count` pixels.

        comm: processes that each hold an equal share of the batch; comm.sum(array) adds up over them, comm.size is their number.
        """
        self.kernels, self.weight, self.comm = kernels_for(sums), weight, comm
        self.count = count * (comm.size if comm else 1)
        sums = comm.sum(sums) if comm else sums
        (self.mean, _, self.inverse), narrow = self.kernels.norm_scales(sums, self.count, weight, bias, epsilon)
        self.scale, self.shift, *self._running = narrow

    def gradient(self, sums):
        """From the sums of d and of d z per channel: (dweight, dbias, p, q, r)."""
        factors = lambda sums: self.kernels.norm_factors(sums, self.count, self.weight, self.mean, self.inverse)
        if self.comm is None:
            return factors(sums)
        return factors(sums)[:2] + factors(self.comm.sum(sums))[2:]  # gradients of weights are added up later, with all others

    def running(self):
        """(mean, unbiased variance) for the running statistics."""
        return tuple(self._running)


def update_running(running, batch, momentum=MOMENTUM):
    """Running (mean, variance) after one more batch: (1 - momentum) old + momentum new."""
    return tuple(kernels_for(new).move_towards(old, new, momentum) for old, new in zip(running, batch, strict=True))


@check_shapes(x="B H W C", weight="C", bias="C")
def batch_norm(x, weight, bias, running, *, train, momentum=MOMENTUM, epsilon=EPSILON, comm=None):
    """Batch normalisation; (B, H, W, C), (C,), (C,), running (mean, variance) (C,) x 2 -> (y, new running).

    In training the batch's own statistics are used, and the running ones move towards them; otherwise the running ones are used.
    Nothing is changed in place: keep what is returned.
    """
    if train:
        y, batch = normalise(x, weight, bias, epsilon=epsilon, comm=comm)
        return y, running if batch is None else update_running(running, batch, momentum)
    mean, variance = running
    scale = weight / np.sqrt(variance + epsilon)
    return x * scale + (bias - mean * scale), running


@check_shapes(x="...")
@primitive(twin=lambda x: x)
def to_half(x):
    """The maps of a network in bfloat16, three digits in half of the memory; (..., C) float32 -> the bits, as uint16."""
    kernels = kernels_for(x)
    return kernels.to_half(x), lambda g: kernels.to_single(g)


@check_shapes(x="int ...")
@primitive(twin=lambda x: x)
def to_single(x):
    """Maps of bfloat16 in float32 again; (..., C) uint16 -> float32."""
    kernels = kernels_for(x)
    return kernels.to_single(x), lambda g: kernels.to_half(g)


@check_shapes(x="...")
def relu(x):
    """max(x, 0); any shape."""
    return np.maximum(x, 0)


def _max_pool_twin(x, *, size=3, stride=2, padding=1):
    return np.max(windows(x, size, stride, padding), axis=0)


@check_shapes(x="B H W C")
@primitive(twin=_max_pool_twin)
def max_pool(x, *, size=3, stride=2, padding=1):
    """Largest value under a size x size window; (B, H, W, C) -> (B, H', W', C). Outside of the map there is nothing."""
    kernels = kernels_for(x)
    value, taps = kernels.max_pool(x, size, stride, padding)
    return value, lambda g: kernels.max_pool_backward(g, taps, x, size, stride, padding)[0]


@check_shapes(x="B H W C")
def mean_pool(x):
    """Mean over all pixels; (B, H, W, C) -> (B, C)."""
    return np.mean(x, axis=(1, 2))


@check_shapes(x="B I", weight="I O", bias="O")
def linear(x, weight, bias):
    """x weight + bias; (B, I), (I, O), (O,) -> (B, O)."""
    # A 1x1 convolution of pictures of one pixel: np.matmul would wake the threads of BLAS, which then spin beside ours for 25 ms.
    y = conv2d(np.reshape(x, (-1, 1, 1, x.shape[1])), np.reshape(weight, (1, 1, *weight.shape)))
    return np.reshape(y, (-1, weight.shape[1])) + bias

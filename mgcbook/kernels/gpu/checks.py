"""What a kernel asks of its arguments before it trusts them with the memory of the GPU."""

import numpy as np

from .._cuda import is_simulated

__all__ = ["indices", "single", "whole"]


def whole(array):
    """The array, C-contiguous, where it is. Without `like`, NumPy would ask for the numbers instead of asking CuPy."""
    return np.ascontiguousarray(array, like=array)


def single(*arrays):
    """The arrays, C-contiguous; the kernels compute in float32 only.

    Raises:
        TypeError: for another type, or for an array that is not on the GPU.
    """
    return [_whole(array, np.float32) for array in arrays]


def indices(*arrays):
    """The arrays, C-contiguous and int32."""
    return [_whole(array, np.int32, cast=True) for array in arrays]


def _whole(array, dtype, cast=False):
    if not (is_simulated or hasattr(array, "__cuda_array_interface__")):
        raise TypeError(f"a GPU kernel was given a host array of shape {array.shape}: move it with to_device(array, 'cuda')")
    if array.dtype != dtype and not cast:
        raise TypeError(f"the GPU kernels compute in float32, got an array of {array.dtype}: use .astype(np.float32)")
    return whole(array.astype(dtype, copy=False))

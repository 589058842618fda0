"""Weights of residual networks from and to files: torchvision's .pth without PyTorch, and .safetensors.

In the files the layouts are PyTorch's, so that they can be exchanged: kernels (out, in, kh, kw) and matrices (out, in); here
kernels are (kh, kw, in, out) and matrices (in, out).
"""

import os
import tempfile

import numpy as np

from ..errors import DataError, ResourceError
from .pth import MOST_BYTES, read_pth

_IGNORED = ".num_batches_tracked"  # a counter of PyTorch's batch norm that only matters without momentum


def load_pretrained(path, params, state):
    """Parameters and running statistics of a network with torchvision's names from a .pth or .safetensors file.

    The last layer is taken from the file only where it fits; otherwise (ImageNet's 1000 classes) it stays as in `params`.

    Args:
        path: the file; its ending does not matter, its first bytes do.
        params, state: of the network to fill, from `init_resnet`: they say which names and shapes are expected.
    Returns:
        New dicts (params, state) in the types of the given ones.
    Raises:
        DataError: if the file is not what it should be, or does not fit the network: the message names the first wrong name.
        FileNotFoundError: if there is no such file.
    """
    found = {name: array for name, array in read_weights(path).items() if not name.endswith(_IGNORED)}
    expected = {**params, **state}
    head = [name for name in ("fc.weight", "fc.bias") if name in expected]
    fits = all(name in found and from_torch(found[name]).shape == expected[name].shape for name in head)
    taken = {name: array for name, array in found.items() if fits or name not in ("fc.weight", "fc.bias")}
    filled = {name: _fill(path, name, old, taken) for name, old in expected.items() if fits or name not in head}
    for name in taken:
        if name not in expected:
            raise DataError(f"{path}: {name}: this network has no such parameter; is the file of another depth?")
    return {name: filled.get(name, old) for name, old in params.items()}, {name: filled[name] for name in state}


def _fill(path, name, old, found):
    if name not in found:
        raise DataError(f"{path}: {name} is missing; expected torchvision's names, for the depth and width of this network")
    new = from_torch(found[name])
    if new.shape != old.shape or new.dtype.kind != "f":
        raise DataError(f"{path}: {name}: expected floating-point numbers of shape {_torch_shape(old.shape)}, "
                        f"got {found[name].dtype} {found[name].shape}")
    if not np.isfinite(new).all():
        raise DataError(f"{path}: {name}: holds numbers that are not finite")
    if name.endswith("running_var") and new.min(initial=0) < 0:
        raise DataError(f"{path}: {name}: holds a negative variance")
    return np.ascontiguousarray(new, old.dtype)


def read_weights(path):
    """Name -> array as they stand in a .safetensors or .pth file, in PyTorch's layouts.

    Raises:
        DataError: for anything else; nothing in the file is run, and memory is taken only for numbers that are there.
    """
    path = os.fspath(path)
    with open(path, "rb") as file:
        start = file.read(9)
    if len(start) == 9 and start[8:] == b"{" and int.from_bytes(start[:8], "little") < 100 << 20:
        return _read_safetensors(path)
    return read_pth(path)


def _read_safetensors(path):
    from safetensors import SafetensorError, safe_open

    if os.path.getsize(path) > MOST_BYTES:
        raise DataError(f"{path}: more than the {MOST_BYTES >> 30} GiB that are read")
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: not a readable safetensors file ({str(error)[:120]})") from None


def save_weights(path, params, state):
    """Write params and state as .safetensors with torchvision's names and layouts; an old file is replaced when all is written.

    Raises:
        ResourceError: if the file cannot be written; what was there before is still there.
    """
    from safetensors.numpy import save

    path = os.fspath(path)
    data = save({name: to_torch(array) for name, array in {**params, **state}.items()}, metadata={"format": "pt"})
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path) or ".", prefix=".weights", delete=False) as file:
            temporary = file.name
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise ResourceError(f"{path}: cannot be written ({error.strerror or error})") from None


def from_torch(array):
    """(out, in, kh, kw) -> (kh, kw, in, out), (out, in) -> (in, out); vectors stay."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def to_torch(array):
    """(kh, kw, in, out) -> (out, in, kh, kw), (in, out) -> (out, in); vectors stay. Contiguous."""
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T)


def _torch_shape(shape):
    return (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]

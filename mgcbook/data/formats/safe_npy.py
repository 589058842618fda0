"""NumPy's .npy files, also those that hold Python objects: these go through the restricted unpickler."""

import io
import math

import numpy as np

from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.data.formats.safe_pickle import load_pickle
from mgcbook.errors import DataError

_MOST = 512 << 20


def read_npy(path):
    """An array of a .npy file; one that holds a single object (a dict, as many models have) is that object.

    Raises:
        DataError: if it is broken, promises more than it holds, or asks for anything but numbers; nothing of it was run.
    """
    data = read_bytes(path, most=_MOST)
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, kind = read(file)
    except (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError) as error:
        raise DataError(f"{path}: expected a .npy file, found something else ({str(error)[:80]})") from error
    rest = data[file.tell() :]
    if kind.hasobject:
        objects = load_pickle(rest, path)
        return objects.item() if isinstance(objects, np.ndarray) and objects.dtype == object and objects.size == 1 else objects
    if kind.kind not in "fiub" or math.prod(shape) * kind.itemsize != len(rest):
        raise DataError(f"{path}: expected numbers, {shape} {kind}, found {len(rest)} bytes")
    return np.frombuffer(rest, kind).reshape(shape, order="F" if is_fortran else "C")

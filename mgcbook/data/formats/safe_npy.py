"""NumPy's .npy and .npz files; a .npy that holds Python objects goes through the restricted unpickler."""

import io
import math
import tokenize
import zipfile
import zlib

import numpy as np

from mgcbook.data.formats.safe_file import check_file, read_bytes
from mgcbook.data.formats.safe_pickle import load_pickle
from mgcbook.errors import DataError

MOST_ARRAY = 512 << 20
"""Bytes that an array may have."""


def read_npy(path):
    """An array of a .npy file; one that holds a single object (a dict, as many models have) is that object.

    Raises:
        DataError: if it is broken, promises more than it holds, or asks for anything but numbers; nothing of it was run.
    """
    return _parse(read_bytes(path, most=MOST_ARRAY), path, may_hold_objects=True)


def read_npz(path, names):
    """Arrays of numbers or strings of a .npz file by name; -> dict.

    Raises:
        DataError: if one is missing, broken, too large, or holds Python objects.
    """
    try:
        with zipfile.ZipFile(check_file(path)) as archive:
            return {name: _parse(_unpack(archive, name, path), f"{path}: {name}") for name in names}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: expected a whole .npz file ({type(error).__name__}: {str(error)[:80]})") from error


def _unpack(archive, name, path):
    try:
        entry = archive.getinfo(name + ".npy")
    except KeyError:
        raise DataError(f"{path}: expected an array {name!r}, found {', '.join(sorted(archive.namelist())[:9])}") from None
    if entry.file_size > MOST_ARRAY:
        raise DataError(f"{path}: {name}: expected at most {MOST_ARRAY} bytes, found {entry.file_size}")
    return archive.read(entry)


def _parse(data, where, *, may_hold_objects=False):
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, kind = read(file)
    except (ValueError, SyntaxError, TypeError, EOFError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise DataError(f"{where}: expected a .npy file, found something else ({str(error)[:80]})") from error
    rest = data[file.tell() :]
    if kind.hasobject:
        if not may_hold_objects:
            raise DataError(f"{where}: expected numbers, found Python objects, which are not loaded")
        objects = load_pickle(rest, where)
        return objects.item() if isinstance(objects, np.ndarray) and objects.dtype == object and objects.size == 1 else objects
    if kind.kind not in "fiubUS" or math.prod(shape) * kind.itemsize != len(rest) or min(shape, default=0) < 0:
        raise DataError(f"{where}: expected {shape} {kind}, found {len(rest)} bytes")
    return np.frombuffer(rest, kind).reshape(shape, order="F" if is_fortran else "C")

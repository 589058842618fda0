"""MATLAB's .mat files, version 5 to 7.2 (also 4, and 7.3, which is HDF5): plain arrays of numbers by name, sizes checked first.

The reader is our own, because sizes in such a file are promises: a compressed variable of 1 MB may ask for 1 GB. Here the head
of each variable (class, shape, name) is read alone, and only wanted ones of a plausible size are unpacked.
"""

import math
import struct
import zlib

import numpy as np

from mgcbook.data.formats.safe_file import check_file
from mgcbook.data.formats.safe_mat4 import is_mat4, read_mat4
from mgcbook.errors import DataError

MOST_ARRAY = 512 << 20
"""Bytes that one array may have; shapePC of the Basel Face Model 2009 has 128 MB."""
_MOST_VARIABLES = 1000
_HEAD = 128
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_OTHERS = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text", 5: "a sparse matrix", 16: "a function", 17: "an object"}
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED, _COMPLEX, _STRUCT = 14, 15, 0x0800, 2


def read_mat(path, names, *, optional=(), finite=True):
    """Numeric arrays of a .mat file by name; -> dict of arrays, two-dimensional as in MATLAB.

    Args:
        names: variables that must be there.
        optional: variables that are read if they are there.
        finite: refuse NaN and infinity.
    Raises:
        DataError: if the file is broken, a variable is missing, is no plain array of numbers, is too large, or not finite.
    """
    path = check_file(path)
    try:
        with path.open("rb") as file:
            found = _read(file, path, {*names, *optional})
    except DataError:
        raise
    except (OSError, ValueError, struct.error, zlib.error, EOFError, KeyError, MemoryError) as error:
        raise DataError(f"{path}: the file is broken or cut short ({str(error)[:100]}); copy or download it again") from error
    for name in names:
        if name not in found:
            raise DataError(f"{path}: expected a variable {name!r}, found {', '.join(sorted(found)) or 'none of those wanted'}")
    for name, array in found.items():
        if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{path}: {name}: expected finite numbers, found NaN or infinity; the file is damaged")
    return found


def _read(file, path, wanted):
    header = file.read(_HEAD)
    if header[:19] == b"MATLAB 7.3 MAT-file" or header[:4] == b"\x89HDF":
        return _read_hdf5(path, wanted)
    if is_mat4(header):
        return read_mat4(file, path.stat().st_size, wanted, MOST_ARRAY)
    if len(header) < _HEAD or header[126:] not in (b"IM", b"MI"):
        raise DataError(f"{path}: expected a .mat file of MATLAB, found something else ({header[:16]!r})")
    order = "<" if header[126:] == b"IM" else ">"
    size = path.stat().st_size
    found = {}
    for _ in range(_MOST_VARIABLES):
        tag = file.read(8)
        if not tag:
            return found
        kind, count = struct.unpack(order + "II", tag)
        start = file.tell()
        if start + count > size:
            raise DataError(f"{path}: cut short: {count} bytes are promised, {size - start} are left; copy or download it again")
        if kind in (_MATRIX, _COMPRESSED):
            _variable(file, kind == _COMPRESSED, count, order, wanted, found)
        file.seek(start + count)
    raise DataError(f"{path}: more than {_MOST_VARIABLES} variables")


def _variable(file, is_compressed, count, order, wanted, found):
    """Read one variable, at the file's place, into `found` if it is wanted."""
    packed = file.read(count if is_compressed else min(count, 4096))
    if is_compressed:
        head = zlib.decompressobj().decompress(packed, 4096)
        kind, count = struct.unpack(order + "II", head[:8])
        if kind != _MATRIX:
            return
        head = head[8:]
    else:
        head = packed
    flags, at = _element(head, 0, order)
    dimensions, at = _element(head, at, order)
    raw_name, at = _element(head, at, order)
    name = raw_name[1].decode("ascii", "replace")
    if name not in wanted:
        return
    flag = struct.unpack_from(order + "I", flags[1])[0]
    kind, shape = _CLASSES.get(flag & 0xFF), np.frombuffer(dimensions[1], order + "i4").tolist()
    if kind is None or flag & _COMPLEX:
        what = "complex numbers" if kind else _OTHERS.get(flag & 0xFF, f"class {flag & 0xFF}")
        hint = f"; in MATLAB: s = load(file); save(file, '-struct', 's', '{name}')" if flag & 0xFF == _STRUCT else ""
        raise DataError(f"{file.name}: {name}: expected a plain array of numbers, found {what} of MATLAB{hint}")
    length = math.prod(shape) * np.dtype(kind).itemsize
    if not 2 <= len(shape) <= 4 or min(shape) < 0 or max(length, count) > MOST_ARRAY:
        raise DataError(f"{file.name}: {name}: expected at most {MOST_ARRAY >> 20} MB, found {shape} with {length} bytes")
    if is_compressed:
        body = zlib.decompressobj().decompress(packed, count + 8)[8:]
    else:
        body = packed + file.read(count - len(packed))
    if len(body) != count:
        raise DataError(f"{file.name}: {name}: cut short: {count} bytes are promised, {len(body)} are there")
    found[name] = _numbers(file, name, _element(body, at, order)[0], kind, shape, order)


def _numbers(file, name, element, kind, shape, order):
    stored, data = element
    if stored not in _STORED:
        raise DataError(f"{file.name}: {name}: stored in an unknown way ({stored})")
    flat = np.frombuffer(data, order + _STORED[stored])
    if flat.size != math.prod(shape):
        raise DataError(f"{file.name}: {name}: expected {shape} = {math.prod(shape)} numbers, found {flat.size}")
    return flat.astype(kind, copy=False).reshape(shape, order="F")


def _element(data, at, order):
    """((type, bytes), place of the next element) of what begins at a place; small ones have their bytes in their tag."""
    kind, count = struct.unpack_from(order + "II", data, at)
    if kind >> 16:
        kind, count, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
    else:
        start, end = at + 8, at + 8 + count + -count % 8
    if start + count > len(data):
        raise EOFError(f"{count} bytes are promised at {start}, {len(data) - start} are there")
    return (kind, data[start : start + count]), end


def _read_hdf5(path, wanted):
    from mgcbook.data.formats.safe_hdf5 import open_hdf5

    with open_hdf5(path) as file:
        return {name: file.array(name).T for name in sorted(wanted) if name in file}  # HDF5 has rows first, MATLAB columns

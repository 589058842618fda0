"""MATLAB's .mat files of version 4: a head of 20 bytes, a name and the numbers, one matrix after the other.

    type (int32: 1000 byte order + 10 number + what), rows, columns, has imaginary part, length of the name
"""

import struct

import numpy as np

from mgcbook.errors import DataError

_HEAD = struct.Struct("5i")
_NUMBERS = {0: "f8", 1: "f4", 2: "i4", 3: "i2", 4: "u2", 5: "u1"}
_LONGEST_NAME = 1000
_MOST_VARIABLES = 1000


def is_mat4(header):
    """Does a file that begins with these bytes look like version 4?"""
    return _order(header) is not None


def _order(header):
    """Byte order "<" or ">" if a head of version 4 stands here; None if not."""
    if len(header) < _HEAD.size:
        return None
    for order, machine in (("<", 0), (">", 1)):
        kind, rows, columns, imaginary, length = struct.unpack_from(f"{order}5i", header)
        digits = kind // 1000 == machine, kind // 100 % 10 == 0, kind // 10 % 10 in _NUMBERS, kind % 10 in (0, 1, 2)
        if kind >= 0 and all(digits) and min(rows, columns) >= 0 and imaginary in (0, 1) and 1 < length <= _LONGEST_NAME:
            return order
    return None


def read_mat4(file, size, wanted, most):
    """Plain matrices of an open file by name; -> dict of arrays (rows, columns).

    Args:
        size: of the file, in bytes.
        wanted: names that are read; of others only the head is.
        most: bytes that one array may have.
    Raises:
        DataError: for what is no matrix of numbers, is too large or cut short.
    """
    found = {}
    file.seek(0)
    for _ in range(_MOST_VARIABLES):
        head = file.read(_HEAD.size)
        if not head:
            return found
        order = _order(head)
        if order is None:
            raise DataError(f"{file.name}: expected a matrix of MATLAB 4 at byte {file.tell() - len(head)}; the file is damaged")
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", head)
        name = file.read(length).split(b"\0")[0].decode("ascii", "replace")
        dtype = np.dtype(order + _NUMBERS[kind // 10 % 10])
        count = rows * columns * dtype.itemsize
        if file.tell() + count * (1 + imaginary) > size:
            raise DataError(f"{file.name}: {name}: cut short: {count} bytes are promised, {size - file.tell()} are left")
        start = file.tell()
        if name in wanted:
            if kind % 10 or imaginary or count > most:
                what = "text or a sparse matrix" if kind % 10 else "complex numbers" if imaginary else f"{count} bytes"
                raise DataError(f"{file.name}: {name}: expected plain numbers of at most {most >> 20} MB, found {what}")
            flat = np.frombuffer(file.read(count), dtype)
            found[name] = flat.astype(dtype.newbyteorder("="), copy=False).reshape((rows, columns), order="F")
        file.seek(start + count * (1 + imaginary))
    raise DataError(f"{file.name}: more than {_MOST_VARIABLES} variables")

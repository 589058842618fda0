"""Tensors in files of Torch 7 (.t7), as LS3D-W stores its landmarks; nothing but one tensor of numbers is read.

    int32 4 (an object), int32 number, string "V 1", string "torch.FloatTensor",
    int32 dimensions, int64 sizes, int64 strides, int64 offset from 1, and the storage as an object of its own:
    int32 4, int32 number, string "V 1", string "torch.FloatStorage", int64 count, the numbers

Little-endian; a string is its length as int32, then its bytes.
"""

import struct

import numpy as np

from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.errors import DataError

KINDS = {"Float": np.float32, "Double": np.float64, "Int": np.int32, "Long": np.int64, "Byte": np.uint8, "Short": np.int16}
LARGEST = 1_000_000
"""Numbers; landmark files hold a few hundred."""


def read_tensor(path):
    """The tensor of a .t7 file; -> float64 array.

    Raises:
        DataError: if the file holds anything else, or is cut short.
    """
    reader = _Reader(read_bytes(path, most=8 * LARGEST))
    try:
        kind = reader.object_of("Tensor")
        axes = reader.take("i")
        if not 1 <= axes <= 4:
            raise ValueError(f"{axes} dimensions")
        sizes, strides = [reader.take("q") for _ in range(axes)], [reader.take("q") for _ in range(axes)]
        start = reader.take("q") - 1
        if reader.object_of("Storage") != kind:
            raise ValueError("tensor and storage of different types")
        values = reader.array(KINDS[kind], reader.take("q"))
        return _view(values, sizes, strides, start).astype(np.float64)
    except (ValueError, struct.error) as error:
        raise DataError(f"{path}: expected one tensor in the format of Torch 7 ({error})") from error


def _view(values, sizes, strides, start):
    """Numbers of a storage as an array, every position checked."""
    if min(sizes) < 1 or np.prod(np.array(sizes, float)) > LARGEST:
        raise ValueError(f"sizes {sizes}")
    last = start + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if start < 0 or min(strides) < 0 or last >= len(values):
        raise ValueError(f"sizes {sizes} reach beyond the {len(values)} numbers of the file")
    index = start + sum(np.arange(size).reshape([-1 if i == axis else 1 for i in range(len(sizes))]) * strides[axis]
                        for axis, size in enumerate(sizes))  # fmt: skip
    return values[index]


class _Reader:
    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.place)
        self.place += struct.calcsize("<" + code)
        return value

    def string(self):
        length = self.take("i")
        if not 0 <= length <= 100:
            raise ValueError(f"a string of {length} bytes")
        text = self.data[self.place : self.place + length]
        self.place += length
        return text.decode("ascii", "replace")

    def object_of(self, what):
        """The header of a tensor or storage; -> kind of its numbers."""
        if self.take("i") != 4:
            raise ValueError("no object")
        self.take("i")
        name = self.string()
        name = self.string() if name.startswith("V ") else name
        kind = name.removeprefix("torch.").removesuffix(what)
        if name != f"torch.{kind}{what}" or kind not in KINDS:
            raise ValueError(f"found {name[:40]!r}")
        return kind

    def array(self, dtype, count):
        size = np.dtype(dtype).itemsize
        if not 0 <= count <= (len(self.data) - self.place) // size:
            raise ValueError(f"{count} numbers do not fit into the file")
        return np.frombuffer(self.data, np.dtype(dtype).newbyteorder("<"), count, self.place)

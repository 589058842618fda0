"""Read the tensors of a PyTorch file (.pth, .pt) without PyTorch, and without running what the file says.

Such a file is a pickle, a small program that may call any function of Python. Here it may name a dozen harmless things and
nothing else; what it describes is checked against the size of the file before memory is taken. Both layouts are known: the zip
archive of PyTorch 1.6 and later, and the older row of pickles with the numbers behind.
"""

import io
import os
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from ..errors import DataError

MOST_BYTES = 4 << 30
"""Largest file that is opened."""
_MOST_PICKLE = 64 << 20  # bytes of description; ResNet-152 needs 0.1 MB
_MOST_TENSORS = 100_000
_MAGIC = 0x1950A86A20F9469CFC6C  # of the older layout
_STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16",
             "LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1", "ByteStorage": "u1",
             "BoolStorage": "?"}


class _Storage(NamedTuple):
    """A run of numbers somewhere in the file."""

    key: str
    kind: str
    count: int


class _View(NamedTuple):
    """A tensor: a window on a storage."""

    storage: _Storage
    offset: int
    shape: tuple
    stride: tuple


class _Reader(pickle.Unpickler):
    """A pickle that may build dicts, lists, strings, numbers and views of storages; everything else is refused by name."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) in (("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_tensor")):
            return lambda storage, offset, shape, stride, *_: _view(storage, offset, shape, stride)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if module == "torch" and name in _STORAGES:
            return name  # a string: the name is all that is needed
        raise DataError(f"it asks for {module}.{name}, which no file of weights needs; it is refused and nothing was run")

    def persistent_load(self, pid):
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and pid[1] in _STORAGES):
            raise DataError(f"unknown kind of storage {str(pid)[:80]!r}")
        storage = _Storage(str(pid[2]), pid[1], _whole(pid[4]))
        if len(self.storages) >= _MOST_TENSORS or self.storages.setdefault(storage.key, storage) != storage:
            raise DataError(f"storage {storage.key[:40]} is described twice, or there are too many")
        return storage


def _load(stream):
    """Run one pickle through the reader, after a look at its opcodes; returns (what it builds, its storages)."""
    start = stream.tell()
    for opcode, argument, _ in pickletools.genops(stream):
        # A memo number of 2^32 in ten bytes makes Python's unpickler take 64 GiB before anything else is checked.
        if opcode.name in ("PUT", "LONG_BINPUT", "BINPUT") and not 0 <= argument < 10 * _MOST_TENSORS:
            raise DataError("its description is broken on purpose: a memo number without end")
        if opcode.name in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"):
            raise DataError(f"it uses the opcode {opcode.name}, which no file of weights needs")
    stream.seek(start)
    reader = _Reader(stream)
    return reader.load(), reader.storages


def _whole(value):
    if type(value) is not int or not 0 <= value <= MOST_BYTES:
        raise DataError(f"expected a count, got {str(value)[:40]!r}")
    return value


def _view(storage, offset, shape, stride):
    if not isinstance(storage, _Storage) or len(shape) != len(stride) or len(shape) > 8:
        raise DataError("a tensor is described in an impossible way")
    shape, stride = tuple(map(_whole, shape)), tuple(map(_whole, stride))
    count = 1
    for n in shape:
        count *= n
    last = _whole(offset) + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    if count > storage.count or (count and last >= storage.count):
        raise DataError(f"a tensor of shape {shape} does not fit into its storage of {storage.count} numbers")
    return _View(storage, offset, shape, stride)


def read_pth(path):
    """Name -> array of every tensor in a .pth file, in PyTorch's own layouts; tensors in lists are named 0, 1, 1.0 ...

    Raises:
        DataError: if it is no such file, is cut short, or asks for anything but tensors; nothing of it was run.
    """
    size = os.path.getsize(path)
    if size > MOST_BYTES:
        raise DataError(f"{path}: {size / 2**30:.1f} GiB, more than the {MOST_BYTES >> 30} GiB that are read")
    try:
        with open(path, "rb") as file:
            tree, numbers = _read_zip(file) if zipfile.is_zipfile(file) else _read_row(file, size)
            return {name: _array(view, numbers) for name, view in _tensors(tree).items()}
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except Exception as error:  # a broken pickle may raise almost anything
        raise DataError(f"{path}: not a readable PyTorch file ({type(error).__name__}: {str(error)[:120]})") from None


def _read_zip(file):
    archive = zipfile.ZipFile(file)
    entries = {entry.filename: entry for entry in archive.infolist()}
    names = [name for name in entries if name.endswith("/data.pkl")]
    if len(names) != 1:
        raise DataError("a zip archive without one data.pkl; expected a file written by torch.save")
    if entries[names[0]].file_size > _MOST_PICKLE:
        raise DataError("its description is larger than any network's")
    folder = names[0].removesuffix("data.pkl")
    order = archive.read(folder + "byteorder").strip() if folder + "byteorder" in entries else b"little"
    if order != b"little":
        raise DataError("it was written on a big-endian machine")
    (tree, storages), stored = _load(io.BytesIO(archive.read(names[0]))), {}
    if sum(map(_length, storages.values())) > MOST_BYTES:
        raise DataError("it describes more numbers than are read")
    for key, storage in storages.items():
        entry = entries.get(f"{folder}data/{key}")
        if entry is None or entry.file_size != _length(storage):
            held = entry.file_size if entry else "none"
            raise DataError(f"storage {key[:40]}: expected {_length(storage)} bytes, the file has {held}")
        stored[key] = archive.read(entry)
    return tree, stored


def _read_row(file, size):
    """The older layout: magic number, version, system, description, keys, then for each key a count and the numbers."""
    file.seek(0)
    head = io.BytesIO(file.read(_MOST_PICKLE))
    if _load(head)[0] != _MAGIC:
        raise DataError("it does not begin like a file written by torch.save")
    _load(head), _load(head)
    (tree, storages), keys, stored = _load(head), _load(head)[0], {}
    file.seek(head.tell())
    for key in keys:
        storage = storages.get(str(key))
        (count,) = struct.unpack("<q", file.read(8))
        if storage is None or count != storage.count:
            described = storage.count if storage else "none"
            raise DataError(f"storage {str(key)[:40]}: {count} numbers in the file, {described} in its description")
        if _length(storage) > size - file.tell():
            raise DataError(f"cut short: storage {str(key)[:40]} needs {_length(storage)} bytes, {size - file.tell()} are left")
        stored[storage.key] = file.read(_length(storage))
    return tree, stored


def _length(storage):
    """Bytes of a storage."""
    kind = _STORAGES[storage.kind]
    return storage.count * (2 if kind == "bfloat16" else np.dtype(kind).itemsize)


def _tensors(tree):
    """Name -> view of every tensor: those under "state_dict" or "model" if there is such a dict; "module." is cut off."""
    for name in ("state_dict", "model"):
        if isinstance(tree, dict) and isinstance(tree.get(name), dict):
            tree = tree[name]
    found, to_visit, visits = {}, [("", tree, 0)], 0
    while to_visit:
        name, value, depth = to_visit.pop()
        visits += 1
        if visits > 10 * _MOST_TENSORS:
            raise DataError("its lists are nested without end")
        if isinstance(value, _View):
            found[name.removeprefix("module.")] = value
        elif isinstance(value, dict | list | tuple) and not isinstance(value, _Storage) and depth < 8:
            items = value.items() if isinstance(value, dict) else enumerate(value)
            to_visit += [(f"{name}.{key}" if name else str(key)[:200], item, depth + 1) for key, item in items]
    if not found:
        raise DataError("it holds no tensors")
    return dict(reversed(found.items()))


def _array(view, stored):
    kind = _STORAGES[view.storage.kind]
    data = stored[view.storage.key]
    if kind == "bfloat16":  # the upper half of a float32
        flat = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        flat = np.frombuffer(data, kind)
    strides = [step * flat.itemsize for step in view.stride]
    return np.array(np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, strides))

"""Pickles without running them: numbers, strings, lists, dicts and NumPy arrays come out, anything else ends in an error.

A pickle is a program for a small machine, and two of its instructions call any function of Python. Here those two only know the
names in `_CALLS`, and what these do is ours: no function of another library is ever called, no array is made before its bytes
are there. Python 2 wrote most models of the field, so its strings are read as well.
"""

import io
import math
import pickle
import struct

import numpy as np

from mgcbook.data.formats.safe_file import MOST_BYTES, read_bytes
from mgcbook.errors import DataError

_MOST_STEPS = 2_000_000
"""Instructions of a pickle; a model of the field has a few hundred."""
_MOST_THINGS = 200_000
_DEEPEST = 24


class _Record:
    """Something that a pickle describes; it can be given a state and does nothing."""

    state = None


class _Array(_Record):
    """An array to be; its state is (version, shape, dtype, is Fortran, bytes)."""


class _Type(_Record):
    """A dtype to be; its state begins with (version, byte order)."""

    def __init__(self, text):
        self.text = text


class _Holder(_Record):
    """An object of chumpy or scipy.sparse: its attributes are kept, its class is not."""


class _Name:
    """A name that a pickle may say, standing for a function of ours."""

    def __init__(self, call):
        self.call = call


def _encode(text, *_):
    return text.encode("latin1")


def _reconstruct(kind, *_):
    return _Array() if kind is _NDARRAY else _Holder()


def _from_buffer(data, kind, shape, order):
    array = _Array()
    array.state = (shape, kind, order == "F", bytes(data))
    return array


_NDARRAY = _Name(lambda *_: _Array())
_HOLDER = _Name(lambda *_: _Holder())
_CALLS = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Name(lambda text, *_: _Type(text)),
    ("_codecs", "encode"): _Name(_encode),
    ("copy_reg", "_reconstructor"): _Name(_reconstruct),
    ("copyreg", "_reconstructor"): _Name(_reconstruct),
    ("__builtin__", "object"): _HOLDER,
    ("builtins", "object"): _HOLDER,
    ("collections", "OrderedDict"): _Name(lambda *items: dict(*items)),
}
_CALLS |= {(f"numpy.{core}.multiarray", "_reconstruct"): _Name(_reconstruct) for core in ("core", "_core")}
_CALLS |= {(f"numpy.{core}.multiarray", "scalar"): _Name(lambda kind, data: _scalar(kind, data)) for core in ("core", "_core")}
_CALLS |= {(f"numpy.{core}.numeric", "_frombuffer"): _Name(_from_buffer) for core in ("core", "_core")}
_CALLS |= {("__builtin__", "bytes"): _Name(lambda: b""), ("builtins", "bytes"): _Name(lambda: b"")}  # protocols below 3
_CALLS |= {(f"scipy.sparse.{place}", "csc_matrix"): _HOLDER for place in ("csc", "_csc")}
_CALLS |= {("chumpy.ch", "Ch"): _HOLDER, ("chumpy.reordering", "Select"): _HOLDER}


class _Dispatch(dict):
    """Instruction -> handler; counts, and knows only harmless ones."""

    steps = 0

    def __getitem__(self, code):
        self.steps += 1
        if self.steps > _MOST_STEPS:
            raise DataError(f"more than {_MOST_STEPS} instructions; no face model needs as many")
        handler = self.get(code)
        if handler is None:
            raise DataError(f"the instruction {bytes([code])!r}, which no file of numbers needs; it is refused")
        return handler


_HARMLESS = [
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1",
    "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",  "TUPLE", "EMPTY_TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "GET", "BINGET",
    "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL",
]  # fmt: skip


class _Machine(pickle._Unpickler):
    """Python's own unpickler in Python: unlike the one in C it takes no memory for a memo number that is made up."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data), encoding="latin1")
        handlers = {getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]] for name in _HARMLESS}
        ours = {"REDUCE": _Machine.load_reduce, "BUILD": _Machine.load_build, "NEWOBJ": _Machine.load_reduce,
                "BINBYTES8": _Machine.load_binbytes8, "BYTEARRAY8": _Machine.load_binbytes8}  # fmt: skip
        self.dispatch = _Dispatch(handlers | {getattr(pickle, name)[0]: call for name, call in ours.items()})

    def find_class(self, module, name):
        if (module, name) not in _CALLS:
            raise DataError(f"it asks for {module}.{name}, which no face model needs; it is refused and nothing was run")
        return _CALLS[module, name]

    def load_reduce(self):
        arguments = self.stack.pop()
        called = self.stack[-1]
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise DataError("a call of something that is no function")
        self.stack[-1] = called.call(*arguments)

    def load_binbytes8(self):
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(min(size, MOST_BYTES)))  # no more than there is

    def load_build(self):
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Record):
            raise DataError("a state for something that has none")
        self.stack[-1].state = state


def read_pickle(path, *, most=MOST_BYTES):
    """Read a file written by Python's pickle, without running it; -> dicts, lists, tuples, strings, numbers, arrays.

    Objects of chumpy become the array they hold, sparse matrices of scipy a dict of their attributes.

    Raises:
        DataError: if it is cut short, too large, or asks for anything but numbers; nothing of it was run.
    """
    return load_pickle(read_bytes(path, most=most), path)


def load_pickle(data, where="pickle"):
    """As `read_pickle`, from bytes; `where` names them in messages."""
    try:
        return _finish(_Machine(data).load(), {}, 0)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except Exception as error:  # a broken pickle may raise almost anything
        message = f"{type(error).__name__}: {str(error)[:120]}"
        raise DataError(f"{where}: expected a pickle of numbers, found something else ({message})") from None


def _finish(thing, done, depth):
    """Replace what was described by what it is, each thing once."""
    if depth > _DEEPEST or len(done) > _MOST_THINGS:
        raise DataError("it is nested too deeply, or describes too many things")
    if not isinstance(thing, dict | list | tuple | _Record | _Name):
        return thing
    if id(thing) in done:
        return done[id(thing)][1]
    inside = lambda value: _finish(value, done, depth + 1)
    if isinstance(thing, dict):
        result = {inside(key): inside(value) for key, value in thing.items()}
    elif isinstance(thing, list | tuple):
        result = type(thing)(map(inside, thing))
    elif isinstance(thing, _Array):
        result = _array(thing.state, inside)
    elif isinstance(thing, _Holder):
        state = inside(thing.state)
        result = state["x"] if isinstance(state, dict) and isinstance(state.get("x"), np.ndarray) else state
    else:
        raise DataError("a function or a type where a value is expected")
    done[id(thing)] = thing, result  # the thing is kept, so that no other gets its id
    return result


def _array(state, inside):
    if not isinstance(state, tuple) or len(state) < 4:
        raise DataError("an array without content")
    shape, kind, is_fortran, data = state[-4:]
    shape = tuple(_whole(size) for size in shape)
    order = "F" if is_fortran else "C"
    if isinstance(kind, _Type) and kind.text.startswith("O"):
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise DataError(f"an array of {shape} objects with another number of them")
        objects = np.empty(len(data), object)
        objects[:] = [inside(item) for item in data]
        return objects.reshape(shape, order=order)
    number = _number_type(kind)
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, bytes) or math.prod(shape) * number.itemsize != len(data):
        raise DataError(f"an array of {shape} {number} with another number of bytes")
    return np.frombuffer(data, number).reshape(shape, order=order).copy(order)


def _scalar(kind, data):
    data = data.encode("latin1") if isinstance(data, str) else data
    return np.frombuffer(data, _number_type(kind), count=1)[0]


def _number_type(kind):
    if not isinstance(kind, _Type) or not isinstance(kind.text, str) or kind.text[:1] not in "fiub" or len(kind.text) > 3:
        raise DataError(f"an array of {getattr(kind, 'text', kind)!r:.40}; expected numbers")
    order = kind.state[1] if isinstance(kind.state, tuple) and len(kind.state) > 1 else "|"
    if order not in ("<", ">", "|", "="):
        raise DataError(f"the byte order {order!r:.20}")
    return np.dtype(("<" if order == "=" else order) + kind.text)


def _whole(size):
    if type(size) is not int or size < 0:
        raise DataError(f"an array of size {str(size)[:20]}")
    return size

"""The process that touches an HDF5 file: reads requests from stdin, writes arrays to stdout. Run as a file, by `safe_hdf5`.

    request   one line of JSON: {"do": "array", "name": "shape/model/mean", "columns": 80}
    answer    one line of JSON: {"value": ...}, {"error": "..."}, or {"dtype": "<f4", "shape": [3, 2]} and the bytes

It imports nothing of the package, so that it starts quickly.
"""

import json
import math
import sys

MOST_ARRAY = 512 << 20
"""Bytes that an array may have when read."""
MOST_TEXT = 1 << 20
MOST_MEMORY = 4 << 30
_KNOWN_FILTERS = {1, 2, 3}  # deflate, shuffle, checksum
_BEST_RATIO = 1100
"""Deflate packs at most 1032 to 1: more numbers than that for a byte in the file are not there."""


class Refused(Exception):
    """What the file has is not read; the message says why."""


def has(file, name):
    place = file
    for part in name.split("/"):
        if not hasattr(place, "keys") or part not in place:
            return False
        place = step(place, part, name)
    return True


def step(group, part, name):
    """The next group or data set of a path, if it is really in this file."""
    import h5py

    if not isinstance(group, h5py.Group) or part not in group:
        raise Refused(f"expected {name!r}, found no {part!r}; is it another kind of model?")
    if not isinstance(group.get(part, getlink=True), h5py.HardLink):
        raise Refused(f"{name}: {part!r} is a link to somewhere else, which is never followed")
    return group[part]


def data_set(file, name):
    """A data set whose numbers are in this file, packed in a usual way."""
    import h5py

    data = file
    for part in name.split("/"):
        data = step(data, part, name)
    if not isinstance(data, h5py.Dataset):
        raise Refused(f"{name}: expected an array, found a {type(data).__name__.lower()}")
    if data.external or data.is_virtual:
        raise Refused(f"{name}: its numbers lie in another file, which is never opened; copy them in")
    properties = data.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if not filters <= _KNOWN_FILTERS:
        raise Refused(f"{name}: packed in an unusual way ({sorted(filters)}); save it with gzip or plainly")
    return data


def array(file, name, columns):
    """Numbers at a path; of two-dimensional ones only the first columns if so asked."""
    import numpy as np

    data = data_set(file, name)
    if data.dtype.kind not in "fiu" or data.dtype.itemsize > 8:
        raise Refused(f"{name}: expected numbers, found {data.dtype}")
    shape = data.shape if columns is None or data.ndim != 2 else (data.shape[0], min(columns, data.shape[1]))
    length, stored = math.prod(shape) * data.dtype.itemsize, data.id.get_storage_size()
    if len(shape) > 3 or length > min(MOST_ARRAY, _BEST_RATIO * max(stored, 1)):
        raise Refused(f"{name}: expected at most {MOST_ARRAY >> 20} MB that are in the file, found shape {data.shape} "
                      f"with {stored} bytes")  # fmt: skip
    if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > MOST_ARRAY:
        raise Refused(f"{name}: pieces of {data.chunks} numbers are too large")
    found = np.asarray(data[tuple(slice(size) for size in shape)], order="C")
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise Refused(f"{name}: expected finite numbers, found NaN or infinity; the file is damaged")
    return found


def text(file, name):
    """A string at a path."""
    data = data_set(file, name)
    if data.dtype.kind not in "SO" or data.size != 1 or data.dtype.itemsize > MOST_TEXT:
        raise Refused(f"{name}: expected a string, found {data.dtype} {data.shape}")
    value = data[()]
    value = value.flat[0] if hasattr(value, "flat") else value
    if not isinstance(value, bytes | str) or len(value) > MOST_TEXT:
        raise Refused(f"{name}: expected a string of at most {MOST_TEXT} characters")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def answer(file, request):
    """(what goes into the line, the bytes behind it)."""
    if request["do"] == "array":
        found = array(file, request["name"], request["columns"])
        return {"dtype": found.dtype.str, "shape": found.shape}, found
    if request["do"] == "names":
        return {"value": sorted(file.keys())[:1000]}, b""
    return {"value": {"has": has, "text": text}[request["do"]](file, request["name"])}, b""


def serve(path, requests, answers):
    """Answer requests until there are no more."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except Exception as error:
        file, broken = None, f"{type(error).__name__}: {str(error)[:160]}"
    for line in requests:
        try:
            if file is None:
                raise Refused(f"expected a whole HDF5 file, found a broken or another one ({broken})")
            said, behind = answer(file, json.loads(line))
        except Refused as error:
            said, behind = {"error": str(error)}, b""
        except Exception as error:  # whatever a broken file makes the library raise
            said, behind = {"error": f"the file is broken ({type(error).__name__}: {str(error)[:160]})"}, b""
        answers.write(json.dumps(said).encode() + b"\n")
        answers.write(behind)
        answers.flush()


if __name__ == "__main__":
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # Windows, or a lower limit is set already
        pass
    serve(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)

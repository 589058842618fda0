"""A face model on disk: one .npz of plain arrays, no pickle, every array checked before it is believed."""

import json
import tokenize
import zipfile
import zlib

import numpy as np

from mgcbook.errors import DataError
from mgcbook.face.morphable import FaceModel
from mgcbook.files import atomic_write

FORMAT = 1
LARGEST = 4 << 30
"""Bytes of arrays that a file may hold: a compressed file of a few kB can otherwise ask for all memory."""

SHAPES = {
    "mean": "V 3",
    "identity_basis": "Ki V 3",
    "identity_deviation": "Ki",
    "expression_basis": "Ke V 3",
    "expression_deviation": "Ke",
    "albedo_mean": "V 3",
    "albedo_basis": "Ka V 3",
    "albedo_deviation": "Ka",
    "triangles": "F 3",
    "landmark_vertices": "68",
    "mirror": "V",
}
UNREADABLE = (zipfile.BadZipFile, zlib.error, ValueError, LookupError, EOFError, OSError, RuntimeError, SyntaxError,
              tokenize.TokenError)  # fmt: skip
"""What Python's zip reader and NumPy raise on files that are cut short, damaged or something else."""
INDICES = ("triangles", "landmark_vertices", "mirror")


def save_model(model, path):
    """Write a FaceModel to a .npz file; the file appears complete or not at all.

    Raises:
        ResourceError: if it cannot be written.
    """
    arrays = {name: getattr(model, name) for name in SHAPES}
    arrays |= {f"regions/{name}": mask for name, mask in model.regions.items()}
    arrays |= {f"units/{name}": unit for name, unit in model.units.items()}
    about = json.dumps({"format": FORMAT, "name": model.name, "license": model.license})
    arrays["about"] = np.frombuffer(about.encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def load_model(path):
    """Read a FaceModel from a .npz file.

    Raises:
        DataError: if the file is not such a model; the message names the array, what was expected and what came.
        FileNotFoundError: if there is none.
    """
    arrays = _read_arrays(path)
    about = _read_about(arrays.pop("about", None), path)
    parts = {name: arrays.pop(name) for name in SHAPES if name in arrays}
    groups = {"regions": {}, "units": {}}
    for name, array in arrays.items():
        group, _, rest = name.partition("/")
        if group not in groups or not rest:
            raise DataError(f"{path}: unknown array {name!r}; was the file written by a newer version?")
        groups[group][rest] = array
    for name in SHAPES:
        if name not in parts:
            raise DataError(f"{path}: the array {name!r} is missing, the file is not a face model of mgcbook")
    model = FaceModel(**parts, **groups, name=about["name"], license=about["license"])
    check_model(model, path)
    return model


def check_model(model, where="face model"):
    """Check shapes, types, indices and values of a FaceModel.

    Raises:
        DataError: names `where`, the array, what was expected and what came.
    """
    letters = {}
    for name, pattern in SHAPES.items():
        array = getattr(model, name)
        expected = np.int32 if name in INDICES else np.float32
        _expect(array.dtype == expected, where, name, np.dtype(expected).name, array.dtype)
        fits = len(array.shape) == len(pattern.split()) and all(
            size == int(axis) if axis.isdigit() else letters.setdefault(axis, size) == size
            for axis, size in zip(pattern.split(), array.shape, strict=True)
        )
        known = ", ".join(f"{axis} = {size}" for axis, size in letters.items())
        _expect(fits, where, name, f"shape ({', '.join(pattern.split())}) with {known}", array.shape)
        if name in INDICES:
            in_range = array.size == 0 or (array.min() >= 0 and array.max() < letters["V"])
            _expect(in_range, where, name, f"vertex indices from 0 to {letters['V'] - 1}", "others")
        else:
            _expect(bool(np.isfinite(array).all()), where, name, "finite numbers", "NaN or infinity")
        if name.endswith("_deviation"):
            _expect(bool((array >= 0).all()), where, name, "deviations of at least 0", array.min())
    for group, size, kind in (("regions", letters["V"], np.bool_), ("units", letters["Ke"], np.float32)):
        for name, array in getattr(model, group).items():
            right = array.dtype == kind and array.shape == (size,) and bool(np.isfinite(array).all())
            _expect(right, where, f"{group}/{name}", f"({size},) finite {np.dtype(kind).name}", f"{array.shape} {array.dtype}")
    is_paired = bool((model.mirror[model.mirror] == np.arange(letters["V"])).all())
    _expect(is_paired, where, "mirror", "partners of each other", "others")


def _expect(condition, where, name, expected, came):
    if not condition:
        raise DataError(f"{where}: {name}: expected {expected}, got {came}")


def _read_arrays(path):
    """All arrays of a .npz, after a look at how much memory they would take."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > LARGEST:
                raise DataError(f"{path}: expected at most {LARGEST} bytes of arrays, got {size}")
            for entry in archive.infolist():
                _check_header(archive, entry, path)
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (FileNotFoundError, DataError):
        raise
    except UNREADABLE as error:
        raise DataError(f"{path}: not a face model, expected a .npz of plain arrays ({type(error).__name__}: {error})") from error


def _check_header(archive, entry, path):
    """An array's header may not promise more than the file holds: NumPy would believe it and ask for the memory."""
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(file)
        if kind.hasobject:
            raise DataError(f"{path}: {entry.filename}: expected plain numbers, got Python objects, which are never loaded")
        count = 1
        for axis in shape:
            count *= axis
        if count < 0 or count * kind.itemsize != entry.file_size - file.tell():
            raise DataError(f"{path}: {entry.filename}: expected {shape} {kind}, got {entry.file_size - file.tell()} bytes")


def _read_about(stored, path):
    try:
        about = json.loads(stored.tobytes().decode())
        wanted = {"format": about["format"], "name": str(about["name"]), "license": str(about["license"])}
    except (AttributeError, UnicodeDecodeError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path}: the array 'about' is missing or broken, the file is not a face model of mgcbook") from error
    if wanted["format"] != FORMAT:
        raise DataError(f"{path}: expected format {FORMAT}, got {wanted['format']!r}; update mgcbook or convert the file again")
    return wanted

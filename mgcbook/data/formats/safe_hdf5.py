"""HDF5 files without their doors: no links, no external storage, no virtual data sets, no foreign filters, no large surprises.

A data set in an HDF5 file may say that its numbers lie in another file of this machine. Such ones are refused before they are
read, at every step of a path.
"""

import contextlib
import math

import numpy as np

from mgcbook.data.formats.safe_file import check_file
from mgcbook.errors import DataError

MOST_ARRAY = 512 << 20
"""Bytes that an array may have when read."""
_MOST_TEXT = 1 << 20
_DEFLATE, _SHUFFLE, _CHECKSUM = 1, 2, 3
_BEST_RATIO = 1100
"""Deflate packs at most 1032 to 1: more numbers than that for a byte in the file are not there."""


@contextlib.contextmanager
def open_hdf5(path):
    """Open an HDF5 file for reading; with open_hdf5(path) as file: file.array("shape/model/mean").

    Raises:
        DataError: for whatever is wrong with the file, also while it is read within the block.
    """
    import h5py

    path = check_file(path)
    try:
        with h5py.File(path, "r") as file:
            yield Hdf5(file, path)
    except DataError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError, AttributeError) as error:
        message = f"{type(error).__name__}: {str(error)[:120]}"
        raise DataError(f"{path}: expected a whole HDF5 file, found a broken or another one ({message})") from error


class Hdf5:
    """The plain arrays of an open HDF5 file."""

    def __init__(self, file, path):
        self._file, self.path = file, path

    def __contains__(self, name):
        place = self._file
        for part in name.split("/"):
            if not hasattr(place, "keys") or part not in place:
                return False
            place = self._step(place, part, name)
        return True

    def names(self):
        """Names in the topmost group."""
        return sorted(self._file.keys())

    def array(self, name, *, columns=None, optional=False):
        """Numbers at a path; -> array in the file's type.

        Args:
            columns: of two-dimensional ones read only so many first columns.
            optional: return None if there is nothing at the path.
        Raises:
            DataError: if it is not there, is a link, lies in another file, is no array of numbers, or is too large.
        """
        if optional and name not in self:
            return None
        data = self._data_set(name)
        if data.dtype.kind not in "fiu" or data.dtype.itemsize > 8:
            raise DataError(f"{self.path}: {name}: expected numbers, found {data.dtype}")
        shape = data.shape if columns is None or data.ndim != 2 else (data.shape[0], min(columns, data.shape[1]))
        length = math.prod(shape) * data.dtype.itemsize
        stored = data.id.get_storage_size()
        if len(shape) > 3 or length > min(MOST_ARRAY, _BEST_RATIO * max(stored, 1)):
            raise DataError(
                f"{self.path}: {name}: expected at most {MOST_ARRAY >> 20} MB that are in the file, "
                f"found shape {data.shape} with {stored} bytes"
            )
        if data.chunks and math.prod(data.chunks) * data.dtype.itemsize > MOST_ARRAY:
            raise DataError(f"{self.path}: {name}: pieces of {data.chunks} numbers are too large")
        array = data[tuple(slice(size) for size in shape)]
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{self.path}: {name}: expected finite numbers, found NaN or infinity; the file is damaged")
        return array

    def text(self, name):
        """A string at a path; -> str.

        Raises:
            DataError: if it is not there or is no string.
        """
        data = self._data_set(name)
        if data.dtype.kind not in "SO" or data.size != 1 or data.nbytes > _MOST_TEXT:
            raise DataError(f"{self.path}: {name}: expected a string, found {data.dtype} {data.shape}")
        value = data.reshape(-1)[0] if isinstance(data, np.ndarray) else data[()]
        value = value.flat[0] if isinstance(value, np.ndarray) else value
        if not isinstance(value, bytes | str) or len(value) > _MOST_TEXT:
            raise DataError(f"{self.path}: {name}: expected a string of at most {_MOST_TEXT} characters")
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def _data_set(self, name):
        import h5py

        data = self._file
        for part in name.split("/"):
            data = self._step(data, part, name)
        if not isinstance(data, h5py.Dataset):
            raise DataError(f"{self.path}: {name}: expected an array, found a {type(data).__name__.lower()}")
        if data.external or data.is_virtual:
            raise DataError(f"{self.path}: {name}: its numbers lie in another file, which is never opened; copy them in")
        properties = data.id.get_create_plist()
        filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
        if not filters <= {_DEFLATE, _SHUFFLE, _CHECKSUM}:
            raise DataError(f"{self.path}: {name}: packed in an unusual way ({sorted(filters)}); save it with gzip or plainly")
        return data

    def _step(self, group, part, name):
        import h5py

        if not isinstance(group, h5py.Group) or part not in group:
            raise DataError(f"{self.path}: expected {name!r}, found no {part!r}; is it another kind of model?")
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise DataError(f"{self.path}: {name}: {part!r} is a link to somewhere else, which is never followed")
        return group[part]

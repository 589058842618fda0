"""HDF5 files without their doors: no links, no external storage, no virtual data sets, no foreign filters, no large surprises.

A data set in an HDF5 file may say that its numbers lie in another file of this machine. Such ones are refused before they are
read, at every step of a path. And because damaged files make the HDF5 library itself crash or turn in circles, another process
(`hdf5_child`) opens the file: here only finished arrays arrive, or an error after a while.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from mgcbook.data.formats import hdf5_child
from mgcbook.data.formats.safe_file import check_file
from mgcbook.errors import DataError

PATIENCE = 20.0
"""Seconds that an answer may take, and one more for every SLOWEST bytes of the file."""
SLOWEST = 10e6


@contextlib.contextmanager
def open_hdf5(path, *, patience=PATIENCE):
    """Open an HDF5 file for reading; with open_hdf5(path) as file: file.array("shape/model/mean").

    Raises:
        DataError: if there is no such file; what is wrong inside shows when it is read.
    """
    path = check_file(path)
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "HDF5_PLUGIN_PATH": "::"}
    command = [sys.executable, "-S", str(Path(hdf5_child.__file__)), str(path.resolve())]
    environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)  # -S: quick, but knows no packages
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        try:
            yield Hdf5(process, path, patience + path.stat().st_size / SLOWEST)
        finally:
            process.kill()
            with contextlib.suppress(BrokenPipeError):  # a request that a crashed process never read
                process.stdin.close()


class Hdf5:
    """The plain arrays of an HDF5 file that another process holds open."""

    def __init__(self, process, path, patience):
        self._process, self.path, self._patience = process, path, patience

    def __contains__(self, name):
        return self._ask("has", name)

    def names(self):
        """Names in the topmost group."""
        return self._ask("names")

    def text(self, name):
        """A string at a path; -> str.

        Raises:
            DataError: if it is not there or is no string.
        """
        return self._ask("text", name)

    def array(self, name, *, columns=None, optional=False):
        """Numbers at a path; -> array in the file's type.

        Args:
            columns: of two-dimensional ones read only so many first columns.
            optional: return None if there is nothing at the path.
        Raises:
            DataError: if it is not there, is a link, lies in another file, is no array of numbers, is too large or not finite.
        """
        if optional and name not in self:
            return None
        return self._ask("array", name, columns)

    def _ask(self, do, name="", columns=None):
        request = json.dumps({"do": do, "name": name, "columns": columns}).encode() + b"\n"
        too_late = threading.Timer(self._patience, self._process.kill)
        too_late.start()
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
            return self._answer()
        except (BrokenPipeError, EOFError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{self.path}: {name}: the HDF5 library crashed, or took more than {self._patience:.0f} s; the "
                            "file is broken, copy or download it again") from None  # fmt: skip
        finally:
            too_late.cancel()

    def _answer(self):
        said = json.loads(self._process.stdout.readline(8 * hdf5_child.MOST_TEXT))
        if "error" in said:
            raise DataError(f"{self.path}: {said['error']}")
        if "value" in said:
            return said["value"]
        kind, shape = np.dtype(said["dtype"]), tuple(said["shape"])
        data = self._process.stdout.read(math.prod(shape) * kind.itemsize)
        if len(data) != math.prod(shape) * kind.itemsize:
            raise EOFError
        return np.frombuffer(data, kind).reshape(shape)

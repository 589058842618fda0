"""Where compiled code is kept. Imported before the first function that asks for a place."""

import tempfile
import warnings

import numba
from numba import njit

from mgcbook.files import spare_folder


def find_place():
    """Let Numba keep compiled code in a spare folder, if neither this folder nor the user's cache can be written."""

    def probe(x):
        return x

    try:
        njit(cache=True)(probe)
    except RuntimeError:  # "no locator available"
        folder = spare_folder() or tempfile.mkdtemp(prefix="mgcbook-")
        numba.config.CACHE_DIR = str(folder)
        warnings.warn(f"compiled code cannot be kept beside the package; {folder} is used (see NUMBA_CACHE_DIR)", stacklevel=2)


find_place()

"""The BLAS that NumPy brings: its matrix product for single precision, and how many threads it uses. No Numba here."""

import contextlib
import ctypes
import glob
import os
import sys
import threading

import numpy as np

# Prefix and suffix of the names in OpenBLAS as NumPy's wheels build it, as distributions build it, and of MKL and Accelerate.
_SPELLINGS = (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", ""))


def _libraries():
    """Paths of shared libraries that may hold the BLAS of this NumPy, most likely first."""
    package = os.path.dirname(np.__file__)
    yield from sorted(glob.glob(os.path.join(package + ".libs", "*openblas*")))  # wheels for Linux and Windows
    yield from sorted(glob.glob(os.path.join(package, ".dylibs", "*openblas*")))  # wheels for macOS
    for name in ("lib/libcblas.so.3", "lib/libmkl_rt.so*", "lib/libcblas.3.dylib", "Library/bin/libcblas.dll"):  # conda
        yield from glob.glob(os.path.join(sys.prefix, name))
    if sys.platform == "darwin":
        yield "/System/Library/Frameworks/Accelerate.framework/Accelerate"
    if os.path.exists("/proc/self/maps"):
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as lines:
            yield from sorted({line.split()[-1] for line in lines if "blas" in line and ".so" in line})


def _find():
    """(address of cblas_sgemm, get_num_threads, set_num_threads), the last two None where unknown; or None."""
    for path in _libraries():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix, suffix in _SPELLINGS:
            function = getattr(library, f"{prefix}cblas_sgemm{suffix}", None)
            if function is not None:
                name = f"{prefix}openblas_%s_num_threads{suffix}"
                return (ctypes.cast(function, ctypes.c_void_p).value,
                        getattr(library, name % "get", None), getattr(library, name % "set", None))
    return None


SGEMM, _get, _set = _find() or (None, None, None)  # SGEMM: the address of cblas_sgemm

_lock = threading.Lock()
_inside = 0
_before = 1


@contextlib.contextmanager
def one_thread():
    """Inside, BLAS uses one thread for each caller; afterwards as many as before. May be nested and used by several threads."""
    global _inside, _before
    if _set is None:
        yield
        return
    with _lock:
        if _inside == 0:
            _before = _get()
            _set(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(_before)

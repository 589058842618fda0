"""What the tests' stand-ins offer in place of CuPy and cuBLAS is what the real ones offer; needs the libraries, but no GPU."""

import ast
import inspect
import re
from pathlib import Path

import pytest

from tests import fake_gpu

cupy = pytest.importorskip("cupy", reason="needs CuPy: pip install 'mgcbook[cuda13]' (no GPU is needed)")
KERNELS = Path(__file__).parents[1] / "mgcbook" / "kernels"


def chains(path):
    """Every dotted name of a file that begins with cupy: "cupy.cuda.Device"."""
    text = ast.unparse(ast.parse(path.read_text(encoding="utf-8")))
    return set(re.findall(r"\b(?:cupy|cupyx)(?:\.[A-Za-z_]\w*)+", text.replace("_cupy().", "cupy.")))


def test_every_name_of_cupy_that_the_kernels_use_exists():
    files = [KERNELS.parent / "arrays.py", *KERNELS.glob("*.py"), *(KERNELS / "gpu").glob("*.py")]
    names = {name for path in files for name in chains(path)}
    assert len(names) > 10
    for name in sorted(names):
        found = __import__("cupyx") if name.startswith("cupyx") else cupy
        for part in name.split(".")[1:]:
            if not inspect.ismodule(found) and not inspect.isclass(found):
                break  # of what a call gives
            assert hasattr(found, part) or (inspect.ismodule(found) and __import__(f"{found.__name__}.{part}")), name
            found = getattr(found, part)


@pytest.mark.parametrize("name", ["Stream", "Event", "MemoryPool", "Graph"])
def test_the_stand_in_has_no_method_that_cupy_lacks(name):
    real = cupy.cuda.graph.Graph if name == "Graph" else getattr(cupy.cuda, name)
    own = {"add", "until", "done", "every"}  # what makes the stand-in go
    ours = {method for method, _ in inspect.getmembers(getattr(fake_gpu, name), inspect.isfunction) if not method.startswith("_")}
    assert {method for method in ours - own if not hasattr(real, method)} == set()


def test_copies_are_called_as_cupy_wants():
    ours = {method for method in vars(fake_gpu._Data) if method.startswith("copy")}
    assert len(ours) == 2 and all(hasattr(cupy.cuda.MemoryPointer, method) for method in ours)


def test_cublas_has_the_functions_that_are_called():
    import ctypes

    from cuda import pathfinder

    library = ctypes.CDLL(pathfinder.load_nvidia_dynamic_lib("cublas").abs_path)
    called = set(re.findall(r'_call\("(\w+)"', (KERNELS / "gpu" / "cublas.py").read_text(encoding="utf-8")))
    assert len(called) == 4 and all(hasattr(library, name) for name in called)

"""The house stays a house: imports go down only, heavy libraries stay in their rooms, files and functions stay short."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mgcbook"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "notebooks" not in path.relative_to(PACKAGE).parts)

FLOORS = {"arrays": 0, "errors": 0, "files": 0, "kernels": 0, "tape": 1, "face": 2, "learning": 3, "data": 4,
          "programs": 5, "cli": 5, "__main__": 5, "book": 6}  # fmt: skip

GPU_AND_COMPILER = {"numba", "cupy", "cupyx", "llvmlite", "cuda"}
MAX_FILE, MAX_FUNCTION = 320, 60


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree, path):
    """Full dotted names of all that a file imports, inside functions too."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, node.module] if node.module else base)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def upward(source, path):
    """Imports that go up, as text."""
    floor = FLOORS[room(path)]
    for name in imports(ast.parse(source), path):
        parts = name.split(".")
        if parts[0] == "mgcbook" and len(parts) > 1 and FLOORS.get(parts[1], 0) > floor:
            yield name


def out_of_their_rooms(source, path):
    """Imports of compilers and GPU libraries where they do not belong."""
    if room(path) in ("arrays", "kernels"):
        return []
    return sorted({name for name in imports(ast.parse(source), path) if name.split(".")[0] in GPU_AND_COMPILER})


def long_functions(source):
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f"{node.name}: {length} lines" for node in nodes if (length := node.end_lineno - node.lineno + 1) > MAX_FUNCTION]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_a_file_keeps_the_order_of_the_house(path):
    source = path.read_text(encoding="utf-8")
    if room(path) != "__init__":
        assert not list(upward(source, path)), "imports from a floor above"
        assert not out_of_their_rooms(source, path), "only arrays.py and kernels/ import these"
    assert len(source.splitlines()) <= MAX_FILE
    assert not long_functions(source), f"functions have at most {MAX_FUNCTION} lines"


def test_every_room_has_a_floor():
    assert {room(path) for path in FILES} - {"__init__"} <= set(FLOORS)


def test_the_rules_above_can_fail():
    face = PACKAGE / "face" / "camera.py"
    assert list(upward("from mgcbook.learning import losses", face)) == ["mgcbook.learning", "mgcbook.learning.losses"]
    assert list(upward("def f():\n    from ..programs import train", face)) == ["mgcbook.programs", "mgcbook.programs.train"]
    assert not list(upward("from .light import shade\nfrom mgcbook.tape import bare", face))
    assert out_of_their_rooms("import numba.cuda", face) == ["numba.cuda"]
    assert out_of_their_rooms("from cupy import asarray", face)
    assert not out_of_their_rooms("import numba", PACKAGE / "kernels" / "cpu" / "raster.py")
    assert long_functions("def f():\n" + "    pass\n" * MAX_FUNCTION) == [f"f: {MAX_FUNCTION + 1} lines"]


def committed_files():
    """What git tracks; every file of the project where there is no git."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout.split(
            "\0"
        )
        return [ROOT / name for name in listed if name and (ROOT / name).is_file()]
    except (OSError, subprocess.CalledProcessError):
        folders = [PACKAGE, ROOT / "tests", ROOT / "benchmarks", ROOT / "notebooks"]
        return [*ROOT.glob("*.*"), *(path for folder in folders for path in folder.rglob("*") if path.is_file())]


def test_no_file_names_a_place_on_somebodys_machine():
    places = [b"/ho" + b"me/", b"/Us" + b"ers/", b"C:\\Us" + b"ers", b"/wo" + b"rk/", b"/ro" + b"ot/"]
    places += [str(place).encode() + b"/" for place in (Path.home(), ROOT) if len(place.parts) > 2]  # "/src/" may mean anything
    found = []
    for path in committed_files():
        if path.suffix in (".py", ".md", ".toml", ".yml", ".ipynb", ".json", ".txt", "") and path.stat().st_size < 5e6:
            content = path.read_bytes()
            found += [f"{name_of(path)}: {place.decode()}" for place in places if place in content]
    assert not found


def run_python(code, **kwargs):
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, **kwargs
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    code = (
        "import time; start = time.perf_counter(); import mgcbook; took = time.perf_counter() - start\n"
        "import sys; print(took, *sorted({name.split('.')[0] for name in sys.modules}))"
    )
    runs = [run_python(code).split() for _ in range(3)]
    assert min(float(took) for took, *_ in runs) < 0.5
    assert not {"numba", "matplotlib", "cupy", "scipy", "skimage", "jupyterlab", "torch"} & set(runs[0][1:])


BLOCKED = "import sys; sys.modules.update(dict.fromkeys(('numba', 'cupy', 'matplotlib', 'llvmlite')))\n"


def formula_modules():
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in FILES
            if FLOORS.get(room(path), 9) <= 3 and room(path) != "kernels" and path.name != "__init__.py"]  # fmt: skip


def test_the_formulas_import_without_numba_cupy_and_matplotlib():
    run_python(BLOCKED + "\n".join(f"import {module}" for module in formula_modules()))


def test_the_formulas_run_without_numba():
    """A triangle through the rasterizer, on the NumPy twins."""
    code = BLOCKED + (
        "import numpy as np\n"
        "from mgcbook.arrays import kernels_for\n"
        "from mgcbook.face.camera import Camera\n"
        "from mgcbook.face.raster import rasterize\n"
        "corners = np.array([[[-10, -10, 100], [30, -10, 100], [-10, 30, 100]]], np.float32)\n"
        "fragments = rasterize(corners, np.array([[0, 1, 2]], np.int32), Camera(focal=100.0, width=16, height=16))\n"
        "assert fragments.triangle[0, 8, 8] == 0\n"
        "print(kernels_for(corners).__name__)\n"
    )
    assert run_python(code).strip() == "mgcbook.kernels.twins"


HELP_IS_LIGHT = (
    "import sys\nfrom mgcbook.cli import main\nmain(['--help'])\nassert not {'numpy', 'tyro', 'numba'} & set(sys.modules)"
)


def test_the_list_of_commands_needs_no_library():
    assert "usage: mgcbook" in run_python(HELP_IS_LIGHT)

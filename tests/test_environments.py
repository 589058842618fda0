"""Places where the package has to run: one thread, no compiler, read-only places, no display, any alphabet, Windows' rules.

Each in a process of its own with the environment it is about. Versions of Python and NumPy are in `make matrix`.
"""

import ast
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from mgcbook import files
from mgcbook.data import cache

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mgcbook"

WORK = """
import hashlib, sys
import numpy as np
from mgcbook.face.camera import Camera
from mgcbook.face.normals import vertex_normals
from mgcbook.face.render import render
from mgcbook.learning import optim
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.tape import value_and_grad

rng = np.random.default_rng(0)
points = (rng.random((2, 12, 3)) * [9, 9, 1] + [-4.5, -4.5, 5]).astype(np.float32)
triangles = np.array([rng.permutation(12)[:3] for _ in range(6)], np.int32)
camera = Camera(10.0, 8, 6)

def drawn(points):
    picture = render(points, triangles, vertex_normals(points, triangles), camera, antialiased=True)
    return np.sum(picture.image) + 0.1 * np.sum(picture.depth)

value, slope = value_and_grad(drawn)(points)
params, state = init_resnet(rng, depth=10, outputs=4, width=4)
params["fc.weight"] = rng.normal(size=params["fc.weight"].shape).astype(np.float32)
images = rng.random((4, 64, 64, 3)).astype(np.float32)
loss, grads = value_and_grad(lambda p: np.sum(resnet(p, images, state, train=True)[0] ** 2))(params)
params, _ = optim.adam(params, grads, optim.init_adam(params), 1e-3)
everything = [value, slope, loss, *grads.values(), *params.values()]
digest = hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in everything)).hexdigest()
print(float(value), float(loss), float(np.abs(slope).sum()), sum(float(np.abs(g).sum()) for g in grads.values()), digest)
"""
"""A picture and its gradient, a step of training: values, and a digest of all bits."""


def run_python(code, *, remove=(), **environment):
    """stdout and stderr of a process with this environment, which must succeed."""
    inherited = {name: value for name, value in os.environ.items() if name not in remove}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**inherited, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, timeout=600,
        check=False, encoding="utf-8", cwd=environment.get("HOME"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def usual():
    return run_python(WORK)[0].split()


def test_one_thread_gives_the_same_bits(usual):
    for name in ("NUMBA_NUM_THREADS", "MGCBOOK_THREADS"):
        assert run_python(WORK, **{name: "1"})[0].split() == usual
    assert run_python(WORK, MGCBOOK_THREADS="5")[0].split() == usual


def test_without_a_compiler_the_numbers_are_the_same(usual):
    """NUMBA_DISABLE_JIT=1, as debuggers and coverage tools set it: the NumPy twins take over."""
    found = run_python(WORK, NUMBA_DISABLE_JIT="1")[0].split()
    np.testing.assert_allclose(np.array(found[:4], float), np.array(usual[:4], float), rtol=2e-5)


BEYOND = """
from mgcbook.kernels.cpu.threads import kernel

@kernel
def beyond(start, stop, out):
    out[stop + 3] = 1
"""

EVERY_KERNEL = """
import importlib, pkgutil, sys
import numpy as np
from numba.core.caching import NullCache
from numba.core.registry import CPUDispatcher
sys.path.insert(0, {folder!r})
from beyond import beyond
from mgcbook.kernels import cpu
from mgcbook.kernels.cpu.threads import run_blocks
try:
    run_blocks(beyond, 4, np.zeros(4))
except IndexError:
    pass
else:
    raise SystemExit("no bounds checks")

from tests.face.test_degenerate import KINDS, corners_of, drawn, slope
from tests.kernels.test_network_kernels import _all_results
from tests.kernels.test_raster_kernels import BOUNDS_CHECKED
exec(BOUNDS_CHECKED)
_all_results(np.random.default_rng(0))
out = cpu.add_modes(np.zeros(3000, np.float32), np.ones((2, 5), np.float32), np.ones((5, 3000), np.float32))
cpu.add_modes_gradient(out, np.ones((5, 3000), np.float32))
for seed in range(30):
    rng = np.random.default_rng(seed)
    points = np.stack([np.concatenate([corners_of(kind, rng) for kind in KINDS if kind != "duplicate"])] * 2)
    triangles = np.concatenate([np.arange(24).reshape(8, 3), rng.integers(0, 24, (6, 3))]).astype(np.int32)
    mesh = points, triangles, Camera(10.0, *[(8, 6), (1, 1), (40, 1), (1, 40)][seed % 4])
    drawn(*mesh), slope(*mesh)

for module in pkgutil.iter_modules(cpu.__path__, "mgcbook.kernels.cpu."):
    for name, function in vars(importlib.import_module(module.name)).items():
        # What @kernel makes is kept on disk; helpers are parts of it.
        is_kernel = isinstance(function, CPUDispatcher) and "fastmath" in function.targetoptions
        if is_kernel and not isinstance(function._cache, NullCache) and not function.signatures:
            raise SystemExit(module.name + "." + name + " was not run")
"""


@pytest.mark.slow
def test_every_kernel_stays_within_its_arrays(usual, tmp_path):
    """All of the above, every layer of the network and meshes of every bad kind, with Numba's bounds checks."""
    (tmp_path / "beyond.py").write_text(BEYOND, encoding="utf-8")
    place = str(tmp_path / "compiled with checks")  # not among those without: Numba does not tell them apart
    code = WORK + EVERY_KERNEL.format(folder=str(tmp_path))
    found = run_python(code, NUMBA_BOUNDSCHECK="1", NUMBA_OPT="1", NUMBA_CACHE_DIR=place)[0].split()
    np.testing.assert_allclose(np.array(found[:4], float), np.array(usual[:4], float), rtol=2e-5)


# ---------------------------------------------------------------- places for files


LOAD = "from mgcbook.data import builtin; print(len(builtin.load('light').mean)); builtin.load_generator('light')"


def test_a_home_that_cannot_be_written_costs_one_warning(tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be", encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    place = {"XDG_CACHE_HOME": str(tmp_path / "home" / ".cache"), "TMPDIR": str(tmp_path / "temporary")}
    for _ in range(2):  # the second one reads what the first one kept
        out, err = run_python(LOAD, remove=["MGCBOOK_CACHE"], **place)
        assert int(out) > 4000
        kept = list((tmp_path / "temporary").glob("mgcbook-*/builtin-face-*.npz"))
        assert kept
        assert err.count("Warning") == (1 if _ == 0 else 0), err


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners of POSIX")
def test_a_spare_folder_that_others_can_write_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spare = files.spare_folder()
    assert spare.parent == tmp_path and spare.stat().st_mode & 0o777 == 0o700
    spare.chmod(0o777)
    assert files.spare_folder() is None
    spare.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    spare.symlink_to(tmp_path / "elsewhere")
    assert files.spare_folder() is None


READ_ONLY = """
set -e
mount -t tmpfs -o size=80m none "$1"
cp -r "$2" "$1/mgcbook"
find "$1/mgcbook" -name __pycache__ -prune -exec rm -rf {} +
mkdir "$1/home"
mount -o remount,ro "$1"
cd "$1/home"
HOME="$1/home" PYTHONPATH="$1" exec "$3" -c "$4"
"""


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a read-only file system needs root on Linux")
def test_a_read_only_package_and_home_still_run(tmp_path):
    (tmp_path / "read only").mkdir()
    (tmp_path / "temporary").mkdir()
    hidden = ("XDG_CACHE_HOME", "MGCBOOK_CACHE", "NUMBA_CACHE_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"TMPDIR": str(tmp_path / "temporary")}
    code = "from mgcbook.programs.doctor import _kernels; print(_kernels())"
    script = ["bash", "-c", READ_ONLY, "-", str(tmp_path / "read only"), str(PACKAGE), sys.executable, code]
    command = ["unshare", "--mount", *script]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file systems may be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0 and "a first triangle is drawn" in done.stdout, done.stderr
    assert done.stderr.count("Warning") == 1 and "compiled code" in done.stderr
    assert list((tmp_path / "temporary").glob("mgcbook-*/**/*.nbi")), "compiled code is kept for the next process"


def test_caches_may_lie_anywhere(tmp_path):
    place = tmp_path / "Zwischen speicher ß 顔"
    run_python(LOAD, MGCBOOK_CACHE=str(place))
    assert list(place.glob("builtin-face-*.npz"))


def test_curves_are_drawn_without_a_display(tmp_path):
    run = tmp_path / "Läufe 1"
    run.mkdir()
    line = '{"step": %d, "losses": {"total": 1.0}, "learning_rate": 0.1, "seconds": 0.5}\n'
    (run / "metrics.jsonl").write_text("".join(line % step for step in range(1, 30)), encoding="utf-8")
    code = f"import sys; from mgcbook.cli import main; sys.exit(main(['plot', {str(run)!r}]))"
    run_python(code, remove=["DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"])
    assert (run / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_the_cache_warns_once_for_a_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("MGCBOOK_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def save(value, path):
        with files.atomic_write(path) as file:
            file.write(value)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for name in ("a", "b", "a"):
            assert cache.cached(name, lambda: b"built", lambda path: path.read_bytes(), save) == b"built"
    assert len(said) == 1 and "is used instead" in str(said[0].message)
    assert cache.cached("a", lambda: pytest.fail("was kept"), lambda path: path.read_bytes(), save) == b"built"


# ---------------------------------------------------------------- the rules of Windows


REPLACED = """
import os, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from toy import ToyData, ToyLearner, small
from mgcbook.programs import train

def opened():
    return {{os.path.realpath(f"/proc/self/fd/{{number}}") for number in os.listdir("/proc/self/fd")}}

whole = os.replace
def replace(source, target):
    global count
    count += 1
    busy = [str(place) for place in (source, target) if os.path.realpath(place) in opened()]
    assert not busy, f"open while it is replaced: {{busy}}"
    whole(source, target)

count, os.replace = 0, replace
folder = {folder!r}
for steps in (6, 12):  # the second one goes on, and cuts metrics back
    for report in train.train(small(steps=steps, snapshot_every=4), ToyData(), folder, learner=ToyLearner()):
        pass
    with open(Path(folder) / "metrics.jsonl", "ab") as file:
        file.write(b"half a li")
from mgcbook.cli import main
assert main(["plot", folder]) == 0
print(count)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which files are open")
def test_no_open_file_is_replaced(tmp_path):
    """Windows refuses that. Config, metrics, checkpoints, pictures and curves of a run that goes on."""
    out, _ = run_python(REPLACED.format(tests=str(ROOT / "tests" / "programs"), folder=str(tmp_path / "run")))
    assert int(out.split()[-1]) >= 10


def without_encoding(source):
    """Calls that read or write text in the encoding of the machine, as (line, call)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and not any(keyword.arg == "encoding" for keyword in node.keywords):
            is_method = isinstance(node.func, ast.Attribute)
            name = node.func.attr if is_method else getattr(node.func, "id", "")
            if is_method and (name in ("read_text", "write_text") or (name == "open" and _is_path(node) and _is_text(node, 0))):
                yield node.lineno, ast.unparse(node)
            if not is_method and name == "open" and _is_text(node, 1):
                yield node.lineno, ast.unparse(node)


def _is_path(call):
    """x.open() of a path; os, Pillow and archives have functions of that name."""
    return ast.unparse(call.func.value) not in ("os", "Image", "archive", "zipfile", "tarfile", "webbrowser")


def _is_text(call, place):
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[place : place + 1]
    return not modes or "b" not in ast.unparse(modes[0])


@pytest.mark.parametrize("path", sorted([*PACKAGE.rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]),
                         ids=lambda path: path.relative_to(ROOT).as_posix())  # fmt: skip
def test_text_has_an_encoding(path):
    if "notebooks" not in path.parts:
        assert list(without_encoding(path.read_text(encoding="utf-8"))) == []


def test_the_rule_above_can_fail():
    lines = lambda source: [line for line, _ in without_encoding(source)]
    assert lines("open('a')\np.read_text()\nopen('a', 'wb')\np.open('w')\np.open('rb')") == [1, 2, 4]
    assert lines("open('a', encoding='utf-8')\np.write_text(x, encoding='ascii')\nImage.open(p)\nos.open(p, 1)") == []


def test_names_of_files_suit_windows():
    """Of all that is committed and of all that a run writes: no reserved name, no character that Windows has another use for."""
    reserved = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, encoding="utf-8")
    listed = [name for name in done.stdout.split("\0") if name]
    for name in listed:
        for part in Path(name).parts:
            assert part.split(".")[0].lower() not in reserved, name
            assert not set(part) & set('<>:"|?*\\') and part[-1] not in " .", name
    lower = [name.lower() for name in listed]
    assert len(lower) == len(set(lower)), "names that differ in case only"

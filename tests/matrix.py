"""`make matrix`: the tests under every Python that is found here, with the newest and with the lowest versions that are allowed.

python tests/matrix.py [--only 3.13-newest ...] [arguments for pytest]

Environments lie in runs/matrix/ and are made by uv where it works, otherwise by venv and pip. What Python and which versions were
met, how many tests passed and how long it took is printed and written to runs/matrix/matrix.json.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "runs" / "matrix"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SHOWN = ("numpy", "numba", "scipy", "h5py", "matplotlib", "autograd", "pytest", "hypothesis")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of environments, for instance 3.11-lowest 3.13-newest")
    options, pytest_args = parser.parse_known_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    found = {version: find_python(version) for version in PYTHONS}
    wanted = [(f"{PYTHONS[0]}-lowest", PYTHONS[0], True), *((f"{version}-newest", version, False) for version in PYTHONS)]
    results = {}
    for name, version, lowest in wanted:
        if options.only and name not in options.only:
            continue
        python = found[version]
        results[name] = test_in(name, python, lowest, pytest_args) if python else {"result": "no such Python here"}
        print(f"{name:<12} {'  '.join(f'{key} {value}' for key, value in results[name].items())}", flush=True)
    (PLACE / "matrix.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0 if all(result.get("exit code", 0) == 0 for result in results.values()) else 1


def find_python(version):
    """Path of an interpreter of this version that runs: on the path, or among those of pyenv; None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for place in (shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))):
        asked = place and subprocess.run([place, "-c", "import sys; print(sys.executable)"], capture_output=True, check=False)
        if asked and asked.returncode == 0:
            return str(place)
    return None


def test_in(name, python, lowest, pytest_args):
    """Make the environment, install, run the tests; a dict of what was met and what came out."""
    folder = PLACE / name
    failed = install(folder, python, lowest)
    if failed:
        return {"result": f"cannot be installed: {failed}", "exit code": 1}
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    start = time.monotonic()
    # Numba would mix up the compiled code of two versions of NumPy in one folder.
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "compiled"), "MGCBOOK_CACHE": str(folder / "cache")}
    command = [inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(pytest_args or ["-m", "not slow"])]
    with open(PLACE / f"{name}.log", "wb") as log:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    last = (PLACE / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
    tests = re.sub(r"^=+ | in [\d.]+s.*$| =+$", "", last)
    minutes = round((time.monotonic() - start) / 60, 1)
    return {"result": tests, "exit code": done.returncode, "minutes": minutes, **versions(inside)}


def install(folder, python, lowest):
    """What went wrong, in a line; "" if nothing did."""
    target = f"{ROOT}[test,notebooks]"
    inside = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    # A shim of a version manager can be found and still not run.
    if shutil.which("uv") and subprocess.run(["uv", "--version"], capture_output=True, check=False).returncode == 0:
        resolution = ["--resolution", "lowest-direct"] if lowest else []
        steps = [["uv", "venv", "-q", "--allow-existing", "--python", python, folder],
                 ["uv", "pip", "install", "-q", "-p", inside, *resolution, "-e", target]]  # fmt: skip
    else:
        numpy = ["numpy==2.0.*"] if lowest else []
        steps = [[python, "-m", "venv", folder], [inside, "-m", "pip", "install", "-q", "-e", target, *numpy]]
    for step in steps:
        done = subprocess.run(step, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            return " ".join(done.stderr.split())[-300:]
    return ""


def versions(inside):
    """Name -> version of Python and of the libraries that matter most."""
    code = "import json, platform, importlib.metadata as m; print(json.dumps({'Python': platform.python_version(), "
    code += f"**{{name: m.version(name) for name in {SHOWN!r}}}}}))"
    return json.loads(subprocess.run([inside, "-c", code], capture_output=True, check=True).stdout)


if __name__ == "__main__":
    sys.exit(main())

"""The files of the study: numbers with the date, the machine and the seed they belong to."""

import datetime
import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mgcbook.errors import DataError
from mgcbook.files import atomic_write

RESULTS = Path("benchmarks/study")
"""Where results go, in the folder of the source. Wheels carry that folder, see `results_folder`."""
LIBRARIES = ("numpy", "scipy", "numba")


def results_folder():
    """Where the results are for readers: benchmarks/study in the installed package, or beside it in a checkout; -> Path."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "benchmarks"
    return (inside if inside.is_dir() else package.parent / "benchmarks") / RESULTS.name


def about(**more):
    """Date, versions and machine; -> dict for JSON."""
    from mgcbook import __version__

    versions = {"mgcbook": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"), "versions": versions,
            "machine": f"{platform.system()} {platform.machine()}", **more}  # fmt: skip


def write_json(path, content):
    """Write numbers, complete or not at all; long lists stay on one line each."""
    with atomic_write(path) as file:
        file.write((_pretty(content) + "\n").encode())


def read_json(path):
    """Read what `write_json` wrote.

    Raises:
        DataError: if there is no such file, or if it is none of these.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); mgcbook study makes it") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error})") from error


def fingerprint(path):
    """Of a file: the first 16 digits of its SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _pretty(value, indent=""):
    if isinstance(value, dict) and value:
        inner = indent + " "
        lines = ",\n".join(f"{inner}{json.dumps(str(name))}: {_pretty(entry, inner)}" for name, entry in value.items())
        return f"{{\n{lines}\n{indent}}}"
    if isinstance(value, list | tuple) and any(isinstance(entry, dict) for entry in value):
        inner = indent + " "
        return "[\n" + ",\n".join(inner + _pretty(entry, inner) for entry in value) + f"\n{indent}]"
    return json.dumps(value, allow_nan=False)

"""The process that reads damaged files: python -m tests.fuzz.child FOLDER SEED FIRST; a line of JSON for each case.

Case n of a run is always the same file: it is drawn from (SEED, n). "begin" is said before a file is read, so that the parent
knows which one ended or stopped this process.
"""

import builtins
import json
import random
import resource
import sys
import time
from pathlib import Path

from mgcbook.errors import DataError
from tests.fuzz import seeds
from tests.fuzz.mutations import damage

FORBIDDEN = ("os.system", "os.exec", "os.spawn", "os.posix_spawn", "socket.connect", "os.remove", "os.rename", "os.chmod",
             "shutil.", "ctypes.dlopen", "webbrowser.")  # fmt: skip
"""Events of Python's audit that no reader has a reason for."""


def case(paths, contents, seed, number):
    """(suffix, damaged bytes) of one case."""
    rng = random.Random(f"{seed}-{number}")
    path = rng.choice(paths)
    alike = [other for other in paths if other.suffix == path.suffix]
    return path, damage(contents[path], rng, contents[rng.choice(alike)])


def main(folder, seed, first):
    """Read case after case until killed."""
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
    folder = Path(folder)
    paths = [Path(line) for line in (folder / "seeds.txt").read_text(encoding="utf-8").splitlines()]
    contents = {path: path.read_bytes() for path in paths}
    for path in paths:  # what is imported late is imported now
        outcomes(path, path)
    heard = []
    sys.addaudithook(lambda event, args: heard.append(event) if event.startswith(FORBIDDEN) else None)
    number = int(first)
    while True:
        path, data = case(paths, contents, seed, number)
        target = folder / f"case{path.suffix.lower()}"
        target.write_bytes(data)
        say({"begin": number})
        reset_peak()
        before, start = megabytes("VmRSS"), time.perf_counter()
        said = outcomes(target, path)
        found = {"case": number, "seed": path.name, "outcomes": said, "seconds": round(time.perf_counter() - start, 3)}
        found["megabytes"] = max(0, megabytes("VmHWM") - before)
        found["forbidden"] = heard[:] + ["MGC_PWNED"] * hasattr(builtins, "MGC_PWNED")
        heard.clear()
        say(found)
        number += 1


def outcomes(target, path):
    """What each reader of this kind of file did: "read", "DataError", or the exception that nobody expects."""
    said = []
    for read in seeds.READERS[path.suffix.lower()]:
        try:
            read(target)
            said.append("read")
        except DataError:
            said.append("DataError")
        except Exception as error:
            said.append(f"{getattr(read, '__name__', 'reader')}: {type(error).__name__}: {error}"[:300])
    return said


def say(entry):
    print(json.dumps(entry), flush=True)


def reset_peak():
    Path("/proc/self/clear_refs").write_text("5")


def megabytes(name):
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

"""How long a user waits: importing, the first picture of a photograph, and the kernels that the first run ever compiles.

Every figure is of fresh processes. What is compiled goes into an empty folder of its own.
"""

import os
import subprocess
import sys
import tempfile
import time

from mgcbook.programs.timing import Row, Timing, single

IMPORT = "import time; start = time.perf_counter(); import mgcbook; print(time.perf_counter() - start)"
WARM_UP = """
from mgcbook.kernels.compiling import compiled
compiled()
from mgcbook.programs.first_run import warm_up
print(warm_up(), *compiled())
"""


def rows(rounds, threads):
    """Rows of the table."""
    environment = {**os.environ, "MGCBOOK_THREADS": str(threads)}
    few = min(rounds, 5)
    importing = Timing("import", tuple(printed(IMPORT, environment)[0] for _ in range(few)))
    yield Row("start", "import mgcbook", importing, None, 0.3, "s")
    first_picture(environment)  # compiles what is not on disk yet
    seconds = tuple(first_picture(environment) for _ in range(min(few, 3)))
    yield Row("start", "mgcbook reconstruct sample, until the first picture", Timing("first picture", seconds), None, 4.0, "s")
    with tempfile.TemporaryDirectory() as folder:
        environment["NUMBA_CACHE_DIR"] = folder
        ever, count, compiling = printed(WARM_UP, environment)
        later = tuple(printed(WARM_UP, environment)[0] for _ in range(min(few, 3)))
    yield Row("start", "every kernel of the demo called once, nothing compiled yet", single("first run", ever), None, 20.0, "s")
    yield Row("start", f"  of it compiling {count:.0f} kernels, processor time", single("compiling", compiling), unit="s")
    yield Row("start", "  the same in later runs", Timing("later", later), None, 2.0, "s")


def printed(code, environment):
    """The numbers that a fresh process prints."""
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return [float(word) for word in ended.stdout.split()]


def first_picture(environment):
    """Seconds from the start of `mgcbook reconstruct sample` until it says that there is a picture; it is then ended."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "mgcbook", "reconstruct", "sample", "--out", folder]
        start = time.perf_counter()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as program:
            found = next((True for text in program.stdout if text.startswith("first picture")), False)
            seconds = time.perf_counter() - start
            program.kill()
    assert found, "mgcbook reconstruct ended without a first picture"
    return seconds

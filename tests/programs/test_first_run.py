"""The first run says that kernels are compiled; later ones load them and say nothing."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

CODE = """
import numpy as np
from mgcbook.kernels.compiling import announce, compiled
announce()
from mgcbook.kernels import cpu
for _ in range(2):
    cpu.sum_of_squares(np.ones(5, np.float32))
    cpu.seen_vertices(np.zeros((1, 2, 2), np.int32), np.zeros((1, 3), np.int32), 3)
print(compiled()[0], compiled()[1] > 0)
"""


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="nothing is compiled")
def test_compiling_is_announced_once_and_only_where_it_happens(tmp_path):
    def lines():
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        ended = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
        return ended.stdout.split("\n")

    first = lines()
    assert first[0].startswith("compiling kernels, once")
    assert first[1:] == ["2 True", ""]
    assert lines() == ["0 False", ""]

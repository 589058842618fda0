"""Files that attack a loader, each in a process of its own: an error from each reader, nothing run, little time and memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECONDS, MEGABYTES = 2.0, 500

CODE = """
import builtins, json, sys, time
from mgcbook.data.formats import convert
from mgcbook.data.formats.safe_hdf5 import open_hdf5
from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.formats.safe_npy import read_npy
from mgcbook.data.formats.safe_pickle import read_pickle
from mgcbook.errors import DataError
from mgcbook.learning.weights import read_weights
import h5py, scipy.spatial

def hdf5(path):
    with open_hdf5(path) as file:
        file.array("shape/model/mean"), file.array("shape/model/pcaBasis")

readers = {"mat": lambda path: read_mat(path, ("Pose_Para", "pt3d_68")), "pickle": read_pickle, "npy": read_npy, "hdf5": hdf5,
           "weights": read_weights}
path, *kinds = sys.argv[1:]
found = []
for kind in kinds:
    start = time.perf_counter()
    try:
        readers[kind](path) if kind in readers else convert(kind, path)
        said = None
    except DataError as error:
        said = str(error)
    found.append([said, time.perf_counter() - start])
# Not ru_maxrss, which on Linux begins with what the parent had.
megabytes = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps([found, megabytes, hasattr(builtins, "MGC_PWNED")]))
"""

CASES = {
    "evil_reduce.pkl": ("pickle", "flame", "3ddfa-v2"),
    "evil_object.npy": ("npy",),
    "external_dataset.h5": ("hdf5", "bfm2017", "mgcnet"),
    "shape_mismatch_nan.h5": ("hdf5", "bfm2019", "mgcnet"),
    "lfs_pointer.mat": ("mat", "bfm2009", "deng", "3ddfa"),
    "truncated.mat": ("mat", "bfm2009"),
    "nan_pose.mat": ("mat", "deng"),
    "short_body.safetensors": ("weights", "eos", "ict"),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures memory as Linux does")
@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_of_the_kit_ends_in_one_error(realkit, name):
    command = [sys.executable, "-c", CODE, str(realkit.resolve() / "hostile" / name), *CASES[name]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found, megabytes, was_run = json.loads(done.stdout)
    assert not was_run
    assert megabytes < MEGABYTES
    for said, took in found:
        assert said is not None, "it was read without an error"
        assert name in said
        assert took < SECONDS

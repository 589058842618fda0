"""Checkpoints: complete or absent, and the one before survives whatever happens."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from mgcbook.errors import DataError, ResourceError
from mgcbook.programs import checkpoint
from mgcbook.programs.checkpoint import TrainingState, load, save

MODEL = {"face": "light", "network": "resnet18", "outputs": 257, "mean": [0.1, 2]}


def make_state(rng, step=3, size=50):
    params = {"conv1.weight": rng.normal(size=(3, 3, size)).astype(np.float32), "fc.bias": rng.normal(size=7)}
    moments = {name: np.zeros_like(array) + step for name, array in params.items()}
    adam = {"step": step, "m": moments, "v": {name: array**2 for name, array in moments.items()}}
    batch_norm = {"bn1.running_mean": np.arange(4.0), "bn1.num_batches_tracked": np.array(step)}
    return TrainingState(step, params, adam, batch_norm, {"seed": 5})


def save_here(folder, state, **kwargs):
    return save(folder, state, **{"config": {"batch": 2}, "model": MODEL, **kwargs})


def assert_same_tree(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same_tree(a[key], b[key])
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


def test_what_is_saved_comes_back_bit_for_bit(tmp_path, rng):
    state = make_state(rng)
    path = save_here(tmp_path, state)
    assert path.name == "step-00000003.safetensors"
    back, config = load(path, MODEL)
    assert_same_tree(vars(back), vars(state))
    assert config == {"batch": 2}


def test_other_programs_can_read_it(tmp_path, rng):
    from safetensors.numpy import load_file

    tensors = load_file(save_here(tmp_path, make_state(rng)))
    assert {"params/conv1.weight", "adam/m/fc.bias", "adam/v/fc.bias", "batch_norm/bn1.running_mean"} <= set(tensors)


def test_the_newest_two_and_the_best_stay(tmp_path, rng):
    for step, score in enumerate([5.0, 1.0, 4.0, 3.0, 2.0], 1):
        save_here(tmp_path, make_state(rng, step), score=score)
    assert [path.name[5:13] for path in checkpoint.checkpoints(tmp_path)] == ["00000002", "00000004", "00000005"]
    assert checkpoint.best(tmp_path).name == "step-00000002.safetensors"


def test_a_checkpoint_of_another_model_is_refused_naming_what_differs(tmp_path, rng):
    path = save_here(tmp_path, make_state(rng))
    with pytest.raises(DataError, match=r"another model \(network: 'resnet18' there, 'resnet50' here\)"):
        load(path, {**MODEL, "network": "resnet50"})
    with pytest.raises(DataError, match="vertices: None there, 4000 here"):
        checkpoint.latest(tmp_path, {**MODEL, "vertices": 4000})


@pytest.mark.parametrize("damage", ["cut", "empty", "garbled", "not a checkpoint"])
def test_a_damaged_file_is_passed_over_and_said_so(tmp_path, rng, damage):
    save_here(tmp_path, make_state(rng, 1))
    path = save_here(tmp_path, make_state(rng, 2))
    content = bytearray(path.read_bytes())
    content[-100] ^= 1  # one bit of one number
    path.write_bytes(
        {"cut": content[: len(content) // 2], "empty": b"", "garbled": content, "not a checkpoint": b"PK" * 500}[damage]
    )
    with pytest.raises(DataError, match="step-00000002"):
        load(path)
    with pytest.warns(UserWarning, match=r"step-00000002.*going on from step-00000001"):
        found, state, _ = checkpoint.latest(tmp_path, MODEL)
    assert state.step == 1
    found.write_bytes(b"")
    with pytest.raises(DataError, match=r"no checkpoint .* can be used"):
        checkpoint.latest(tmp_path, MODEL)


def test_no_checkpoint_is_no_error(tmp_path):
    assert checkpoint.latest(tmp_path / "new") is None
    assert checkpoint.best(tmp_path) is None


@pytest.mark.parametrize("when", ["save_file", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_one_before(tmp_path, rng, monkeypatch, when):
    save_here(tmp_path, make_state(rng, 1))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file" if when == "save_file" else f"os.{when}", full)
    with pytest.raises(ResourceError, match=r"step-00000002.*No space left on device.*unchanged"):
        save_here(tmp_path, make_state(rng, 2))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    assert checkpoint.latest(tmp_path, MODEL)[1].step == 1


FILL = """
import resource, sys
sys.path.insert(0, {tests!r})
import numpy as np
from test_checkpoint import make_state, save_here
from mgcbook.errors import ResourceError
rng = np.random.default_rng(0)
save_here({folder!r}, make_state(rng, 1))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_here({folder!r}, make_state(rng, 2, size=5000))
except ResourceError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of the file size are POSIX's")
def test_a_really_full_disk_leaves_the_one_before(tmp_path):
    code = FILL.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "File too large" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]
    load(tmp_path / "step-00000001.safetensors", MODEL)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_lost_permission_leaves_the_one_before(tmp_path, rng):
    save_here(tmp_path, make_state(rng, 1))
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ResourceError, match="Permission denied"):
            save_here(tmp_path, make_state(rng, 2))
    finally:
        tmp_path.chmod(0o700)
    assert checkpoint.latest(tmp_path, MODEL)[1].step == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path, rng):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ResourceError, match="runs"):
        save_here(tmp_path / "runs" / "checkpoints", make_state(rng))


def test_leftovers_of_a_killed_process_are_removed(tmp_path, rng):
    (tmp_path / ".tmpAb12Cd").write_bytes(b"half")
    (tmp_path / "step-00000001.safetensors.tmp").write_bytes(b"half")
    save_here(tmp_path, make_state(rng, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000002.safetensors"]


def test_paths_may_hold_spaces_and_letters_of_any_language(tmp_path, rng):
    folder = tmp_path / "Läufe für Übung 1" / "顔"
    save_here(folder, make_state(rng))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint.latest(folder, MODEL)[1].step == 3

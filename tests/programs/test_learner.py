"""Training with the real network, the real decoder and synthetic faces, on the smallest pictures that make sense."""

from dataclasses import replace

import numpy as np
import pytest

from mgcbook.errors import DataError, UsageError
from mgcbook.programs import guard
from mgcbook.programs.checkpoint import TrainingState, latest
from mgcbook.programs.config import preset
from mgcbook.programs.learner import Learner
from mgcbook.programs.metrics import read_metrics
from mgcbook.programs.train import open_data, train

TINY = replace(preset("classroom"), steps=6, batch=2, image_size=32, depth=10, width=4, snapshot_every=6, checkpoint_every=100)


@pytest.fixture(scope="module")
def learner():
    return Learner(TINY)


@pytest.fixture(scope="module")
def data():
    return open_data(TINY)


def run(folder, learner, data, config=TINY, until=None):
    for report in train(config, data, folder, learner=learner):
        if report.step == until:
            break
    return [{**report, "seconds": 0} for report in read_metrics(folder)]


def test_going_on_and_starting_again_change_no_bit(tmp_path, learner, data):
    """Kernels run on several threads, and the next batch is drawn while the network works."""
    whole = run(tmp_path / "whole", learner, data)
    run(tmp_path / "parts", learner, data, until=1)
    run(tmp_path / "parts", learner, data, until=4)
    assert run(tmp_path / "parts", learner, data) == whole
    assert run(tmp_path / "again", learner, data) == whole
    assert set(whole[-1]["losses"]) == {"total", "render", "landmark", "regularisation", "pixel", "depth", "epipolar"}
    whole_state, again_state = (latest(tmp_path / name / "checkpoints")[1] for name in ("whole", "again"))
    for name, array in whole_state.params.items():
        np.testing.assert_array_equal(array, again_state.params[name])


def test_training_starts_from_the_mean_face(learner):
    params, batch_norm = learner.start()
    coefficients, _ = learner.coefficients(params, batch_norm, np.zeros((1, 3, 32, 32, 3), np.float32), train=False)
    assert coefficients.shape == (1, 3, learner.decoder.layout.size)
    assert not coefficients.any()


def test_the_model_of_a_checkpoint_is_told_apart(learner):
    other = Learner(replace(TINY, width=8))
    assert learner.model["outputs"] == learner.decoder.layout.size
    assert {name for name in learner.model if learner.model[name] != other.model[name]} == {"width"}


def test_a_replay_walks_through_network_decoder_losses_and_slopes(tmp_path, learner, data):
    params, batch_norm = learner.start()
    batch = {key: value.copy() for key, value in data.batch([0, 1]).items() if key != "truth"}
    state = TrainingState(0, params, {}, batch_norm)
    batch["landmarks"][1, 2, 7, 0] = np.nan
    with pytest.raises(Exception, match="step 1: batch landmarks is not finite"):
        guard.check(tmp_path, TINY, 1, state, batch, {})
    rows = list(guard.replay(tmp_path / guard.NAME.format(1)))  # builds the learner from the file
    bad = [(stage, name) for stage, name, found in rows if "not finite" in found]
    assert bad[0] == ("batch", "landmarks")
    assert ("loss", "landmark") in bad
    assert ("loss", "render") not in bad
    stages = list(dict.fromkeys(stage for stage, _, _ in rows))
    assert stages == ["kept", "batch", "network", "decoder", "loss", "slope of the loss", "gradient"]


def test_a_data_set_of_another_size_is_refused(tmp_path, monkeypatch):
    class Faces:
        camera = preset("paper")  # anything with a width

        def __init__(self, *_, **__):
            pass

    monkeypatch.setattr("mgcbook.data.dataset.FaceDataset", Faces)
    with pytest.raises(UsageError, match="use --image-size 64"):
        open_data(replace(TINY, data=str(tmp_path)))


def test_larger_pictures_go_on_from_a_run_on_small_ones(tmp_path, learner, data):
    run(tmp_path / "run", learner, data, replace(TINY, steps=2))
    end = latest(tmp_path / "run" / "checkpoints")[1]
    larger = replace(TINY, image_size=48, pretrained=str(tmp_path / "run"))
    begun = Learner(larger).start()
    for mine, theirs in zip(begun, (end.params, end.batch_norm), strict=True):
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert not np.array_equal(begun[0]["conv1.weight"], learner.start()[0]["conv1.weight"])
    with pytest.raises(DataError, match=r"pretrained: the network in .*run is another one; depth, width and face"):
        Learner(replace(larger, width=8)).start()
    with pytest.raises(DataError, match="no checkpoint there"):
        Learner(replace(larger, pretrained=str(tmp_path))).start()

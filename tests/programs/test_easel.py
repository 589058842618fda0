"""Training on faces that the device draws itself: on a stand-in for CuPy with late streams, beside a host's."""

import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.data.changes import Changes
from mgcbook.data.recipes import Recipes
from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.studio import Studio
from mgcbook.data.synthetic import SyntheticFaces
from mgcbook.errors import NumericalError, UsageError
from mgcbook.kernels.gpu.graph import Queue
from mgcbook.programs import guard
from mgcbook.programs.batches import Batches, Changing, Kept, Order
from mgcbook.programs.config import TrainConfig
from mgcbook.programs.easel import Drawn, Easel, drawn_for, parted
from mgcbook.programs.train import open_data, train
from tests import fake_gpu
from tests.programs.test_step_graph import ITEMS, FaceLearner, faces, run, same

SETTINGS = SyntheticConfig(size=32, supersample=1, single_share=0.0)
SHAPE = ITEMS, 3, 32, 32


@pytest.fixture(scope="module")
def generator():
    from mgcbook.data import builtin

    return builtin.load_generator("light")


@pytest.fixture
def gpu(monkeypatch):
    fake_gpu.install_streams(monkeypatch)
    monkeypatch.setattr("mgcbook.programs.easel.recipe_workers", lambda ranks: 1)


class FromStudio:
    """The pictures of the device's recipes, made on the host."""

    def __init__(self, made):
        self._recipes = Recipes(made.config, model=made.model)
        self._studio = Studio(made, "cpu")

    def batch(self, indices):
        recipes = self._recipes.batch(indices)
        made = {name: np.reshape(array, (ITEMS, 3, *array.shape[1:])) for name, array in self._studio(recipes).items()}
        return {**made, "landmarks": recipes["landmarks"], "flags": recipes["flags"]}


class Augmented(FromStudio):
    """The same, augmented by the formulas of the device."""

    def __init__(self, made, config):
        super().__init__(made)
        self._later = Changing(config.seed, config.augmentation, later=True)

    def batch(self, indices):
        step = 1 + indices[0] // ITEMS
        return Changes(32)(self._later(super().batch(indices), step, indices))


def from_host(config, made, folder):
    """What training gives with the same pictures, augmented by the same formulas, from the host."""
    data = Augmented(made, config) if config.augmentation else FromStudio(made)
    host = replace(config, augmentation=0.0, device="cpu", graph=False, drawn_on="cpu")
    return run(host, data, FaceLearner(host), folder)


@pytest.mark.parametrize("graphed, augmentation", [(True, 0.0), (False, 1.0)])
def test_training_sees_the_pictures_of_the_recipes(gpu, tmp_path, generator, graphed, augmentation):
    config = faces(device="cuda", drawn_on="cuda", graph=graphed, augmentation=augmentation, steps=3)
    made = SyntheticFaces(SETTINGS, generator, truth=False)
    expected = from_host(config, made, tmp_path / "host")
    found = run(config, made, FaceLearner(config), tmp_path / "device")
    same(found, expected, 5e-3)
    losses = [report.losses["total"] for report in found[0]]
    assert len(set(losses)) == 3, "other faces in every step"


def test_no_picture_is_made_on_the_host(generator, monkeypatch):
    made = SyntheticFaces(SETTINGS, generator, truth=False)
    monkeypatch.setattr(made, "item", None)
    data = Drawn(made)
    batches = Batches(data, Order(data, 0, ITEMS), 1, choose=dict, ahead=3, side_by_side=2)
    given = [batches.next() for _ in range(4)]
    batches.close()
    pixels = np.prod(SHAPE) * 3 // ITEMS
    large = "tables", "around_columns", "around"  # grids of noise, and the meshes of hair and hats
    assert max(array.size // len(array) for name, array in given[0].items() if name not in large) < 4000 < pixels
    assert not {"images", "skin"} & given[0].keys()
    again = Drawn(made).batch(range(2 * ITEMS, 3 * ITEMS))
    for name, array in given[2].items():
        assert_array_equal(array, again[name], err_msg=name)


def test_a_run_goes_on_with_the_faces_that_it_would_have_drawn(gpu, tmp_path, generator):
    config = faces(device="cuda", drawn_on="cuda", augmentation=1.0, report_every=2, steps=4)
    made = SyntheticFaces(SETTINGS, generator, truth=False)
    for _ in train(config, made, tmp_path / "two", learner=FaceLearner(config), stop=iter([False] * 2 + [True]).__next__):
        pass
    found = run(config, made, FaceLearner(config), tmp_path / "two")
    expected = run(config, made, FaceLearner(config), tmp_path / "one")
    for name, array in expected[1].params.items():
        np.testing.assert_allclose(found[1].params[name], array, rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_bad_face_is_kept_with_its_pictures(gpu, tmp_path, generator, monkeypatch):
    """Those of the bad step, the second of three, in their order and augmented as they were."""
    from mgcbook.data import recipes

    made = SyntheticFaces(SETTINGS, generator, truth=False)
    config = faces(device="cuda", drawn_on="cuda", graph=True, augmentation=1.0, report_every=3, steps=3)
    expected = Augmented(made, config).batch([2, 3])
    recipe = recipes.recipe

    def broken(faces, index):
        found = recipe(faces, index)
        if index == 3:
            found["landmarks"][0, 2, 0] = np.nan
        return found

    monkeypatch.setattr(recipes, "recipe", broken)
    with pytest.raises(NumericalError, match="step 2: batch landmarks is not finite"):
        run(config, made, FaceLearner(config), tmp_path / "bad")
    *_, kept = guard.load_bad_batch(next((tmp_path / "bad").glob("bad-step-*")))
    assert np.isnan(kept["batch"]["landmarks"]).sum() == 1
    for name in ("images", "skin"):
        assert kept["batch"][name].shape == expected[name].shape
        assert np.abs(kept["batch"][name] - expected[name]).mean() < 1e-5, name


@pytest.mark.parametrize("graphed", [True, False])
def test_nothing_is_drawn_over_pictures_that_are_still_to_be_read(gpu, generator, graphed):
    """Also where drawing is quick and steps are slow: all is drawn before the first step begins."""
    made = SyntheticFaces(SETTINGS, generator, truth=False)
    recipes, steps, seen = Recipes(made.config, model=made.model), Queue(), []
    easel, batches = Easel(made, steps, graphed), [recipes.batch([index]) for index in range(3)]
    for batch in batches:
        easel.draw(parted(batch)[0])
        steps.stream.add(lambda: seen.append(easel.read()["images"]._host[0].copy()))
    easel._queue.wait()
    steps.wait()
    for found, batch in zip(seen, batches, strict=True):
        assert np.abs(found - Studio(made, "cpu")(batch)["images"]).mean() < 1e-5


def test_threads_that_begin_at_once_share_the_processes(generator, monkeypatch):
    started, together = [], threading.Barrier(4)

    class Slow(Recipes):
        def __init__(self, *args):
            started.append(args)
            time.sleep(0.1)
            super().__init__(*args)

    monkeypatch.setattr("mgcbook.data.recipes.Recipes", Slow)
    drawn = Drawn(SyntheticFaces(SETTINGS, generator, truth=False))

    def ask(index):
        together.wait()
        return drawn.batch([index])

    with ThreadPoolExecutor(4) as threads:
        assert len(list(threads.map(ask, range(4)))) == 4
    assert len(started) == 1
    drawn.close()


def test_faces_of_another_model_are_made_by_this_process(generator, monkeypatch):
    """The others know the built-in model only."""
    from mgcbook.data import builtin

    monkeypatch.setattr("mgcbook.programs.easel.recipe_workers", lambda ranks: 2)
    config = TrainConfig(drawn_on="cuda", device="cuda", image_size=32, face="light")
    another = drawn_for(config, SyntheticFaces(SETTINGS, builtin.load("light"), truth=False))
    ranks = another.batch([0])["identity"].shape[1]
    another.close()
    assert ranks == builtin.load("light").ranks["identity"] != generator.ranks["identity"]
    assert drawn_for(config, SyntheticFaces(SETTINGS, truth=False))._workers == 2


def test_settings_that_cannot_be(generator):
    for wrong in (dict(), dict(device="cuda", triples=3), dict(device="cuda", data="folder")):
        with pytest.raises(UsageError, match="drawn_on"):
            TrainConfig(drawn_on="cuda", **wrong)
    config = TrainConfig(drawn_on="cuda", device="cuda", image_size=32, face="light")
    assert isinstance(drawn_for(config, open_data(config)), Drawn)
    with pytest.raises(UsageError, match="synthetic faces"):
        drawn_for(config, Kept(None, 3))


def test_streams_that_work_at_once_share_no_workspace(monkeypatch):
    from mgcbook.kernels.gpu import cublas, runtime

    used, room = [], lambda name, size: types.SimpleNamespace(data=types.SimpleNamespace(ptr=name))
    monkeypatch.setattr(cublas, "gemm", lambda: types.SimpleNamespace(use=lambda *how: used.append(how)))
    monkeypatch.setattr(runtime, "workspace", room)
    for stream in (7, 8, 7):
        monkeypatch.setattr(runtime, "stream_pointer", lambda stream=stream: stream)
        runtime.cublas()
    assert used[0] == used[2] and [stream for stream, _ in used] == [7, 8, 7] and used[0][1] != used[1][1]

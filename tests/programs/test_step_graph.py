"""Training on a GPU, on a stand-in for CuPy whose streams are as late as they may be and whose graphs repeat what they saw."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.errors import NumericalError, UsageError
from mgcbook.face.camera import Camera
from mgcbook.kernels.gpu import graph
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.objective import total_loss
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.programs import checkpoint, guard
from mgcbook.programs.batches import Kept
from mgcbook.programs.config import TrainConfig
from mgcbook.programs.train import CHECKPOINTS, train
from tests import fake_gpu
from tests.programs.toy import ToyData, ToyLearner, small
from tests.strict_device import DeviceArray
from tests.toy import toy_batch, toy_model

LENS = Camera(focal=600.0, width=32, height=32)
ITEMS, VIEWS = 2, 3


@pytest.fixture
def gpu(monkeypatch):
    fake_gpu.install_streams(monkeypatch)


@pytest.fixture(params=["twins", "the GPU's own code"])
def any_gpu(request, gpu, monkeypatch, tmp_path_factory):
    """Kernels by their twins, or the code of the GPU's kernels itself."""
    if request.param != "twins":
        libraries = fake_gpu.compile_sources(tmp_path_factory.mktemp("cuda")) or pytest.skip("needs a C++ compiler")
        fake_gpu.install(monkeypatch, libraries)


class SingleToy(ToyLearner):
    def start(self):
        params, batch_norm = super().start()
        return params, {name: array.astype(np.float32) for name, array in batch_norm.items()}


class FaceLearner:
    """The whole objective of the paper on a toy face: network, decoder, geometry, six losses."""

    model = {"network": "resnet10", "outputs": 0}  # noqa: RUF012

    def __init__(self, config):
        self.config, size = config, config.image_size
        self.decoder = Decoder(toy_model(side=9).to(config.device), LENS.resized(size, size))

    def start(self):
        rng = np.random.default_rng(5)
        params, state = init_resnet(rng, depth=10, outputs=self.decoder.layout.size, width=4)
        params["fc.weight"] = (0.02 * rng.normal(size=params["fc.weight"].shape)).astype(np.float32)
        return params, state

    def loss(self, params, batch_norm, batch):
        images = np.reshape(batch["images"], (ITEMS * VIEWS, *batch["images"].shape[2:]))
        rows, batch_norm = resnet(params, images, batch_norm, train=True, half=self.config.precision == "bf16")
        coefficients = np.reshape(rows, (ITEMS, VIEWS, -1))
        loss, terms = total_loss(coefficients, batch, self.decoder, self.config.weights)
        return loss, (terms, coefficients, batch_norm)


class FaceData:
    """Other pictures in every step; item `broken` has a NaN in one of its landmarks."""

    def __init__(self, broken=None, size=32):
        self.broken, self.camera = broken, LENS.resized(size, size)

    def batch(self, indices):
        batch = toy_batch(np.random.default_rng(list(indices)), self.camera, ITEMS, VIEWS, [1, 2])
        batch = {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in batch.items()}
        if self.broken in indices:
            batch["landmarks"][1, 2, 3, 0] = np.nan
        return batch


class EightBits:
    """An endless collection of multiples of 1/255; item `broken` has a NaN in one of its landmarks."""

    def __init__(self, broken=None, size=32):
        self.broken, self.camera, self.made = broken, LENS.resized(size, size), []

    def batch(self, indices):
        self.made += indices
        items = [toy_batch(np.random.default_rng([7, index]), self.camera, 1, VIEWS, [1 + index % 2]) for index in indices]
        batch = {name: np.concatenate([item[name] for item in items]) for name in items[0]}
        batch = {name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in batch.items()}
        for place, index in enumerate(indices):
            if index == self.broken:
                batch["landmarks"][place, 2, 3, 0] = np.nan
        return {**batch, **{name: np.rint(255 * batch[name]) / np.float32(255) for name in ("images", "skin")}}


def faces(**settings):
    usual = dict(batch=ITEMS, image_size=32, learning_rate=2e-3, schedule="cosine", checkpoint_every=1000, snapshot_every=0)
    return TrainConfig(**{**usual, "steps": 5, "report_every": 1, **settings})


def run(config, data, learner, folder):
    reports = list(train(config, data, folder, learner=learner))
    _, state, _ = checkpoint.latest(folder / CHECKPOINTS)
    return reports, state


def same(found, expected, tolerance):
    for ours, theirs in zip(found[0], expected[0], strict=True):
        assert (ours.step, ours.learning_rate) == (theirs.step, theirs.learning_rate)
        assert ours.losses.keys() == theirs.losses.keys()
        for name, loss in theirs.losses.items():
            assert_allclose(ours.losses[name], loss, rtol=tolerance, atol=1e-7, err_msg=f"{name} of step {ours.step}")
    assert found[1].step == expected[1].step and found[1].adam["step"] == expected[1].adam["step"]
    for name, array in expected[1].params.items():
        assert_allclose(found[1].params[name], array, rtol=0, atol=tolerance * np.abs(array).max() + 1e-6, err_msg=name)
    for name, array in expected[1].batch_norm.items():
        assert_allclose(found[1].batch_norm[name], array, rtol=tolerance, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("graphed", [False, True])
@pytest.mark.parametrize("settings", [dict(schedule="cosine"), dict(clip_norm=0.01)])
def test_a_toy_learns_the_same_on_the_device(any_gpu, tmp_path, graphed, settings):
    config = small(**settings)
    expected = run(config, ToyData(), SingleToy(), tmp_path / "cpu")
    found = run(replace(config, device="cuda", graph=graphed), ToyData(), SingleToy(), tmp_path / "cuda")
    same(found, expected, 1e-4)


@pytest.mark.parametrize("graphed", [False, True])
def test_the_whole_objective_learns_the_same_on_the_device(any_gpu, tmp_path, graphed):
    expected = run(faces(), FaceData(), FaceLearner(faces()), tmp_path / "cpu")
    config = faces(device="cuda", graph=graphed)
    found = run(config, FaceData(), FaceLearner(config), tmp_path / "cuda")
    assert all(loss > 0 for report in expected[0] for loss in report.losses.values()), "every loss takes part"
    same(found, expected, 5e-3)


@pytest.mark.skipif(not fake_gpu.is_simulated, reason="for NUMBA_ENABLE_CUDASIM=1: minutes; see make gpu-proof")
def test_one_step_of_the_whole_objective_with_every_kernel_simulated(any_gpu, tmp_path):
    """As above, with the rasterizer, the sampler and the normals of the GPU as well."""
    config = faces(steps=2, image_size=8)
    learner = FaceLearner(config)
    expected, state = run(config, FaceData(size=8), learner, tmp_path / "cpu")
    config = replace(config, device="cuda", graph=True)
    found, on_device = run(config, FaceData(size=8), FaceLearner(config), tmp_path / "cuda")
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.losses == pytest.approx(theirs.losses, rel=1e-4 if theirs.step == 1 else 2e-2)
    # Adam takes steps of one length however small a gradient is, so that single numbers differ by rounding: the way as a whole.
    start = learner.start()[0]
    way = lambda params: np.concatenate([(array - start[name]).ravel() for name, array in params.items()])
    ours, theirs = way(on_device.params), way(state.params)
    assert np.linalg.norm(ours - theirs) < 0.1 * np.linalg.norm(theirs)


def test_losses_are_read_when_they_are_reported(gpu, tmp_path):
    config = replace(small(report_every=5), device="cuda", graph=True)
    reports, state = run(config, ToyData(), SingleToy(), tmp_path / "cuda")
    assert [report.step for report in reports] == [5, 10, 12] and state.step == 12
    expected, _ = run(small(), ToyData(), SingleToy(), tmp_path / "cpu")
    for report in reports:
        assert_allclose(report.losses["total"], expected[report.step - 1].losses["total"], rtol=1e-5)


def test_a_run_goes_on_where_it_was(gpu, tmp_path):
    config = replace(small(report_every=3), device="cuda", graph=True)
    for _ in train(config, ToyData(), tmp_path / "two", learner=SingleToy(), stop=iter([False] * 6 + [True]).__next__):
        pass
    found = run(config, ToyData(), SingleToy(), tmp_path / "two")
    expected = run(config, ToyData(), SingleToy(), tmp_path / "one")
    for name, array in expected[1].params.items():
        assert_allclose(found[1].params[name], array, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("graphed", [False, True])
def test_a_bad_number_is_named_and_the_weights_before_it_are_kept(gpu, tmp_path, graphed):
    """The third of five steps is bad; the host looks after the fifth."""
    config = faces(device="cuda", graph=graphed, report_every=5)
    with pytest.raises(NumericalError, match=r"step 3: batch landmarks is not finite.*--replay"):
        run(config, FaceData(broken=5), FaceLearner(config), tmp_path / "bad")
    _, state, _ = checkpoint.latest(tmp_path / "bad" / CHECKPOINTS)
    _, good = run(faces(device="cuda", graph=graphed, report_every=5, steps=2, schedule="constant"), FaceData(),
                  FaceLearner(config), tmp_path / "good")  # fmt: skip
    assert state.step == good.step == 2
    _, step, bad, kept = guard.load_bad_batch(next((tmp_path / "bad").glob("bad-step-*")))
    assert (step, bad) == (3, "batch landmarks") and np.isnan(kept["batch"]["landmarks"]).sum() == 1
    for ours, theirs in ((kept["params"], state.params), (kept["batch_norm"], state.batch_norm)):
        assert ours.keys() == theirs.keys() and all(np.array_equal(array, theirs[name]) for name, array in ours.items())
    for name, array in good.batch_norm.items():
        assert_allclose(state.batch_norm[name], array, rtol=1e-5, err_msg=name)


def test_a_bad_number_is_named_in_a_run_that_goes_on(gpu, tmp_path):
    config = faces(device="cuda", graph=True, report_every=5, steps=2, schedule="constant")
    run(config, FaceData(), FaceLearner(config), tmp_path / "bad")
    config = replace(config, steps=5)
    with pytest.raises(NumericalError, match=r"step 3: batch landmarks is not finite"):
        run(config, FaceData(broken=5), FaceLearner(config), tmp_path / "bad")


def test_a_bad_gradient_is_named(gpu, tmp_path):
    config = replace(small(report_every=4), device="cuda", graph=True)
    with pytest.raises(NumericalError, match=r"step 1: gradient fc\.bias is not finite"):
        run(config, ToyData(), SingleToy(root=True), tmp_path / "bad")


def test_losses_with_maps_of_bfloat16_follow_those_of_float32(any_gpu, tmp_path):
    expected, _ = run(faces(steps=8), FaceData(), FaceLearner(faces()), tmp_path / "cpu")
    config = faces(steps=8, device="cuda", precision="bf16", graph=True)
    found, state = run(config, FaceData(), FaceLearner(config), tmp_path / "cuda")
    for ours, theirs in zip(found, expected, strict=True):
        assert_allclose(ours.losses["total"], theirs.losses["total"], rtol=0.03)
    assert found[0].losses["total"] != expected[0].losses["total"], "nothing was rounded"
    assert {array.dtype for array in state.params.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("graphed", [False, True])
def test_kept_items_stay_on_the_device(gpu, tmp_path, monkeypatch, graphed):
    """Each is made and copied once; the numbers are those of host batches."""
    data, copied = EightBits(), []
    copy = graph.copy_rows
    monkeypatch.setattr(graph, "copy_rows", lambda *args: copied.extend(args[2]) or copy(*args))
    expected = run(faces(triples=3, steps=6), Kept(EightBits(), 3), FaceLearner(faces()), tmp_path / "cpu")
    config = faces(device="cuda", graph=graphed, triples=3, steps=6)
    found = run(config, Kept(data, 3), FaceLearner(config), tmp_path / "cuda")
    same(found, expected, 5e-3)
    assert sorted(data.made) == [0, 0, 1, 2], "once to see how large they are, then each once"
    assert sorted(copied) == 3 * [0] + 3 * [1] + 3 * [2], "images, skin, landmarks"


def test_kept_items_that_do_not_fit_stay_on_the_host(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(graph, "free_bytes", lambda: 10_000)
    monkeypatch.setattr(graph, "copy_rows", None)
    config = faces(device="cuda", triples=3, steps=3)
    found = run(config, Kept(EightBits(), 3), FaceLearner(config), tmp_path / "cuda")
    assert found[1].step == 3


def test_a_bad_kept_item_is_named_with_its_pictures(gpu, tmp_path):
    config = faces(device="cuda", graph=True, report_every=3, triples=4, steps=6)
    with pytest.raises(NumericalError, match=r"batch landmarks is not finite"):
        run(config, Kept(EightBits(broken=2), 4), FaceLearner(config), tmp_path / "bad")
    *_, kept = guard.load_bad_batch(next((tmp_path / "bad").glob("bad-step-*")))
    assert kept["batch"]["images"].shape == (ITEMS, VIEWS, 32, 32, 3) and np.isnan(kept["batch"]["landmarks"]).any()


def test_a_graph_keeps_what_a_cache_may_drop(gpu):
    from mgcbook.kernels.gpu import runtime

    x, fans = DeviceArray(np.zeros(3, np.float32)), object()
    captured = graph.StepGraph(lambda: (runtime.hold(fans), np.add(x, 1, out=x)), graph.Queue())
    assert sys.getrefcount(fans) > 2 + 1 and captured._held and all(kept is fans for kept in captured._held)
    runtime.hold(object())
    assert all(kept is fans for kept in captured._held), "what comes later is not its business"


def test_batches_are_copied_while_the_step_before_is_computed(gpu):
    """The memory of a batch is written again only when the device has read it, and its place only when the step is done."""
    queue = graph.Queue()
    example = {"x": np.zeros((3, 5), np.float32), "n": np.zeros(2, np.int64)}
    feeder, seen = graph.Feeder(example, queue), []
    for step in range(6):
        feeder.load({"x": np.full((3, 5), step, np.float32), "n": np.array([step, -step])})
        feeder.feed()
        queue.stream.add(lambda: seen.append((feeder.inputs["x"]._host.mean(), *feeder.inputs["n"]._host)))
    assert len(seen) < 6, "nothing waits without a reason"
    queue.wait()
    assert seen == [(step, step, -step) for step in range(6)]
    with pytest.raises(ValueError, match=r"batch\['x'\]: expected \(3, 5\)"):
        feeder.load({"x": np.zeros((3, 4), np.float32), "n": np.zeros(2, np.int64)})
    feeder.load(example)
    feeder.load(example)
    with pytest.raises(RuntimeError, match="two batches are on the way"):
        feeder.load(example)


def test_a_step_that_cannot_be_captured_says_why(gpu):
    queue, x = graph.Queue(), DeviceArray(np.ones(3, np.float32))
    with pytest.raises(RuntimeError, match=r"__float__\(\) makes the host wait"):
        graph.StepGraph(lambda: float(np.sum(x)), queue)
    float(np.sum(x))  # the capture was ended


def test_settings_that_cannot_be():
    with pytest.raises(UsageError, match="device='cuda'"):
        TrainConfig(graph=True)
    with pytest.raises(UsageError, match="antialiased"):
        TrainConfig(graph=True, device="cuda", antialiased=True)

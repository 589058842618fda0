"""Pictures from recipes: those of the items, by the same formulas on the host and on a device, without waiting for it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import gaussian_filter

from mgcbook.data import backgrounds, exposure, portraits, sensor, studio
from mgcbook.data.backgrounds import Pixels, scenery
from mgcbook.data.exposure import Blur, Exposure, normal_noise
from mgcbook.data.recipes import Recipes
from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.sheet import Sheet
from mgcbook.data.studio import Studio
from mgcbook.errors import ResourceError, UsageError
from mgcbook.kernels import twins
from mgcbook.kernels.twins.portrait import averaged
from tests import fake_gpu
from tests.strict_device import DeviceArray, capturable, to_device

SIZE, COUNT = 48, 5
CONFIG = SyntheticConfig(size=SIZE, single_share=0.4, occluders=0.6, unruly=0.6, seed=3)


@pytest.fixture(scope="module")
def recipes(generator):
    return Recipes(CONFIG, model=generator)


@pytest.fixture(scope="module")
def batch(recipes):
    return recipes.batch(range(COUNT))


@pytest.fixture(scope="module")
def made(recipes, batch):
    return Studio(recipes.faces, "cpu")(batch)


def items_with_noise_of(seeds, faces, monkeypatch):
    """The items of the host, whose cameras have the noise of a studio."""
    views = iter(seeds)

    def photograph(picture, settings, rng):
        class Noise:
            def standard_normal(self, shape, dtype):
                rng.standard_normal(shape, dtype=dtype)
                return normal_noise(np.array([next(views)]), np.arange(np.prod(shape), dtype=np.uint32)).reshape(shape)

        return sensor.photograph(picture, settings, Noise())

    monkeypatch.setattr(portraits, "photograph", photograph)
    return faces.batch(range(COUNT))


def test_pictures_are_those_of_the_items(recipes, batch, made, monkeypatch):
    """Up to JPEG: a coefficient at the border of two steps falls to the other side when its last digit differs."""
    items = items_with_noise_of(batch["seed"], recipes.faces, monkeypatch)
    assert_array_equal(batch["flags"], items["flags"])
    assert len(set(items["flags"])) == 2, "photographs of one moment and of several"
    assert any("unruly hair" in scene.surroundings.worn for i in range(COUNT) for scene in recipes.faces.scenes(i)[2])
    assert_array_equal(batch["landmarks"], items["landmarks"])
    images, skin = (made[name].reshape(items[name].shape) for name in ("images", "skin"))
    assert images.dtype == skin.dtype == np.float32
    assert np.abs(images - items["images"]).mean() < 0.0015, "a third of a grey level"
    assert np.abs(images - items["images"]).max() < 0.08
    assert np.abs(skin - items["skin"]).max() < 1.5 / 255 and np.abs(skin - items["skin"]).mean() < 1e-4
    assert_array_equal(np.rint(images * 255) / np.float32(255), images)


def test_skin_is_as_soft_as_that_of_the_items(recipes, batch, monkeypatch):
    """In pictures as small as these the border is a fifth of a pixel wide, and nothing would be seen of it: here it is wide."""
    for module in (portraits, studio):
        monkeypatch.setattr(module, "SOFT", 0.04)
    index = int(np.argmax(batch["flags"] == 0))
    found, expected = Studio(recipes.faces, "cpu")(recipes.batch([index]))["skin"], recipes.faces.item(index)["skin"]
    assert np.abs(found - expected).max() < 1.5 / 255 and np.abs(found - expected).mean() < 1e-4


def test_light_is_that_of_the_items(recipes, batch):
    """Before the camera nothing is rounded; rays that meet an edge may see what is beside it."""
    faces, studio = recipes.faces, Studio(recipes.faces, "cpu")
    image, skin, cover = studio._lit(batch)
    row = 0
    for index in range(COUNT):
        rng, _, scenes = faces.scenes(index)
        for place, scene in enumerate(scenes):
            look, count = portraits.sample_look(rng), len(scene.yaw)
            theirs = portraits._shaded(scene, faces.model, faces.parts, faces.material, studio._fine, look)
            for found, expected in zip((image, skin, cover), theirs, strict=True):
                expected = averaged(expected, CONFIG.supersample)
                far = np.abs(found[row : row + count] - expected) > 2e-4
                assert far.mean() < 2e-4, (index, far.mean(), np.abs(found[row : row + count] - expected).max())
            row += count
            if place + 1 < len(scenes):  # what comes next in the stream of random numbers
                scenery(rng, Pixels(SIZE, int(portraits.WIDE * SIZE)))
                backgrounds.window_columns(rng, SIZE, scene.yaw, SIZE)
                sensor.sample_sensor(rng)
                rng.standard_normal((count, SIZE, SIZE, 3), dtype=np.float32)
    assert row == len(image) and cover.mean() > 0.3 and (skin[cover == 0] == 0).all()


def test_the_same_numbers_on_a_device_without_waiting(recipes, batch, made, monkeypatch):
    fake_gpu.install_streams(monkeypatch)
    studio, moved = Studio(recipes.faces, "cuda"), to_device(batch)
    studio(moved)  # finds the fans of the mesh
    with capturable() as log:
        found = studio(moved)
        assert log.calls > 50 and log.syncs == 0
    for name, array in found.items():
        assert type(array) is DeviceArray and array.dtype == np.float32
        assert np.abs(array.get() - made[name]).mean() < 1e-6


def test_a_recipe_depends_on_seed_and_number_alone(recipes, batch):
    again = recipes.batch([4, 1])
    rows = np.r_[12:15, 3:6]
    for name, array in again.items():
        assert_array_equal(array, batch[name][[4, 1] if name in ("landmarks", "flags") else rows], err_msg=name)
    assert len(set(batch["seed"].tolist())) == len(batch["seed"])


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_other_processes_make_the_same_recipes_whatever_is_pressed_until_they_are_killed(batch):
    others, before = Recipes(CONFIG, workers=2), signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        processes = who_answers(others)  # a shell that starts this behind itself lets it ignore Ctrl-C, and with it these
        signal.signal(signal.SIGINT, before)
        for process in processes:  # as Ctrl-C does, which the first process answers
            os.kill(process, signal.SIGINT)
        assert who_answers(others) == processes
        for name, array in others.batch(range(COUNT)).items():
            assert_array_equal(array, batch[name], err_msg=name)
        os.kill(min(processes), signal.SIGKILL)
        with pytest.raises(ResourceError, match="a process that makes synthetic faces has ended"):
            again_and_again(others)
    finally:
        others.close()


def who_answers(recipes):
    """The two processes, once both have begun."""
    found = set()
    while len(found) < 2:
        answers = [recipes._pool.submit(do, *args) for do, *args in 2 * [(time.sleep, 0.02), (os.getpid,)]]
        found |= {answer.result() for answer in answers} - {None}
    return found


def again_and_again(recipes):
    for _ in range(100):  # the process that is left may be quicker than the news of the other
        recipes.batch(range(COUNT))


MANY = """
from mgcbook.data.recipes import Recipes
from mgcbook.data.scenes import SyntheticConfig
if __name__ == "__main__":
    recipes = Recipes(SyntheticConfig(size=48), workers=2)
    recipes.batch([0])
    print("at work", flush=True)
    input()
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_they_end_with_the_process_that_was_killed(tmp_path):
    script = tmp_path / "many.py"
    script.write_text(MANY)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    first = subprocess.Popen([sys.executable, script], env=environment, start_new_session=True, **pipes)
    try:
        assert first.stdout.readline() == b"at work\n", first.stderr.read().decode()
        first.kill()
        first.communicate(timeout=30)  # until the last process that could write there has ended
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)


def test_recipes_that_cannot_be(generator):
    with pytest.raises(UsageError, match="scenery"):
        Recipes(SyntheticConfig(scenery="patterns"), model=generator)
    with pytest.raises(UsageError, match="workers"):
        Recipes(CONFIG, workers=2, model=generator)


# ---------------------------------------------------------------- backgrounds as programs


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_a_program_paints_what_the_formulas_paint(first):
    height, width = 40, 90
    for seed in range(first, first + 20):
        sheet = Sheet(height, width)
        written, blur = scenery(np.random.default_rng(seed), sheet)
        expected, same_blur = scenery(np.random.default_rng(seed), Pixels(height, width))
        program = (array[None] for array in sheet.program(written))
        found = twins.paint(*program, np.array([37]), 3, height, width, height)[0]
        rows, columns = np.clip(np.arange(-3, 43), 0, 39), np.clip(np.arange(34, 80), 0, 89)
        assert blur == same_blur
        assert_allclose(found, expected[rows[:, None], columns], rtol=0, atol=3e-5, err_msg=f"seed {seed}")


class Most:
    """A generator that draws backgrounds of one kind with as much in them as there may be, rooms with furniture of one kind."""

    def __init__(self, kind, furniture):
        self._rng, self._kind, self._furniture = np.random.default_rng(1), kind, furniture

    def integers(self, low, high=None):
        return self._furniture if high is None else high - 1

    def random(self, *args, **kwargs):
        return self._rng.random(*args, **kwargs) if args else 0.0  # whatever is there sometimes is there

    def choice(self, a, p=None):
        return self._kind if p else self._rng.choice(a)

    def __getattr__(self, name):
        return getattr(self._rng, name)


@pytest.mark.parametrize("kind, furniture", [*((kind, 0) for kind in range(6)), *((3, furniture) for furniture in range(1, 5))])
def test_the_longest_programs_fit(kind, furniture):
    """As do their tables, in pictures of 512 pixels, and their numbers on the stack."""
    large = Sheet(512, 1152)
    large.program(scenery(Most(kind, furniture), large)[0])
    height, width = 24, 54
    sheet = Sheet(height, width)
    program = sheet.program(scenery(Most(kind, furniture), sheet)[0])
    expected, _ = scenery(Most(kind, furniture), Pixels(height, width))
    found = twins.paint(*(array[None] for array in program), np.array([20]), 0, height, width, height)[0]
    assert_allclose(found, expected[:, 20 : 20 + height], rtol=0, atol=3e-5)


def test_what_a_field_cannot_be():
    sheet = Sheet(8, 18)
    row, _ = sheet.plane()
    mistakes = (
        lambda: np.cumsum(row), lambda: np.add.reduce(row), lambda: np.add(row, 1, where=False), lambda: np.cos(row),
        lambda: row**3, lambda: row + np.ones(5), lambda: row[0], lambda: row.mean(0),
    )  # fmt: skip
    for mistake in mistakes:
        with pytest.raises(TypeError):
            mistake()
    long = row
    for _ in range(600):
        long = long + 1
    with pytest.raises(ValueError, match="at the most"):
        sheet.program(long)


# ---------------------------------------------------------------- cameras


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.0, 2.4])
def test_blur_is_that_of_scipy(rng, sigma):
    size, margin, keep = 19, 8, lambda array: array
    picture = rng.random((2, size, size, 3)).astype(np.float32)
    edge = np.clip(np.arange(-margin, size + margin), 0, size - 1)
    sigmas = np.array([sigma, 1.7], np.float32)
    found = Blur(size, margin, 2.5, keep)(picture[:, edge][:, :, edge], sigmas)
    for one, ours, wide in zip(picture, found, sigmas, strict=True):
        assert_allclose(ours, gaussian_filter(one, (wide, wide, 0), mode="nearest", truncate=2.5), atol=2e-6)


@pytest.mark.parametrize("size", [24, 37])
def test_cameras_are_those_of_the_sensor(rng, size):
    """Many cameras at once, each with its own settings, and one after the other."""
    picture = np.clip(gaussian_filter(rng.random((size, size, 3)), (3, 3, 0)) * 3 - 1, 0, 1.3).astype(np.float32)
    picture[:, ::4] *= 0.3  # edges, at which a lens that is out of focus shows
    picture[3:9] *= 1.3 / picture[3:9].max()  # more light than a camera stores
    settings = [sensor.sample_sensor(np.random.default_rng(seed)) for seed in range(12)]
    settings[0] |= {"grey": True, "vignette": 0.1}
    settings[1] |= {"blur": sensor.MOST_BLUR}
    rows = np.array([[*(one[name] for name in ("blur", "gamma", "lift", "vignette", "grey", "shot", "read")),
                      *(one["gain"] * one["white"])] for one in settings], np.float32)  # fmt: skip
    steps = np.stack([sensor.steps_of(one["quality"]).reshape(3, 64) for one in settings])
    seeds = np.arange(12, dtype=np.uint32)
    found = Exposure(size, lambda array: array)(np.repeat(picture[None], 12, axis=0), rows, steps, seeds)
    for camera, ours, seed in zip(settings, found, seeds, strict=True):

        class Noise:
            def standard_normal(self, shape, dtype, seed=seed):
                return normal_noise(np.array([seed]), np.arange(np.prod(shape), dtype=np.uint32)).reshape(shape)

        theirs = sensor.photograph(picture, camera, Noise())
        assert np.abs(ours - theirs).mean() < 2e-3 and np.abs(ours - theirs).max() < 0.1


def test_noise_is_normal_and_without_a_pattern():
    noise = normal_noise(np.arange(40, dtype=np.uint32)[:, None], np.arange(20_000, dtype=np.uint32))
    assert noise.dtype == np.float32 and abs(noise.mean()) < 0.005 and abs(noise.std() - 1) < 0.005
    assert abs((noise**4).mean() - 3) < 0.05 and 4 < np.abs(noise).max() < 6.5
    assert np.abs(np.corrcoef(noise) - np.eye(40)).max() < 0.04, "seeds beside each other"
    assert np.abs(np.mean(noise[1:, :-1] * noise[:-1, 1:], axis=1)).max() < 0.04, "nor one place further on"
    assert max(abs((noise[:, lag:] * noise[:, :-lag]).mean()) for lag in (1, 2, 3, 63, 64, 144)) < 0.005
    assert_array_equal(exposure.normal_noise(np.uint32([7]), np.arange(9, dtype=np.uint32)), noise[7, :9])

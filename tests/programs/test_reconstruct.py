"""One photograph to a 3D face: with landmarks, with a network, with too little of both."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.data import builtin, sample_photo
from mgcbook.data.landmarks import FLIP_68, write_landmarks
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import reconstruct as program
from mgcbook.programs.fit import FitConfig, from_found_landmarks
from mgcbook.programs.reconstruct import find_landmarks, meanwhile, open_decoders, open_photo, reconstruct
from mgcbook.programs.results import write_results
from mgcbook.programs.stages import multi_view_sheet

SHORT = FitConfig(landmark_steps=60, steps=2)


@pytest.fixture(scope="module")
def decoder():
    return Decoder(builtin.load("light"), PAPER_CAMERA.resized(64, 64))


@pytest.fixture(scope="module")
def photo():
    return sample_photo.load()


class MeanFace:
    """A network that sees the mean face in every picture, turned a little, in units of its own."""

    def __init__(self, model, yaw=0.1):
        layout = Layout.of(model, rotation_scale=0.5, translation_scale=10.0)
        self.decoder = Decoder(model, PAPER_CAMERA.resized(32, 32), layout)
        parts = layout.split(self.decoder.zeros(1))
        parts["rotation"] = parts["rotation"] + np.float32([0, yaw, 0])
        self._row = layout.join(parts)
        self.seen = []

    def __call__(self, images):
        self.seen.append(images.shape)
        return np.repeat(self._row, len(images), axis=0)


def test_landmarks_alone_are_enough(decoder, photo):
    result = reconstruct(photo.image, decoder, landmarks=photo.landmarks, config=SHORT, name="astronaut")
    assert result.landmark_error_percent() < 3
    assert result.aligned.image.shape == (64, 64, 3)


def test_a_first_picture_comes_before_the_fit_goes_on(decoder, photo):
    early = []
    result = reconstruct(photo.image, decoder, landmarks=photo.landmarks, config=SHORT, preview=early.append)
    assert len(early) == 1
    assert np.any(early[0].coefficients != result.coefficients)
    assert early[0].landmark_error_percent() < 4


def test_the_network_is_translated_into_the_decoders_units(decoder, photo):
    network = MeanFace(decoder.model)
    result = reconstruct(photo.image, decoder, landmarks=photo.landmarks, network=network, refine=False)
    assert network.seen == [(1, 32, 32, 3)]
    assert_allclose(decoder.layout.split(result.coefficients)["rotation"], [0, 0.1, 0], atol=1e-6)


def test_the_network_finds_landmarks_in_a_face_box(photo, decoder):
    found = find_landmarks(photo.image, MeanFace(decoder.model, yaw=0.0))
    size = np.sqrt(np.prod(np.ptp(photo.landmarks, axis=0)))
    assert np.linalg.norm(found - photo.landmarks, axis=1).mean() / size < 0.15  # the mean face, in the right place


def test_landmarks_of_the_network_count_little_in_the_fit_and_given_ones_fully(monkeypatch, decoder, photo):
    asked, begun = [], []
    steps = lambda images, landmarks, decoder, config, *, start, **more: asked.append(config) or begun.append(start) or []
    monkeypatch.setattr(program, "fit_steps", steps)
    network = MeanFace(decoder.model, yaw=0.2)
    for landmarks in (None, photo.landmarks):
        reconstruct(photo.image, decoder, landmarks=landmarks, network=network, box="whole")
    assert asked == [from_found_landmarks(FitConfig()), FitConfig()]
    for start in begun:  # where the network is
        assert_allclose(decoder.layout.split(start)["rotation"], [[0, 0.2, 0]], atol=1e-6)


class KnowsWhere:
    """A network that reads from the colours of a ramp where each pixel was, and says where given points are.

    Args:
        wrong: about so many of the pictures of a look.
    """

    def __init__(self, model, points, size, wrong=0):
        self.model, self.camera, self.decoder, self._points, self._size = model, PAPER_CAMERA.resized(32, 32), self, points, size
        self.seen, self.places, self._wrong = 0, [], wrong

    def __call__(self, images):
        if images.ndim == 3:  # as a decoder
            return SimpleNamespace(landmarks=images)
        self.seen += len(images)
        self.places.append(images[0, 16, 16, :2] * self._size)
        found = np.stack([self._find(image) for image in images])
        found[: self._wrong] += 9
        return found

    def _find(self, image):
        pixels = np.stack(np.meshgrid(np.arange(32) + 0.5, np.arange(32) + 0.5), axis=-1)[8:24, 8:24].reshape(-1, 2)
        places = image[8:24, 8:24, :2].reshape(-1, 2) * self._size
        pixel_from_photo = np.linalg.lstsq(np.c_[places, np.ones(len(places))], pixels, rcond=None)[0]
        found = np.c_[self._points, np.ones(68)] @ pixel_from_photo
        is_mirrored = np.linalg.det(pixel_from_photo[:2]) < 0
        return found[FLIP_68] if is_mirrored else found


def test_all_crops_of_a_look_say_the_same_place_and_a_mirrored_face_gets_its_names_back(decoder, photo):
    size = 320
    ramp = (np.stack(np.meshgrid(np.arange(size), np.arange(size)), axis=-1) + 0.5) / size
    ramp = np.concatenate([ramp, np.zeros((size, size, 1))], axis=-1).astype(np.float32)
    points = 150 + 0.3 * (photo.landmarks - photo.landmarks.mean(axis=0))
    for wrong in (0, 2):  # a look that misses the face changes little
        network = KnowsWhere(decoder.model, points, size, wrong)
        found = find_landmarks(ramp, network, box=[*points.min(axis=0) - 40, *points.max(axis=0)])
        assert_allclose(found, points, atol=0.05)
        assert network.seen == program.LOOKS * 2 * len(program.CROPS)
        assert np.linalg.norm(network.places[1] - network.places[0]) > 10, "the box was not right; the second look knows better"


def test_the_network_looks_where_it_is_told(photo, decoder):
    network = MeanFace(decoder.model, yaw=0.0)
    low, high = photo.landmarks.min(axis=0), photo.landmarks.max(axis=0)
    size = np.sqrt(np.prod(high - low))
    found = find_landmarks(photo.image, network, box=[*low, *high])
    assert np.linalg.norm(found - photo.landmarks, axis=1).mean() / size < 0.3
    elsewhere = find_landmarks(photo.image, network, box=[10, 200, 110, 300])
    assert np.linalg.norm(elsewhere - photo.landmarks, axis=1).mean() / size > 1


def test_landmarks_may_be_a_function_a_file_or_a_name(tmp_path, decoder, photo):
    write_landmarks(tmp_path / "a.pts", photo.landmarks)
    for landmarks in (lambda image: photo.landmarks, tmp_path / "a.pts", str(tmp_path / "a.pts")):
        result = reconstruct(photo.image, decoder, landmarks=landmarks, config=SHORT)
        assert result.landmark_error_percent() < 3
    network = MeanFace(decoder.model)
    result = reconstruct(photo.image, decoder, landmarks="network", network=network, refine=False)
    assert result.given is None and len(network.seen) == 3  # twice for the landmarks, once for the face
    with pytest.raises(UsageError, match="face-alignment"):
        reconstruct(photo.image, decoder, landmarks="dlib")


def test_too_little_to_go_on_is_told_what_is_missing(decoder, photo):
    with pytest.raises(DataError, match="--weights"):
        reconstruct(photo.image, decoder)
    with pytest.raises(DataError, match="68 landmarks, found 5"):
        reconstruct(photo.image, decoder, landmarks=photo.landmarks[[36, 45, 30, 48, 54]])
    with pytest.raises(DataError, match="no face found"):
        reconstruct(np.full((120, 120, 3), 0.5, np.float32), decoder, network=MeanFace(decoder.model))
    with pytest.raises(DataError, match="no such file"):
        open_photo("missing.jpg")
    with pytest.raises(UsageError, match="brings its own"):
        open_photo("sample", "points.pts")


def test_everything_is_written_and_named(tmp_path, decoder, photo):
    result = reconstruct(photo.image, decoder, landmarks=photo.landmarks, config=SHORT, name="astronaut")
    written = write_results(tmp_path / "out", result)
    assert {path.name for path, _ in written} == {path.name for path in (tmp_path / "out").iterdir()}
    assert all(path.stat().st_size > 500 and what for path, what in written)
    content = json.loads((tmp_path / "out" / "face.json").read_text())
    assert content["photo"] == "astronaut"
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert all(f'src="{path.name}"' in page for path, _ in written if path.suffix in (".png", ".gif"))


def test_the_sheet_of_three_views_has_a_column_for_each(decoder, rng):
    images = rng.random((3, 64, 64, 3)).astype(np.float32)
    picture = multi_view_sheet(decoder.zeros(3), images, decoder, scale=1)
    assert picture.dtype == np.uint8
    assert picture.shape[1] >= 3 * 64
    assert picture.shape[0] >= 6 * 64


def test_the_overlay_can_be_looked_at_before_the_rest_is_written(tmp_path, decoder, photo):
    result = reconstruct(photo.image, decoder, landmarks=photo.landmarks, config=SHORT)
    seen = []
    write_results(tmp_path, result, shown=lambda path: seen.append((path, [file.name for file in tmp_path.iterdir()])))
    assert seen == [(tmp_path / "overlay.png", ["overlay.png"])]


@pytest.mark.parametrize("refine, said", [("no", "found: "), ("yes", "fitted: ")])
def test_a_picture_is_called_fitted_only_if_it_is(monkeypatch, tmp_path, capsys, decoder, refine, said):
    network = MeanFace(decoder.model)
    monkeypatch.setattr("mgcbook.programs.trained.open_trained", lambda *_: network)
    monkeypatch.setattr(program, "write_results", lambda folder, _, shown: shown(folder / "overlay.png") or [(folder, "")])
    options = program.ReconstructOptions("sample", out=tmp_path, weights=tmp_path, face="light", refine=refine, fit=SHORT)
    program.run(options)
    assert f"{said}{tmp_path / 'overlay.png'}; writing" in capsys.readouterr().out
    assert network.seen == [(1, 32, 32, 3)]  # with landmarks it looks once, and is not warmed up for more


def test_the_built_in_face_is_fitted_on_its_light_mesh_and_shown_on_the_full_one(monkeypatch, tmp_path, rng):
    light, shown = open_decoders("full", PAPER_CAMERA.resized(64, 64))
    full = shown()
    assert len(full.model.mean) > 8 * len(light.model.mean) and full.camera == light.camera and full.layout == light.layout
    row = (0.3 * rng.standard_normal((1, light.layout.size))).astype(np.float32)
    assert_allclose(light(row).landmarks, full(row).landmarks, atol=1e-3)  # the same coefficients, the same face
    builtin.load("light").save(tmp_path / "own.npz")
    own, same = open_decoders(tmp_path / "own.npz")
    assert same() is own and len(own.model.mean) == len(light.model.mean)
    fitted, written = [], []
    steps = program.fit_steps
    monkeypatch.setattr(program, "fit_steps", lambda *a, **k: fitted.append(a[2]) or steps(*a, **k))
    monkeypatch.setattr(program, "write_results", lambda folder, result, **more: written.append(result.decoder) or [(folder, "")])
    program.run(program.ReconstructOptions("sample", out=tmp_path / "out", fit=SHORT))
    assert [len(one.model.mean) for one in fitted + written] == [len(light.model.mean), len(full.model.mean)]


def test_what_goes_wrong_meanwhile_is_told_when_it_is_asked_for():
    def fails():
        raise DataError("no face found")

    ask = meanwhile(fails)
    with pytest.raises(DataError, match="no face found"):
        ask()
    assert meanwhile(max, 3, 4)() == 4

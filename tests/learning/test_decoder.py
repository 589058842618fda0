"""From coefficients to a picture."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.face.camera import CHIN, PAPER_CAMERA, project, transform
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.decoder import Decoder
from mgcbook.tape import value_and_grad
from tests.toy import toy_coefficients, toy_model

CAMERA = PAPER_CAMERA.resized(48, 48)


@pytest.fixture(scope="module")
def decoder():
    return Decoder(toy_model(), CAMERA)


def test_zeros_are_the_mean_face_upright_in_the_middle_under_an_even_light(decoder):
    view = decoder(decoder.zeros(1, np.float64))
    assert_allclose(view.vertices[0], decoder.model.mean)
    assert_allclose(view.colors, 0.7089815 * view.albedo, rtol=1e-6)
    rows, columns = np.nonzero(view.mask[0])
    assert_allclose(rows.max() + 1 - rows.min(), 0.75 * 48, atol=1)
    assert_allclose([(rows.max() + rows.min() + 1) / 2, (columns.max() + columns.min() + 1) / 2], [24, 24], atol=0.5)
    assert view.landmarks[0, CHIN, 1] > view.landmarks[0, :, 1].mean()  # the chin is below


def test_the_landmarks_are_the_projections_of_the_landmark_vertices(decoder, rng):
    coefficients = toy_coefficients(rng, decoder.layout, 1, 2)[0]
    view = decoder(coefficients)
    assert_allclose(view.points_camera, transform(*view.camera_from_model, view.vertices))
    assert_allclose(view.landmarks, project(view.points_camera, CAMERA)[:, decoder.model.landmark_vertices])


def test_depth_is_where_the_mask_is(decoder, rng):
    view = decoder(toy_coefficients(rng, decoder.layout, 1, 2)[0])
    assert_array_equal(view.depth > 0, view.mask > 0)
    seen = view.depth[view.mask > 0]
    assert view.points_camera[..., 2].min() <= seen.min() <= seen.max() <= view.points_camera[..., 2].max()


def test_moving_right_up_and_away_moves_the_picture_so(decoder):
    parts = decoder.layout.split(decoder.zeros(1, np.float64))
    move = lambda *shift: decoder.layout.join({**parts, "translation": np.array([shift])})
    middle, right, down, away = (decoder(move(*shift)) for shift in ((0, 0, 0), (20.0, 0, 0), (0, 20.0, 0), (0, 0, 1000.0)))
    assert (right.landmarks[..., 0] > middle.landmarks[..., 0]).all()
    assert (down.landmarks[..., 1] > middle.landmarks[..., 1]).all()
    assert away.mask.sum() < 0.8 * middle.mask.sum()


def test_float32_stays_float32(decoder, rng):
    view = decoder(toy_coefficients(rng, decoder.layout, 1, 2)[0].astype(np.float32))
    arrays = [view.vertices, view.normals, view.albedo, view.colors, *view.camera_from_model, view.points_camera, view.landmarks,
              view.image, view.mask, view.depth, *view.parts.values()]  # fmt: skip
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_a_region_draws_less(decoder):
    nose = Decoder(toy_model(), CAMERA, region="nose")
    whole, part = decoder(decoder.zeros(1)), nose(nose.zeros(1))
    assert 0 < part.mask.sum() < 0.3 * whole.mask.sum()
    assert_allclose(part.landmarks, whole.landmarks)
    with pytest.raises(ValueError, match="region: expected one of nose, got 'hat'"):
        Decoder(toy_model(), CAMERA, region="hat")


def test_light_turns_with_the_head_or_stays_with_the_camera(rng):
    """From the side, a light from the front lights the nose of the one and the ear of the other."""
    coefficients = np.zeros((2, Layout.of(toy_model()).size))
    layout = Layout.of(toy_model())
    coefficients[1, layout.slices["rotation"]] = 0, 0.8, 0
    coefficients[:, layout.slices["light"]] = np.tile([0, 0, 0.3, 0, 0, 0, 0, 0, 0], 3)
    model, camera = (Decoder(toy_model(), CAMERA, light_frame=frame)(coefficients).colors for frame in ("model", "camera"))
    assert_allclose(model[0], model[1])
    assert np.abs(camera[0] - camera[1]).max() > 0.1
    with pytest.raises(ValueError, match="light_frame: expected 'model' or 'camera', got 'sun'"):
        Decoder(toy_model(), CAMERA, light_frame="sun")


def test_shading_moves_the_shape_unless_told_not_to(rng):
    coefficients = toy_coefficients(rng, Layout.of(toy_model()), 1, 1)[0]

    def gradient(**options):
        decoder = Decoder(toy_model(), CAMERA, **options)
        _, slope = value_and_grad(lambda c: np.sum(decoder(c).colors))(coefficients)
        return slope[0, decoder.layout.slices["identity"]]

    assert np.abs(gradient()).min() > 0
    assert_allclose(gradient(shading_moves_shape=False), 0)


def test_an_antialiased_outline_tells_how_the_area_changes():
    """A face moving away shrinks as 1 / z^2, so its area changes by -2 / z of itself for each millimetre."""
    decoder = Decoder(toy_model(), CAMERA, antialiased=True)
    coefficients = decoder.zeros(1, np.float64)
    coefficients[:, decoder.layout.slices["rotation"]] = 0.05, 0.2, 0.1
    area, gradient = value_and_grad(lambda c: np.sum(decoder(c).mask))(coefficients)
    slope = gradient[0, decoder.layout.slices["translation"]][2]
    assert_allclose(slope, -2 * area / decoder.main[1][2], rtol=0.1)


def test_a_layout_of_another_model_is_refused():
    with pytest.raises(ValueError, match="layout: expected 4 identity coefficients for the model 'toy', got 80"):
        Decoder(toy_model(), CAMERA, Layout())


@pytest.mark.parametrize("turn_about_face", [False, True])
def test_a_pose_gives_its_coefficients_back(rng, turn_about_face):
    decoder = Decoder(toy_model(), CAMERA, turn_about_face=turn_about_face)
    parts = {"rotation": rng.normal(size=(4, 3)) * 0.3, "translation": rng.normal(size=(4, 3)) * 30}
    assert_allclose(decoder.translation_part(decoder.pose(parts)), parts["translation"], atol=1e-9)


def test_a_nod_about_the_face_leaves_it_in_the_picture():
    nod = {"rotation": np.array([[0.3, 0.0, 0.0]]), "translation": np.zeros((1, 3))}
    moved = []
    for turn_about_face in (False, True):
        decoder = Decoder(toy_model(), CAMERA, turn_about_face=turn_about_face)
        middle = decoder.model.mean[decoder.model.landmark_vertices].mean(axis=0)[None, None].astype(float)
        still = decoder.pose({"rotation": np.zeros((1, 3)), "translation": np.zeros((1, 3))})
        moved.append(np.abs(transform(*decoder.pose(nod), middle) - transform(*still, middle)).max())
    assert moved[0] > 1
    assert moved[1] < 1e-4  # the mean face is float32

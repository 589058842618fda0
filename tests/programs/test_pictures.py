"""Pictures of a face: where things are, which way they turn, what their colours mean."""

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.data.images import resize
from mgcbook.face.camera import Camera
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import pictures

CAMERA = Camera(2350.0, 112, 112)


@pytest.fixture(scope="module")
def decoder():
    return Decoder(builtin.load("light"), CAMERA)


@pytest.fixture(scope="module")
def face(decoder):
    coefficients = decoder.zeros(2)
    coefficients[1, decoder.layout.slices["identity"]] = 0.5
    coefficients[1, decoder.layout.slices["translation"]] = 5, -3, 0
    coefficients[1, decoder.layout.slices["rotation"]] = 0.05, 0.2, -0.1
    coefficients[1, decoder.layout.slices["light"]] = 0.05
    return pictures.subject(decoder(coefficients), decoder, 1)


@pytest.fixture
def photo(rng):
    return rng.uniform(size=(112, 112, 3)).astype(np.float32)


def is_face(picture):
    return (picture != 255).any(axis=-1)


def test_subject_is_the_item_of_the_batch(decoder, face):
    coefficients = decoder.zeros(1)
    assert not np.allclose(pictures.subject(decoder(coefficients), decoder).vertices, face.vertices)
    np.testing.assert_allclose(np.clip(face.albedo * face.shading, 0, 9), face.colors, rtol=1e-4, atol=1e-5)
    assert face.landmarks.shape == (68, 2)
    assert np.linalg.det(face.rotation) == pytest.approx(1, abs=1e-5)


def test_light_that_stays_with_the_camera(decoder):
    fixed = Decoder(decoder.model, CAMERA, light_frame="camera")
    coefficients = fixed.zeros(1)
    coefficients[0, fixed.layout.slices["rotation"]] = 0.2, 0.5, 0.3
    coefficients[0, fixed.layout.slices["light"]] = np.linspace(-0.1, 0.1, 27)
    view = pictures.subject(fixed(coefficients), fixed)
    np.testing.assert_allclose(view.albedo * view.shading, view.colors, rtol=1e-3, atol=1e-4)


def test_draw_agrees_with_the_decoder_when_shrunk(decoder, face):
    coefficients = decoder.zeros(1)
    view = decoder(coefficients)
    one = pictures.subject(view, decoder)
    image, mask = pictures.draw(one, one.colors, background=0.0, scale=1)
    inside = np.asarray(view.mask[0]) * (mask == 1)
    difference = np.abs(image - view.image[0]).mean(axis=-1)
    assert image.shape == (112, 112, 3)
    assert np.sum(difference * inside) / inside.sum() < 0.01
    assert np.abs(mask - view.mask[0]).mean() < 0.01
    assert np.any((mask > 0) & (mask < 1))  # a smooth outline


def test_overlay_keeps_the_photo_beside_the_face(face, photo):
    overlay = pictures.overlay(face, photo)
    _, mask = pictures.draw(face, face.colors)
    assert overlay.shape == (224, 224, 3) and overlay.dtype == np.uint8
    large = np.round(255 * resize(photo, 224, 224))
    np.testing.assert_allclose(overlay[mask == 0], large[mask == 0], atol=1)
    assert np.abs(overlay[mask == 1] - large[mask == 1]).mean() > 10


def test_plaster_and_clay_are_grey_and_albedo_has_no_light(face):
    for picture in (pictures.geometry(face), pictures.shading(face._replace(shading=np.full_like(face.shading, 0.5)))):
        assert np.ptp(picture[is_face(picture)].astype(int), axis=-1).max() == 0
    flat = pictures.shading(face._replace(shading=np.full_like(face.shading, 0.5)))
    assert np.median(flat[is_face(flat)]) == round(255 * 0.35)
    dark = face._replace(colors=0 * face.colors, shading=0 * face.shading)
    np.testing.assert_array_equal(pictures.albedo(dark), pictures.albedo(face))


def test_clay_by_hand(face):
    """A far plate that faces the camera: one lamp straight on, two at 45 degrees: 0.7529 * 0.5 * (1 + 2 cos 45)."""
    plate = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    normals = np.tile([0.0, 0, 1], (4, 1))
    plain = face._replace(vertices=plate, normals=normals, rotation=np.diag([1.0, -1, -1]), translation=np.array([0.0, 0, 5000]))
    np.testing.assert_allclose(pictures._clay(plain), 0.7529 * 0.5 * (1 + np.sqrt(2)), atol=2e-3)


@pytest.mark.parametrize("turn, axis, sign", [({"yaw": 30}, 0, -1), ({"yaw": -30}, 0, 1), ({"pitch": 20}, 1, -1)])
def test_turned_moves_the_nose(face, turn, axis, sign):
    straight, view = pictures.turned(face), pictures.turned(face, **turn)
    nose = lambda subject: subject.landmarks[30] - subject.landmarks[[0, 16]].mean(axis=0)
    assert sign * (nose(view) - nose(straight))[axis] > 5
    np.testing.assert_allclose(straight.rotation, np.diag([1.0, -1, -1]), atol=1e-6)
    assert np.all((view.landmarks > 0) & (view.landmarks < 112))
    middle = (face.vertices.min(axis=0) + face.vertices.max(axis=0)) / 2  # stays where it is
    np.testing.assert_allclose(
        view.rotation @ middle + view.translation, straight.rotation @ middle + straight.translation, atol=1e-3
    )


def test_depth_is_bright_at_the_nose(face):
    picture = pictures.depth(pictures.turned(face))
    nose = np.round(2 * pictures.turned(face).landmarks[30]).astype(int)
    ear = np.round(2 * pictures.turned(face).landmarks[1]).astype(int)
    assert picture[nose[1], nose[0]].sum() > picture[ear[1], ear[0] + 6].sum() + 100
    assert picture.shape[0] > 224 and picture.shape[1] == 224


def test_error_map_is_dark_where_both_agree(face, decoder):
    same, mask = pictures.draw(face, np.clip(face.colors, 0, 1), background=0.0, scale=1)
    dark = pictures.error_map(face, same.astype(np.float32))
    bright = pictures.error_map(face, np.clip(same + 0.5, 0, 1).astype(np.float32))
    inner = np.kron(mask == 1, np.ones((2, 2), bool))
    assert np.median(dark[:224][inner], axis=0) @ [0, 1, 0] < 60
    assert np.median(bright[:224][inner], axis=0) @ [0, 1, 0] > 200


def test_landmarks_are_drawn_at_their_places(face, photo):
    grey = np.full_like(photo, 0.5)
    found, true = pictures.landmarks(face, grey), pictures.landmarks(face, grey, face.landmarks + 3)
    x, y = (2 * face.landmarks[30]).astype(int)
    assert tuple(found[y, x]) == (213, 94, 0)
    assert not np.array_equal(found, true)


def test_a_face_out_of_view_still_gives_pictures(face, photo):
    gone = face._replace(translation=face.translation + np.array([1e4, 0, 0]))
    assert set(pictures.gallery(gone, photo)) >= {"overlay", "depth", "error"}
    assert not is_face(pictures.geometry(gone)).any()


def test_gallery_stages_and_turntable(face, photo):
    gallery = pictures.gallery(face, photo, face.landmarks)
    assert list(gallery) == ["photo", "landmarks", "overlay", "geometry", "albedo", "shading", "depth", "error", "poses"]
    assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in gallery.values())
    assert pictures.stages(face, photo).shape[1] > 4 * 224
    frames = pictures.turntable(face, frames=4)
    assert len(frames) == 4 and frames[0].shape == (112, 224, 3)
    middle = [np.argwhere(is_face(frame[:, :112])).mean(axis=0)[1] for frame in frames]
    assert middle[0] == pytest.approx(middle[2], abs=0.5)
    assert not np.array_equal(frames[1], frames[3])


def test_pictures_drawn_at_once_are_those_drawn_alone(face, photo):
    at_once = pictures.as_seen(face, photo, face.landmarks + 3)
    alone = {"overlay": pictures.overlay(face, photo), "geometry": pictures.geometry(face), "albedo": pictures.albedo(face),
             "shading": pictures.shading(face), "depth": pictures.depth(face), "error": pictures.error_map(face, photo),
             "landmarks": pictures.landmarks(face, photo, face.landmarks + 3)}  # fmt: skip
    for name, picture in alone.items():
        np.testing.assert_allclose(at_once[name], picture.astype(int), atol=1, err_msg=name)


def test_sides_may_be_drawn_by_a_pool_of_threads(face):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        sides, sway = pictures.poses(face, yaws=(-20, 20), each=pool.map), pictures.turntable(face, frames=3, each=pool.map)
    np.testing.assert_array_equal(sides, pictures.poses(face, yaws=(-20, 20)))
    np.testing.assert_array_equal(sway, pictures.turntable(face, frames=3))
    colored, clay = np.split(sway[-1], 2, axis=1)
    last = pictures.turned(face, yaw=55 * np.sin(4 * np.pi / 3), pitch=10 * np.sin(8 * np.pi / 3))
    np.testing.assert_allclose(colored, pictures.lit(last, scale=1).astype(int), atol=1)
    np.testing.assert_allclose(clay, pictures.geometry(last, scale=1).astype(int), atol=1)


def test_drawing_takes_the_mean_of_the_samples_of_a_pixel(rng):
    fine = rng.random((6, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(pictures._shrunk(fine), fine.reshape(3, 2, 4, 2, 3).mean(axis=(1, 3)), atol=1e-6)

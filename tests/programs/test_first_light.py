"""The light in closed form: exact where the picture is, steady where something hides the face, even where nothing is seen."""

import numpy as np
import pytest

from mgcbook.data import builtin
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.face.light import shade
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import first_light
from mgcbook.programs.first_light import with_light_of


@pytest.fixture(scope="module")
def decoder():
    return Decoder(builtin.load("light"), PAPER_CAMERA.resized(64, 64))


@pytest.fixture(scope="module")
def lit(decoder):
    """Two mean faces turned and lit in different ways: coefficients (2, K)."""
    rng = np.random.default_rng(4)
    parts = decoder.layout.split(decoder.zeros(2))
    parts["rotation"] = np.array([[0.05, 0.3, 0.0], [0.0, -0.2, 0.1]], np.float32)
    parts["light"] = (0.15 * rng.standard_normal((2, 3, 9))).astype(np.float32)
    return decoder.layout.join(parts)


def dark(decoder, coefficients):
    """The same faces before their light is known."""
    parts = decoder.layout.split(coefficients.copy())
    return decoder.layout.join({**parts, "light": np.zeros_like(parts["light"]), "albedo": parts["albedo"] + 1})


def shading_error(decoder, found, true):
    """Root mean square difference of the light on plaster, over directions that a camera in front sees."""
    rng = np.random.default_rng(0)
    normals = rng.standard_normal((1, 400, 3)).astype(np.float32)
    normals[..., 2] = np.abs(normals[..., 2])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    white = np.ones_like(normals)
    light = lambda rows: [shade(white, normals, part[None]) for part in decoder.layout.split(rows)["light"]]
    return np.array([np.sqrt(np.mean((a - b) ** 2)) for a, b in zip(light(found), light(true), strict=True)])


def test_the_light_of_a_rendered_face_is_found(decoder, lit):
    photos = np.asarray(decoder(lit).image)
    found = with_light_of(photos, dark(decoder, lit), decoder)
    assert shading_error(decoder, found, lit).max() < 0.08 < 0.3 < shading_error(decoder, dark(decoder, lit), lit).min()
    view = decoder(found)
    seen = np.asarray(view.mask) > 0
    assert np.abs(np.asarray(view.image) - photos)[seen].mean() < 0.01
    kept, given = decoder.layout.split(found), decoder.layout.split(lit)
    assert np.array_equal(kept["rotation"], given["rotation"]) and not kept["albedo"].any()


def test_what_hides_the_face_counts_little(decoder, lit, monkeypatch):
    photos = np.asarray(decoder(lit).image).copy()
    photos[:, 40:48, 20:44] = (0.0, 0.9, 0.1)
    clean = with_light_of(np.asarray(decoder(lit).image), lit, decoder)
    hidden = with_light_of(photos, lit, decoder)
    assert shading_error(decoder, hidden, clean).max() < 0.03
    monkeypatch.setattr(first_light, "ROUNDS", 1)
    assert shading_error(decoder, with_light_of(photos, lit, decoder), clean).min() > 0.08
    monkeypatch.undo()
    told = np.ones(photos.shape[:3], np.float32)
    told[:, 40:48, 20:44] = 0
    assert shading_error(decoder, with_light_of(photos, lit, decoder, told), clean).max() < 0.015


def test_without_skin_the_light_is_even(decoder, lit):
    found = with_light_of(np.asarray(decoder(lit).image), lit, decoder, np.zeros((2, 64, 64), np.float32))
    assert not decoder.layout.split(found)["light"].any()

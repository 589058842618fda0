"""The combined loss (Eq. 6), end to end from the coefficients."""

from dataclasses import replace

import autograd
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.face.render import composite
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.losses import PAPER_WEIGHTS, Weights
from mgcbook.learning.objective import pair_up, total_loss
from mgcbook.tape import bare, check_gradients, value_and_grad
from mgcbook.tape import oracle as _oracle  # noqa: F401  (lets HIPS autograd in)
from tests.toy import same_face, toy_batch, toy_coefficients, toy_model

CAMERA = PAPER_CAMERA.resized(32, 32)
TERMS = ("render", "landmark", "identity", "regularisation", "pixel", "depth", "epipolar")
NONE = Weights(**{**dict.fromkeys(TERMS, 0.0)})
"""Weights of 0: switch on what a test is about."""


@pytest.fixture(scope="module")
def decoder():
    return Decoder(toy_model(side=9), CAMERA)


@pytest.fixture
def scene(rng, decoder):
    """Three items of three views, one of each flag, and photographs that agree with nothing."""
    return toy_coefficients(rng, decoder.layout, 3, 3), toy_batch(rng, CAMERA, 3, 3, [2, 1, 0])


def features(images, landmarks):
    """A stand-in for a network that recognises faces: means of four quarters and, without gradient, where the landmarks are."""
    quarters = np.mean(np.reshape(images, (images.shape[0], 2, 16, 2, 16, 3)), axis=(2, 4))
    place = np.round(np.mean(landmarks, axis=1)) / 32
    return np.concatenate([np.reshape(quarters, (images.shape[0], 12)), place], axis=-1)


# ---------------------------------------------------------------- gradients, end to end


@pytest.mark.parametrize("options", [{}, {"reprojected": True, "symmetric": True}], ids=["paper", "options"])
def test_the_total_loss_agrees_with_hips_from_the_coefficients_on(decoder, scene, options):
    coefficients, batch = scene
    loss = lambda c: total_loss(c, batch, decoder, features=features, **options)[0]
    value, gradient = value_and_grad(loss)(coefficients)
    expected, judged = autograd.value_and_grad(loss)(coefficients)
    assert_allclose(value, expected, rtol=1e-12)
    assert np.abs(gradient - judged).max() <= 1e-8 * np.abs(judged).max()


def test_with_an_antialiased_outline_it_agrees_too(scene):
    coefficients, batch = scene
    decoder = Decoder(toy_model(side=9), CAMERA, antialiased=True)
    loss = lambda c: total_loss(c, batch, decoder, replace(NONE, render=1.0, pixel=1.0, depth=1.0))[0]
    (value, gradient), (expected, judged) = value_and_grad(loss)(coefficients), autograd.value_and_grad(loss)(coefficients)
    assert_allclose(value, expected, rtol=1e-12)
    assert np.abs(gradient - judged).max() <= 1e-8 * np.abs(judged).max()


@pytest.mark.parametrize("name", TERMS)
def test_every_term_agrees_with_hips_and_with_differences(rng, decoder, scene, name):
    """With a tiny step, so that on the way no outline passes a pixel centre, where the terms that look at pixels jump."""
    coefficients, batch = scene
    loss = lambda c: total_loss(c, batch, decoder, replace(NONE, **{name: 1.0}), features)[0]
    check_gradients(loss, coefficients, rng, step=2e-9)


# ---------------------------------------------------------------- what the sum is made of


def test_the_total_is_the_weighted_sum_of_its_terms(decoder, scene):
    loss, terms = total_loss(*scene, decoder, features=features)
    w = PAPER_WEIGHTS
    two_d = 1.9 * terms["render"] + 1e-3 * terms["landmark"] + 0.2 * terms["identity"] + 1e-4 * terms["regularisation"]
    more = 0.15 * terms["pixel"] + 1e-4 * terms["depth"] + 1e-3 * terms["epipolar"]
    assert_allclose([loss, terms["total"]], w.two_d * two_d + w.multi_view * more)
    assert all(np.shape(term) == () for term in terms.values())


def test_terms_are_bare_while_the_tape_is_running(decoder, scene):
    coefficients, batch = scene
    (value, terms), _ = value_and_grad(lambda c: total_loss(c, batch, decoder), has_aux=True)(coefficients)
    assert terms["total"] == value
    watched = value_and_grad(lambda c: (total_loss(c, batch, decoder)[0], None), has_aux=True)
    assert watched(coefficients)[0][0] == value
    assert all(term is bare(term) for term in terms.values())


def test_single_view_items_add_nothing_to_the_multi_view_losses(decoder, scene):
    coefficients, batch = scene
    weights = replace(PAPER_WEIGHTS, two_d=0.0)

    def gradient_for(flags):
        flagged = {**batch, "flags": np.array(flags)}
        return value_and_grad(lambda c: total_loss(c, flagged, decoder, weights)[0])(coefficients)[1]

    gradient = gradient_for([1, 0, 0])
    assert np.abs(gradient[0]).max() > 0
    assert_allclose(gradient[1:], 0, atol=0)
    gradient = gradient_for([2, 1, 0])
    assert np.abs(gradient[0]).max() > 0 and np.abs(gradient[1]).max() > 0
    assert_allclose(gradient[2], 0, atol=0)


def test_flag_1_leaves_out_the_epipolar_loss(decoder, scene):
    coefficients, batch = scene
    weights = replace(NONE, epipolar=1.0)
    _, gradient = value_and_grad(lambda c: total_loss(c, batch, decoder, weights)[0])(coefficients)
    assert np.abs(gradient[0]).max() > 0
    assert_allclose(gradient[1:], 0, atol=0)


def test_the_gate_does_not_change_what_an_open_item_counts(decoder, scene):
    """Alone, or beside single-view items: the same multi-view losses."""
    coefficients, batch = scene
    _, terms = total_loss(coefficients, {**batch, "flags": np.array([2, 0, 0])}, decoder)
    _, alone = total_loss(coefficients[:1], {name: array[:1] for name, array in batch.items()}, decoder)
    for name in ("pixel", "depth", "epipolar"):
        assert_allclose(terms[name], alone[name])


def test_sources_are_summed_and_views_are_averaged(decoder, scene):
    coefficients, batch = (scene[0][:1], {name: array[:1] for name, array in scene[1].items()})
    _, three = total_loss(coefficients, batch, decoder)
    arrays = {name: array for name, array in batch.items() if name != "flags"}
    pick = lambda views: (coefficients[:, views], {"flags": batch["flags"], **{name: arrays[name][:, views] for name in arrays}})
    _, first = total_loss(*pick([0, 1]), decoder)
    _, second = total_loss(*pick([0, 2]), decoder)
    single = [total_loss(*pick([view]), decoder)[1] for view in range(3)]
    for name in ("pixel", "depth", "epipolar"):
        assert_allclose(three[name], first[name] + second[name])
        assert name not in single[0]
    for name in ("render", "landmark", "regularisation"):
        assert_allclose(three[name], np.mean([terms[name] for terms in single]))


def test_losses_in_pixels_do_not_depend_on_the_size_of_the_picture(rng):
    """The weights are meant for 224 pixels: half the picture has the same landmark and epipolar losses."""
    layout = Layout.of(toy_model(side=9))
    coefficients = toy_coefficients(rng, layout, 1, 2)
    terms = []
    for size in (32, 64):
        camera = PAPER_CAMERA.resized(size, size)
        batch = toy_batch(np.random.default_rng(3), camera, 1, 2, [2])
        batch["landmarks"] = np.random.default_rng(4).random((1, 2, 68, 2)) * size
        terms.append(total_loss(coefficients, batch, Decoder(toy_model(side=9), camera))[1])
    assert_allclose(terms[0]["landmark"], terms[1]["landmark"])
    assert_allclose(terms[0]["epipolar"], terms[1]["epipolar"], rtol=1e-3)


# ---------------------------------------------------------------- the truth is where the losses are smallest


def truth(rng, camera):
    """One face in two views, its own renderings as photographs on a grey wall, its own landmarks."""
    decoder = Decoder(toy_model(side=33), camera)
    coefficients = same_face(toy_coefficients(rng, decoder.layout, 2, 2), decoder.layout)
    view = decoder(coefficients.reshape(4, -1))
    images = view.image + 0.5 * (1 - view.mask[..., None])
    batch = {"images": images, "landmarks": view.landmarks, "skin": np.ones_like(view.mask)}
    batch = {name: array.reshape(2, 2, *array.shape[1:]) for name, array in batch.items()}
    return decoder, coefficients, {**batch, "flags": np.array([2, 2])}


def test_at_the_truth_every_loss_is_zero_up_to_reading_between_pixels(rng):
    decoder, coefficients, batch = truth(rng, PAPER_CAMERA.resized(96, 96))
    _, terms = total_loss(coefficients, batch, decoder, reprojected=True)
    assert terms["render"] < 2e-6
    assert terms["landmark"] < 1e-12
    assert terms["epipolar"] < 1e-6
    assert terms["pixel"] < 0.02
    assert terms["depth"] < 0.2  # mm
    _, paper = total_loss(coefficients, batch, decoder)
    assert paper["depth"] > 2  # the paper's form compares the depths of two cameras


def test_away_from_the_truth_every_loss_is_larger(rng):
    decoder, coefficients, batch = truth(rng, PAPER_CAMERA.resized(96, 96))
    _, terms = total_loss(coefficients, batch, decoder, reprojected=True)
    wrong = coefficients.copy()
    wrong[:, 1, decoder.layout.slices["rotation"]] += [0.05, 0.15, 0.05]  # the source turned
    wrong[:, 1, decoder.layout.slices["identity"]] += 1.0
    _, more = total_loss(wrong, batch, decoder, reprojected=True)
    for name in ("render", "landmark", "pixel", "depth", "epipolar"):
        assert more[name] > 3 * terms[name], name


def test_without_the_covisible_map_self_occlusion_counts_as_an_error(rng):
    decoder, coefficients, batch = truth(rng, PAPER_CAMERA.resized(96, 96))
    coefficients[:, 1, decoder.layout.slices["rotation"]] = [0, 0.9, 0]  # so far that the nose hides a cheek
    view = decoder(coefficients.reshape(4, -1))
    images = composite(view.image, view.mask, np.ones((4, 96, 96, 3))).reshape(2, 2, 96, 96, 3)
    both, one = (pair_up(view, images, decoder, covisible=covisible) for covisible in (True, False))
    assert np.array_equal(one.covisible, one.target_depth > 0)
    assert (both.covisible <= one.covisible).all() and both.covisible.sum() < 0.95 * one.covisible.sum()
    batch = {**batch, "images": images, "landmarks": view.landmarks.reshape(2, 2, 68, 2)}
    with_map, without = (total_loss(coefficients, batch, decoder, covisible=c, reprojected=True)[1] for c in (True, False))
    assert with_map["pixel"] < without["pixel"] and with_map["depth"] < without["depth"]
    assert with_map["epipolar"] == without["epipolar"]


# ---------------------------------------------------------------- degenerate scenes and bad input


def shifted(layout, coefficients, shift):
    moved = coefficients.copy()
    moved[..., layout.slices["translation"]] += shift
    return moved


DEGENERATE = {
    "beside the picture": lambda layout, c, batch: (shifted(layout, c, [5000.0, 0, 0]), batch),
    "behind the camera": lambda layout, c, batch: (shifted(layout, c, [0, 0, -2e4]), batch),
    "around the camera": lambda layout, c, batch: (shifted(layout, c, [0, 0, -5000.0]), batch),
    "one target out of view": lambda layout, c, batch: (np.concatenate([c[:, :1] * 0 + 1e3, c[:, 1:]], axis=1), batch),
    "all views the same": lambda layout, c, batch: (np.repeat(c[:, :1], 3, axis=1), batch),
    "saturated": lambda layout, c, batch: (c * 10, {**batch, "images": np.ones_like(batch["images"])}),
    "no skin": lambda layout, c, batch: (c, {**batch, "skin": np.zeros_like(batch["skin"])}),
    "no multi-view item": lambda layout, c, batch: (c, {**batch, "flags": np.zeros(3, int)}),
    "zeros": lambda layout, c, batch: (np.zeros_like(c), {**batch, "images": np.zeros_like(batch["images"])}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", list(DEGENERATE))
def test_degenerate_scenes_have_finite_losses_and_gradients(decoder, scene, case, dtype):
    coefficients, batch = DEGENERATE[case](decoder.layout, *scene)
    batch = {name: array if name == "flags" else array.astype(dtype) for name, array in batch.items()}
    value, gradient = value_and_grad(lambda c: total_loss(c, batch, decoder, features=features)[0])(coefficients.astype(dtype))
    assert np.isfinite(value) and np.isfinite(gradient).all()
    assert value.dtype == gradient.dtype == dtype


def test_bad_batches_are_named(decoder, scene):
    coefficients, batch = scene
    with pytest.raises(ValueError, match="skin is missing"):
        total_loss(coefficients, {name: array for name, array in batch.items() if name != "skin"}, decoder)
    with pytest.raises(ValueError, match=r"batch\['landmarks'\]: expected \(3, 3, 68, 2\) .* got \(3, 2, 68, 2\)"):
        total_loss(coefficients, {**batch, "landmarks": batch["landmarks"][:, :2]}, decoder)
    with pytest.raises(ValueError, match=r"total_loss: coefficients: expected \(B, N, K\), got \(3, 43\)"):
        total_loss(coefficients[:, 0], batch, decoder)

"""Learning from known coefficients: the quadratic form is the distance of vertices, and every slope is right."""

import autograd
import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.metrics import vertex_error
from mgcbook.learning.supervised import SIZE, WEIGHTS, SupervisedLoss, modes, without_motions
from mgcbook.tape import check_gradients, value_and_grad
from mgcbook.tape import oracle as _oracle  # noqa: F401  (lets HIPS autograd in)
from tests.toy import toy_coefficients, toy_model

CAMERA = PAPER_CAMERA.resized(32, 32)


@pytest.fixture(scope="module")
def decoder():
    model = toy_model(side=9)
    layout = Layout.of(model, rotation_scale=0.5, translation_scale=(20.0, 20.0, 400.0))
    return Decoder(model, CAMERA, layout, turn_about_face=True)


@pytest.fixture
def scene(rng, decoder):
    """What the network says of two items of three views, and what it should have said."""
    found, known = (toy_coefficients(rng, decoder.layout, 2, 3) for _ in range(2))
    landmarks = np.asarray(decoder(known.reshape(6, -1)).landmarks).reshape(2, 3, 68, 2)
    return found, {"known": known, "landmarks": landmarks}


def test_its_gradient_agrees_with_hips_and_with_differences(rng, decoder, scene):
    found, batch = scene
    loss = lambda c: SupervisedLoss(decoder)(c, batch)[0]
    value, gradient = value_and_grad(loss)(found)
    expected, judged = autograd.value_and_grad(loss)(found)
    assert_allclose(value, expected, rtol=1e-12)
    assert np.abs(gradient - judged).max() <= 1e-10 * np.abs(judged).max()
    check_gradients(loss, found, rng, step=1e-6)


def test_known_coefficients_have_no_error(decoder, scene):
    _, batch = scene
    _, terms = SupervisedLoss(decoder)(batch["known"], batch)
    assert set(terms) == {"total", *WEIGHTS}
    assert max(float(value) for value in terms.values()) < 0.02  # the roots' small numbers, times their weights


def test_the_total_is_the_weighted_sum(decoder, scene):
    loss, terms = SupervisedLoss(decoder)(*scene)
    assert_allclose(loss, sum(WEIGHTS[name] * terms[name] for name in WEIGHTS), rtol=1e-9)


def test_each_error_sees_its_own_part_alone(decoder, scene):
    _, batch = scene
    layout, loss = decoder.layout, SupervisedLoss(decoder)
    names = {"albedo": "albedo", "light": "light", "rotation": "rotation", "identity": "shape", "expression": "shape"}
    for part, term in names.items():
        changed = np.array(batch["known"])
        changed[..., layout.slices[part]] += 0.3
        terms = loss(changed, batch)[1]
        alone = {name for name in WEIGHTS if terms[name] > 1e-3} - {"landmark"}
        assert alone == {term}, part


def test_the_landmark_error_is_the_mean_distance_in_percent_of_the_width(decoder, scene):
    found, batch = scene
    pixels = np.asarray(decoder(found.reshape(6, -1)).landmarks).reshape(2, 3, 68, 2) - batch["landmarks"]
    expected = 100 / 32 * np.linalg.norm(pixels, axis=-1).mean()
    assert_allclose(SupervisedLoss(decoder)(found, batch)[1]["landmark"], expected, rtol=1e-6)


def test_the_shape_error_is_that_of_all_vertices_after_the_best_motion(rng, decoder, scene):
    """To first order: a small difference, whose best motion is linear."""
    _, batch = scene
    layout, model = decoder.layout, decoder.model
    changed = np.array(batch["known"])
    for part in ("identity", "expression"):
        changed[..., layout.slices[part]] += 1e-4 * rng.standard_normal(changed[..., layout.slices[part]].shape)
    shapes = [model.shape(parts["identity"], parts["expression"])
              for parts in (layout.split(rows.reshape(6, -1)) for rows in (changed, batch["known"]))]  # fmt: skip
    difference = (shapes[0] - shapes[1]).reshape(6, 1, -1, 3)
    rest = np.stack([without_motions(one, model.mean, size=SIZE) for one in difference])[:, 0]
    expected = np.sqrt((rest**2).sum(-1).mean(-1) + 1e-8).mean()
    assert_allclose(SupervisedLoss(decoder)(changed, batch)[1]["shape"], expected, rtol=1e-3)


def test_what_is_taken_out_is_what_an_alignment_takes_out(rng):
    model = toy_model(side=9)
    basis = modes(model, "identity")
    moved = basis + 2.0 * np.array([1.0, -2.0, 0.5]) + 0.3 * np.cross([0.2, 1.0, -0.4], model.mean)
    assert_allclose(without_motions(moved, model.mean), without_motions(basis, model.mean), atol=1e-9 * np.abs(moved).max())
    small = 1e-5
    rest = np.linalg.norm(without_motions(basis, model.mean), axis=-1).mean(axis=1)
    everywhere = np.repeat(model.mean[None], len(basis), axis=0).astype(np.float64)
    assert_allclose(vertex_error(everywhere + small * basis, everywhere) / small, rest, rtol=1e-2)


def test_size_counts_for_as_much_as_is_said(rng):
    model = toy_model(side=9)
    larger = (model.mean - model.mean.mean(axis=0))[None]
    left = without_motions(larger + np.array([3.0, 0, 1]), model.mean, size=0.25)
    assert_allclose(left, 0.25 * larger, atol=1e-3)
    basis = modes(model, "identity").astype(np.float64)
    shapes = np.repeat(model.mean[None], len(basis), axis=0).astype(np.float64)
    free = np.linalg.norm(without_motions(basis, model.mean, size=0.0), axis=-1).mean(axis=1)
    assert_allclose(vertex_error(shapes + 1e-5 * basis, shapes, with_scale=True) / 1e-5, free, rtol=2e-2)


def test_a_batch_without_truth_is_refused(decoder, scene):
    found, batch = scene
    with pytest.raises(ValueError, match="known is missing: are these faces with truth"):
        SupervisedLoss(decoder)(found, {"landmarks": batch["landmarks"]})
    with pytest.raises(ValueError, match="known"):
        SupervisedLoss(decoder)(found, {**batch, "known": batch["known"][..., :-1]})

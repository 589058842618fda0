"""Every loss and its slopes are finite, whatever the pictures, masks, depths, poses and landmarks are (property-based)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcbook.face.camera import PAPER_CAMERA, relative_pose, rotation_from_euler
from mgcbook.face.light import shade
from mgcbook.face.normals import vertex_normals
from mgcbook.face.sampling import bilinear_sample
from mgcbook.face.warp import correspond
from mgcbook.learning import losses
from mgcbook.learning.decoder import Decoder
from mgcbook.learning.objective import total_loss
from mgcbook.tape import value_and_grad
from tests.toy import toy_batch, toy_coefficients, toy_model

B, H, W = 2, 4, 5
CAMERA = PAPER_CAMERA.resized(32, 32)
SEEDS, DTYPES = st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64])

COLORS = {
    "black": lambda rng, shape: np.zeros(shape),
    "white": lambda rng, shape: np.ones(shape),
    "saturated": lambda rng, shape: (rng.random(shape) > 0.5) * 1.0,
    "far too bright": lambda rng, shape: 1e4 * rng.random(shape),
    "any": lambda rng, shape: rng.random(shape),
}
MASKS = {
    "empty": lambda rng, shape: np.zeros(shape),
    "full": lambda rng, shape: np.ones(shape),
    "one pixel": lambda rng, shape: np.eye(1, int(np.prod(shape)), rng.integers(np.prod(shape))).reshape(shape),
    "soft": lambda rng, shape: rng.random(shape) ** 8,
}
DEPTHS = {
    "none": lambda rng, shape: np.zeros(shape),
    "tiny": lambda rng, shape: np.full(shape, 1e-30),
    "at the camera": lambda rng, shape: rng.random(shape),
    "usual": lambda rng, shape: 5000 + rng.normal(size=shape),
    "holes": lambda rng, shape: 5000 * (rng.random(shape) > 0.5),
    "far": lambda rng, shape: np.full(shape, 1e7),
}
SHIFTS = {
    "none": lambda rng: np.zeros((B, 3)),
    "tiny": lambda rng: 1e-20 * rng.normal(size=(B, 3)),
    "usual": lambda rng: 100 * rng.normal(size=(B, 3)),
    "behind": lambda rng: np.array([[0, 0, -1e4], [0, 0, -5000.0]]),
    "far": lambda rng: 1e6 * rng.normal(size=(B, 3)),
}
ANGLES = {
    "none": lambda rng: np.zeros((B, 3)),
    "a quarter": lambda rng: np.full((B, 3), np.pi / 2),
    "half": lambda rng: np.array([[0, np.pi, 0], [np.pi, 0, 0]]),
    "any": lambda rng: rng.normal(size=(B, 3)),
}
PLACES = {
    "one point": lambda rng: np.full((B, 68, 2), 112.0),
    "usual": lambda rng: 224 * rng.random((B, 68, 2)),
    "far out": lambda rng: 1e5 * rng.normal(size=(B, 68, 2)),
}


def of(table):
    return st.sampled_from(sorted(table))


def assert_finite(loss, params, dtype):
    """The sum over the items, and its slope in every entry."""
    params = {name: array.astype(dtype) for name, array in params.items()}
    with np.errstate(all="ignore"):
        value, gradients = value_and_grad(lambda p: np.sum(loss(p)))(params)
    assert np.isfinite(value), "the loss"
    for name, gradient in gradients.items():
        assert np.isfinite(gradient).all(), f"the slope of {name}"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEEDS, DTYPES, of(COLORS), of(COLORS), of(MASKS), of(MASKS), st.booleans())
def test_losses_of_colours(seed, dtype, made, photo, mask, skin, same):
    rng = np.random.default_rng(seed)
    target = COLORS[photo](rng, (B, H, W, 3)).astype(dtype)
    image = target if same else COLORS[made](rng, (B, H, W, 3))
    mask, skin = (MASKS[kind](rng, (B, H, W)).astype(dtype) for kind in (mask, skin))
    assert_finite(lambda p: losses.render_loss(p["image"], target, mask, skin), {"image": image}, dtype)
    assert_finite(lambda p: losses.pixel_loss(p["image"], target, mask), {"image": image}, dtype)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SEEDS, DTYPES, of(DEPTHS), of(DEPTHS), of(MASKS), st.booleans())
def test_losses_of_depths(seed, dtype, read, expected, mask, reprojected):
    rng = np.random.default_rng(seed)
    mask = MASKS[mask](rng, (B, H, W)).astype(dtype)
    depths = {"read": DEPTHS[read](rng, (B, H, W)), "expected": DEPTHS[expected](rng, (B, H, W))}
    assert_finite(lambda p: losses.depth_loss(p["read"], p["expected"], mask, reprojected=reprojected), depths, dtype)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(SEEDS, DTYPES, of(ANGLES), of(SHIFTS), of(PLACES), of(PLACES), st.booleans())
def test_losses_of_landmarks(seed, dtype, angles, shift, target, source, symmetric):
    rng = np.random.default_rng(seed)
    target, source = (PLACES[kind](rng).astype(dtype) for kind in (target, source))
    assert_finite(lambda p: losses.landmark_loss(p["target"], source), {"target": target}, dtype)

    def epipolar(p):
        pose = rotation_from_euler(p["angles"]), p["shift"]
        return losses.epipolar_loss(target, source, pose, PAPER_CAMERA, symmetric=symmetric)

    assert_finite(epipolar, {"angles": ANGLES[angles](rng), "shift": SHIFTS[shift](rng)}, dtype)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(SEEDS, DTYPES, of(DEPTHS), of(ANGLES), of(SHIFTS))
def test_reading_the_source_view(seed, dtype, depth, angles, shift):
    """Zero depth and points behind the source camera: the warp of Eq. 2 with its slopes."""
    rng = np.random.default_rng(seed)
    image = rng.random((B, H, W, 3)).astype(dtype)

    def read(p):
        target_from_model = rotation_from_euler(p["angles"]), p["shift"]
        nothing = rotation_from_euler(p["angles"] * 0), p["shift"] * 0
        found = correspond(p["depth"], relative_pose(nothing, target_from_model), PAPER_CAMERA)
        return bilinear_sample(image, found.uv) * found.valid[..., None]

    scene = {"depth": DEPTHS[depth](rng, (B, H, W)), "angles": ANGLES[angles](rng), "shift": SHIFTS[shift](rng)}
    assert_finite(read, scene, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-10, 1.0])
def test_normals_without_length_are_lit(rng, dtype, size):
    """Triangles of no area, or on one line: normal 0, and colours with a slope."""
    triangles = np.array([[0, 1, 2], [2, 3, 4], [0, 0, 1]])
    light = rng.normal(size=(1, 3, 9)).astype(dtype)
    line = np.arange(5)[:, None] * np.array([1.0, 2.0, 3.0]) * size

    def colors(p):
        return shade(p["albedo"], vertex_normals(p["vertices"], triangles), light)

    assert_finite(colors, {"albedo": np.ones((1, 5, 3)), "vertices": line[None]}, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-8, 1e8])
def test_features_without_length_have_a_cosine(dtype, length):
    features = {"photo": np.full((B, 7), length), "rendered": np.ones((B, 7))}
    assert_finite(lambda p: losses.identity_loss(p["photo"], p["rendered"]), features, dtype)
    assert_finite(lambda p: losses.identity_loss(p["photo"], p["photo"]), features, dtype)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS, DTYPES, of(COLORS), st.sampled_from([0.0, 0.5, 20.0]), st.sampled_from([0.0, -5000.0, -2e4, 1e5]),
       st.booleans(), st.booleans())  # fmt: skip
def test_the_combined_loss(seed, dtype, photo, spread, away, antialiased, options):
    rng = np.random.default_rng(seed)
    decoder = Decoder(toy_model(side=9), CAMERA, antialiased=antialiased)
    batch = toy_batch(rng, CAMERA, 2, 2, [2, 1])
    batch |= {"images": COLORS[photo](rng, batch["images"].shape), "landmarks": batch["landmarks"] * rng.choice([0, 1, 1e3])}
    batch |= {name: batch[name].astype(dtype) for name in ("images", "landmarks", "skin")}
    coefficients = toy_coefficients(rng, decoder.layout, 2, 2, spread=spread)
    coefficients[..., decoder.layout.slices["translation"]] += [0, 0, away]
    loss = lambda p: total_loss(p["c"], batch, decoder, reprojected=options, symmetric=options)[0]
    assert_finite(loss, {"c": coefficients}, dtype)

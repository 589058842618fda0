"""Light: nine spherical harmonics with MGCNet's factors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.face.light import sh_basis, shade
from mgcbook.tape import check_gradients


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_the_factors_are_mgcnet_s():
    """Their values at normals where each harmonic stands alone."""
    c0, c1, c2 = 0.8862269, 1.7724539, 2.4270324
    assert_allclose(sh_basis(np.array([0.0, 0.0, 1.0])), [c0, 0, c1, 0, 0, 0, 2 * 0.7006239, 0, 0], atol=1e-6)
    assert_allclose(sh_basis(np.array([1.0, 0.0, 0.0])), [c0, 0, 0, -c1, 0, 0, -0.7006239, 0, 1.2135162], atol=1e-6)
    assert_allclose(sh_basis(np.array([0.0, 1.0, 0.0])), [c0, -c1, 0, 0, 0, 0, -0.7006239, 0, -1.2135162], atol=1e-6)
    assert_allclose(sh_basis(unit(np.array([1.0, 1, 1])))[[4, 5, 7]], [c2 / 3, -c2 / 3, -c2 / 3], atol=1e-6)


def test_the_harmonics_do_not_mix(rng):
    """Over the whole sphere any two of them average to zero."""
    basis = sh_basis(unit(rng.normal(size=(200_000, 3))))
    products = basis.T @ basis / len(basis)
    assert_allclose(products - np.diag(np.diag(products)), 0, atol=0.02)


def test_no_coefficients_are_an_even_light(rng):
    albedo, normals = rng.random((2, 5, 3)), unit(rng.normal(size=(2, 5, 3)))
    assert_allclose(shade(albedo, normals, np.zeros((2, 3, 9))), 0.7089815 * albedo, rtol=1e-6)


def test_each_channel_has_its_own_light(rng):
    light = np.zeros((1, 3, 9))
    light[0, 2, 2] = 1  # blue from the front
    colors = shade(np.ones((1, 2, 3)), np.array([[[0.0, 0, 1], [0, 0, -1]]]), light)
    assert_allclose(colors[0, :, :2], 0.7089815, rtol=1e-6)
    assert colors[0, 0, 2] > 2 and colors[0, 1, 2] < 0


def test_float32_stays_float32_and_wrong_light_is_named(rng):
    albedo = np.ones((1, 4, 3), np.float32)
    assert shade(albedo, albedo, np.zeros((1, 3, 9), np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match=r"shade: light: expected \(B, 3, 9\), got \(1, 9, 3\)"):
        shade(albedo, albedo, np.zeros((1, 9, 3), np.float32))


def test_gradients(rng):
    weight = rng.normal(size=(2, 5, 3))
    params = {"albedo": rng.random((2, 5, 3)), "normals": rng.normal(size=(2, 5, 3)), "light": rng.normal(size=(2, 3, 9))}
    check_gradients(lambda p: np.sum(weight * shade(p["albedo"], p["normals"], p["light"])), params, rng)

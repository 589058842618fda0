"""The products of a linear model: kernels against their twins, and the same bits for any number of threads."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.kernels import cpu, twins
from mgcbook.kernels.cpu.threads import set_threads


@pytest.mark.parametrize("width", [30, 2048, 5000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_agree_with_their_twins(rng, width, dtype):
    coefficients, basis = rng.normal(size=(3, 7)).astype(dtype), rng.normal(size=(7, width)).astype(dtype)
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    for start in (rng.normal(size=width), rng.normal(size=(3, width))):
        found = cpu.add_modes(start.astype(dtype), coefficients, basis)
        assert found.dtype == dtype
        assert_allclose(found, twins.add_modes(start.astype(dtype), coefficients, basis), atol=10 * tolerance)
    gradient = rng.normal(size=(3, width)).astype(dtype)
    expected = twins.add_modes_gradient(gradient, basis)
    assert_allclose(cpu.add_modes_gradient(gradient, basis), expected, atol=tolerance * np.abs(expected).max())


def test_the_number_of_threads_changes_no_bit(rng):
    coefficients, basis = rng.normal(size=(3, 7)).astype(np.float32), rng.normal(size=(7, 9000)).astype(np.float32)
    start = np.zeros(9000, np.float32)
    before = set_threads(1)
    try:
        results = []
        for count in (1, 2, 3):
            set_threads(count)
            out = cpu.add_modes(start, coefficients, basis)
            results.append((out, cpu.add_modes_gradient(out, basis)))
    finally:
        set_threads(before)
    for out, gradient in results[1:]:
        assert np.array_equal(out, results[0][0])
        assert np.array_equal(gradient, results[0][1])

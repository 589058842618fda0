"""Reading images between pixels: the +0.5 convention, the borders, the gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mgcbook.face.camera import pixel_grid
from mgcbook.face.sampling import bilinear_sample, in_range
from mgcbook.tape import check_gradients, value_and_grad

H, W = 5, 7


@pytest.fixture
def image(rng):
    return rng.random((2, H, W, 3))


def grid(batch=2):
    return np.stack([pixel_grid(H, W)] * batch)


def test_at_the_centres_it_returns_the_pixels(image):
    assert_allclose(bilinear_sample(image, grid()), image, atol=1e-15)


def test_between_two_centres_is_their_mean(image):
    uv = np.array([[[[3.0, 2.5]]], [[[2.5, 3.0]]]])  # the border of columns 2 and 3 in row 2; of rows 2 and 3 in column 2
    assert_allclose(bilinear_sample(image, uv)[0, 0, 0], (image[0, 2, 2] + image[0, 2, 3]) / 2)
    assert_allclose(bilinear_sample(image, uv)[1, 0, 0], (image[1, 2, 2] + image[1, 3, 2]) / 2)


def test_a_linear_image_is_read_exactly(rng):
    u, v = np.moveaxis(grid(), -1, 0)
    uv = rng.uniform(0.5, 4.5, size=(2, 4, 3, 2))
    read = bilinear_sample((2 * u - 3 * v)[..., None], uv)[..., 0]
    assert_allclose(read, 2 * uv[..., 0] - 3 * uv[..., 1], atol=1e-13)


def test_beyond_the_outermost_centres_the_border_is_read(image):
    outside = np.array([[[[-4.0, 2.5], [W + 9.0, 2.5], [3.5, -1e9], [np.inf, -np.inf], [np.nan, 2.5]]]] * 2)
    read = bilinear_sample(image, outside)[0, 0]
    assert_array_equal(read, np.stack([image[0, 2, 0], image[0, 2, -1], image[0, 0, 3], image[0, 0, -1], image[0, 2, 0]]))
    _, slope = value_and_grad(lambda uv: np.sum(bilinear_sample(image, uv)))(outside)
    assert_array_equal(slope[..., 0, 0], 0)  # the position beyond the border has no gradient, the other one has
    assert (slope[..., 0, 1] != 0).all() and np.isfinite(slope).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (6, 1)])
def test_images_of_one_row_or_column(rng, size):
    image = rng.random((1, *size, 2))
    uv = rng.uniform(-1, 8, size=(1, 4, 4, 2))
    read = bilinear_sample(image, uv)
    assert np.isfinite(read).all() and read.min() >= image.min() and read.max() <= image.max()
    check_gradients(lambda p: np.sum(np.sin(bilinear_sample(p["image"], p["uv"]))), {"image": image, "uv": uv}, rng)


def test_gradients(rng, image):
    uv = rng.uniform(-1, 8, size=(2, 3, 4, 2))
    report = check_gradients(lambda p: np.sum(np.sin(bilinear_sample(p["image"], p["uv"]))), {"image": image, "uv": uv}, rng)
    assert len(report) == 14


def test_shapes_and_types(image):
    for dtype in (np.float32, np.float64):
        read = bilinear_sample(image.astype(dtype), grid()[:, :2].astype(dtype))
        assert read.shape == (2, 2, W, 3) and read.dtype == dtype
    with pytest.raises(ValueError, match=r"uv: expected \(B, h, w, 2\), got \(5, 7, 2\)"):
        bilinear_sample(image, grid()[0])


def test_in_range_counts_the_ends():
    uv = np.array([[0.5, 0.5], [W - 0.5, H - 0.5], [0.49, 2], [2, H - 0.49], [np.nan, 2], [3, 3]], dtype=np.float32)
    assert_array_equal(in_range(uv, H, W), [1, 1, 0, 0, 0, 1])
    assert in_range(uv, H, W).dtype == np.float32
    assert in_range(grid(), H, W).all()

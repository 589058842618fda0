"""The photograph that comes along and its hand-set landmarks."""

import subprocess
import sys

import numpy as np
import pytest

from mgcbook.data import builtin, sample_photo
from mgcbook.data.align import alignment_template, fit_similarity
from mgcbook.errors import DataError


@pytest.fixture(scope="module")
def photo():
    return sample_photo.load()


def test_photo_and_landmarks_belong_together(photo):
    assert photo.image.shape == (512, 512, 3) and photo.image.dtype == np.float32
    assert photo.landmarks.shape == (68, 2) and photo.landmarks.dtype == np.float64
    np.testing.assert_allclose(np.ptp(photo.landmarks, axis=0), [91.6, 90.3], atol=1e-9)


def test_dark_pupils_and_light_teeth_lie_where_the_landmarks_say(photo):
    grey = photo.image.mean(axis=-1)
    for eye in (slice(36, 42), slice(42, 48)):
        x, y = photo.landmarks[eye].mean(axis=0).astype(int)
        assert grey[y - 2 : y + 3, x - 2 : x + 3].min() < 0.2
    x, y = photo.landmarks[[62, 66]].mean(axis=0).astype(int)
    assert grey[y - 1 : y + 2, x - 2 : x + 3].mean() > 0.8


@pytest.mark.parametrize("feature, dx, dy", [
    (slice(2, 8), -8, 0), (slice(9, 15), 8, 0), (slice(36, 48), 0, 12), (slice(48, 60), 0, 12),
])  # fmt: skip
def test_jaw_lids_and_lips_lie_on_edges(photo, feature, dx, dy):
    """Brightness changes more at the points than at the same points moved away."""
    steepness = np.hypot(*np.gradient(photo.image.mean(axis=-1)))

    def along(points):
        return np.mean([steepness[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].max() for x, y in points])

    points = photo.landmarks[feature]
    assert along(points) > 1.3 * along(points + np.array([dx, dy]))


def test_left_and_right_are_in_the_order_of_ibug(photo):
    x, y = photo.landmarks.T
    assert np.all(np.diff(x[2:15]) > 0) and np.all(np.diff(x[17:27]) > 0) and np.all(np.diff(x[31:36]) > 0)
    assert np.all(np.diff(y[27:31]) > 0) and np.argmax(y) == 8
    assert y[37] < y[41] and y[44] < y[46] and y[51] < y[62] < y[66] < y[57]


def test_a_face_model_agrees_about_the_shape(photo):
    template = alignment_template(builtin.load("light"))
    fit = fit_similarity(photo.landmarks, template)
    distance = np.linalg.norm(fit.apply(photo.landmarks) - template, axis=1)
    size = np.sqrt(np.prod(np.ptp(template, axis=0)))
    assert distance.mean() / size < 0.06  # another face, and she smiles; a wrong order would give 0.3


def test_another_picture_or_none(monkeypatch):
    monkeypatch.setattr(sample_photo, "PIXELS_SHA256", "0")
    with pytest.raises(DataError, match="another picture"):
        sample_photo.load()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DataError, match="pip install scikit-image"):
        sample_photo.load()


def test_scikit_image_itself_is_not_imported():
    code = "import sys; from mgcbook.data import sample_photo; sample_photo.load(); assert 'skimage' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

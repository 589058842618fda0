"""Shapes against scans: the crop by brute force, every option, units, and tables beside the published rows."""

import numpy as np
import pytest

from mgcbook.data.protocols.registered import registered_error
from mgcbook.data.protocols.scan import FIVE, FRGC, MICC, SEVEN, ScanProtocol, crop, global_scale, now_error, scan_error
from mgcbook.data.protocols.synthetic import subdivided, synthetic_scan
from mgcbook.data.protocols.tables import cumulative, draw_cumulative, heat, heat_map, published, table
from mgcbook.errors import DataError, UsageError
from tests.toy import toy_model


@pytest.fixture(scope="module")
def face():
    """A sheet with landmarks where eyes, nose and mouth are, and a scan of it."""
    model = toy_model(side=33)
    vertices = model.mean.astype(np.float64)
    places = np.zeros((68, 2))
    for number, place in {36: (-45, 30), 45: (45, 30), 39: (-15, 30), 42: (15, 30), 30: (0, 0), 33: (0, -12),
                          48: (-25, -40), 54: (25, -40)}.items():  # fmt: skip
        places[number] = place
    marked = np.array([np.argmin(np.sum((vertices[:, :2] - place) ** 2, axis=1)) for place in places])
    scan, points = synthetic_scan(np.random.default_rng(3), vertices, model.triangles, marked, noise=0.05, marked=0.3)
    return model, vertices, marked, scan, points


def test_the_crop_is_that_of_brute_force(face, rng):
    _, _, _, scan, points = face
    nose = points[30]
    expected = [i for i, vertex in enumerate(scan.vertices) if np.sqrt(sum((vertex - nose) ** 2)) <= 60]
    np.testing.assert_array_equal(crop(scan.vertices, nose, 60), expected)
    assert 0 < len(expected) < len(scan.vertices)


@pytest.mark.parametrize("direction", ["scan", "shape"])
@pytest.mark.parametrize("scale", ["none", "per-mesh"])
def test_the_true_shape_has_the_error_of_the_noise(face, direction, scale):
    model, vertices, marked, scan, points = face
    protocol = ScanProtocol(scale, radius=60, direction=direction)
    found = scan_error(vertices, model.triangles, vertices[marked], scan, points, protocol)
    assert 0.02 < found.error < 0.08
    assert found.scan_from_shape.scale == pytest.approx(1, abs=2e-3)


def test_a_wrong_size_costs_unless_the_scale_is_found(face):
    model, vertices, marked, scan, points = face
    small = 0.95 * vertices
    rigid = scan_error(small, model.triangles, small[marked], scan, points, ScanProtocol(radius=60))
    scaled = scan_error(small, model.triangles, small[marked], scan, points, ScanProtocol("per-mesh", radius=60))
    factor = global_scale([small[marked][list(FIVE)]], [points[list(FIVE)]])
    once = scan_error(small, model.triangles, small[marked], scan, points, ScanProtocol("global", radius=60, factor=factor))
    assert factor == pytest.approx(1 / 0.95, abs=0.02)
    assert rigid.error > 3 * scaled.error and once.error < 0.5 * rigid.error
    assert scaled.scan_from_shape.scale == pytest.approx(1 / 0.95, abs=2e-3)


def test_metrics_are_ordered_as_distances_are(face):
    model, vertices, marked, scan, points = face
    other = vertices + np.array([0, 0, 2.0]) * np.cos(vertices[:, :1] / 30)
    plane, vertex, surface = (
        scan_error(other, model.triangles, other[marked], scan, points, ScanProtocol(metric=metric, radius=60))
        for metric in ("p2plane_rmse", "p2p_mean", "p2s_mean")
    )
    assert (plane.each <= surface.each + 1e-9).all() and (surface.each <= vertex.each + 1e-9).all()
    assert plane.error == pytest.approx(np.sqrt(np.mean(plane.each**2)))
    assert MICC.radius == 95 and MICC.scale == "none" and FRGC.metric == "p2p_mean"


def test_now_forgives_the_scale_and_cuts_around_the_nose(face):
    model, vertices, marked, scan, points = face
    seven = points[list(SEVEN)]
    found = now_error(2 * vertices, model.triangles, 2 * vertices[marked], scan, seven)
    assert found.median < found.mean < 0.1
    bridge, below = seven[1:3].mean(axis=0), seven[4]
    radius = 1.4 * (np.linalg.norm(seven[0] - seven[3]) + np.linalg.norm(bridge - below)) / 2
    away = np.linalg.norm(scan.vertices - (below + 0.3 * (bridge - below)), axis=1)
    np.testing.assert_array_equal(found.points, np.flatnonzero(away <= radius))
    metrical = now_error(1.1 * vertices, model.triangles, 1.1 * vertices[marked], scan, seven, metrical=True)
    assert metrical.mean > 3 * found.mean


def test_units_and_landmarks_are_checked(face):
    model, vertices, marked, scan, points = face
    with pytest.raises(DataError, match="is the unit mm"):
        scan_error(vertices, model.triangles, vertices[marked], scan._replace(vertices=scan.vertices / 10), points / 10)
    with pytest.raises(DataError, match="belong to each other"):
        scan_error(vertices, model.triangles, vertices[marked], scan, points + 40)
    with pytest.raises(DataError, match="same landmarks"):
        scan_error(vertices, model.triangles, vertices[marked][:5], scan, points)
    with pytest.raises(UsageError, match="metric"):
        ScanProtocol(metric="psnr")


def test_registered_error_by_hand(rng):
    truth = rng.normal(size=(50, 3)) * 40
    shape = (truth - 5) / 3
    assert registered_error(shape, truth).rmse < 1e-9
    assert registered_error(shape, truth, with_scale=False).rmse > 10
    found = registered_error(truth + rng.normal(size=truth.shape), truth)
    assert found.rmse == pytest.approx(np.sqrt(np.mean(found.each**2)))
    assert 1.3 < found.rmse < 2.2


def test_subdivision_keeps_the_surface():
    model = toy_model(side=5)
    vertices, triangles = subdivided(model.mean.astype(float), model.triangles.astype(int))
    area = lambda v, t: 0.5 * np.linalg.norm(np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]]), axis=1).sum()
    assert len(triangles) == 4 * len(model.triangles)
    assert area(vertices, triangles) == pytest.approx(area(model.mean.astype(float), model.triangles))


def test_published_rows_stand_beside_the_run():
    text = table("aflw2000", [1.0, 2.0, None, 1.5])
    assert text.splitlines()[-2].split() == ["this", "run", "1.00", "2.00", "-", "1.50"]
    assert "MGCNet" in text and "3.20" in text
    assert published()["micc"]["rows"]["MGCNet"] == [1.73, 0.48, 1.78, 0.47, 1.75, 0.47]
    for name, known in published().items():
        assert all(len(row) == len(known["columns"]) for row in known["rows"].values()), name
    with pytest.raises(ValueError, match="expected 4"):
        table("aflw2000", [1.0])


def test_curve_and_heat():
    np.testing.assert_allclose(cumulative([1, 2, 3, 4], [0.5, 1, 2.5, 9]), [0, 0.25, 0.5, 1])
    assert draw_cumulative({"a": [1.0, 2.0]}, "%").axes[0].get_ylim() == (0, 100)
    colors = heat([0, 2.5, 5, 50], 5)
    assert (np.diff(colors[:, 1]) >= 0).all() and (colors[2] == colors[3]).all()
    model = toy_model()
    errors = np.where(model.mean[:, 0] > 0, 5.0, np.nan)
    picture = heat_map(model, model.mean, errors, size=64)
    assert picture.shape == (64, 128, 3)
    yellow, grey = picture[32, 40], picture[32, 24]
    assert yellow[0] > 2 * yellow[2] and np.ptp(grey) < 0.02

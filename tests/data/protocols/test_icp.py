"""Surfaces and ICP: exact against trimesh, known motions come back, noise leaves no more than noise."""

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from mgcbook.data.meshes import grid_triangles
from mgcbook.data.protocols.icp import Motion, icp, procrustes
from mgcbook.data.protocols.surface import Surface
from mgcbook.errors import DataError
from tests.toy import toy_model


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module")
def surface(model):
    return Surface(model.mean, model.triangles)


def on_surface(rng, model, count):
    corners = model.mean[model.triangles[rng.integers(0, len(model.triangles), count)]].astype(np.float64)
    return np.einsum("pcx,pc->px", corners, rng.dirichlet([1, 1, 1], count))


def motion(scale=1.0):
    return Motion(Rotation.from_rotvec([0.1, -0.08, 0.05]).as_matrix(), np.array([3.0, -2.0, 4.0]), scale)


def test_closest_points_are_those_of_trimesh(rng, model, surface):
    points = on_surface(rng, model, 300) + rng.normal(size=(300, 3)) * rng.choice([0.5, 5, 80], (300, 1))
    mesh = trimesh.Trimesh(model.mean, model.triangles, process=False)
    position, distance, triangle = trimesh.proximity.closest_point(mesh, points)
    found = surface.closest(points)
    np.testing.assert_allclose(found.distance, distance, atol=1e-9)
    np.testing.assert_allclose(found.position, position, atol=1e-6)
    plane = np.abs(np.sum((points - found.position) * surface.normals[found.triangle], axis=1))
    expected = np.abs(np.sum((points - position) * mesh.face_normals[triangle], axis=1))
    inside = np.abs(plane - distance) < 1e-9  # elsewhere the closest point is on an edge, where either triangle may answer
    assert inside.sum() > 100
    np.testing.assert_allclose(plane[inside], expected[inside], atol=1e-9)


def test_triangles_of_very_different_size_compete_fairly(rng):
    vertices = np.concatenate([rng.normal(size=(60, 3)), 100 * rng.normal(size=(30, 3))])
    triangles = np.arange(90).reshape(30, 3)
    points = rng.normal(size=(100, 3)) * 40
    _, distance, _ = trimesh.proximity.closest_point(trimesh.Trimesh(vertices, triangles, process=False), points)
    np.testing.assert_allclose(Surface(vertices, triangles).closest(points).distance, distance, atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1.04])
def test_a_known_motion_comes_back(rng, model, surface, scale):
    expected = motion(scale)
    found = icp(expected.inverse().apply(on_surface(rng, model, 1500)), surface, with_scale=scale != 1)
    np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-6)
    np.testing.assert_allclose(found.translation, expected.translation, atol=1e-6 * 100)
    assert found.scale == pytest.approx(scale, abs=1e-6)


def test_long_thin_triangles_do_not_mislead(rng):
    """The triangle with the nearest middle is rarely the nearest triangle here."""
    up, across = np.meshgrid(np.linspace(-90, 90, 121), np.linspace(-1, 1, 4), indexing="ij")
    forward = 40 * np.cos(across) + 10 * np.cos(up / 17) + 4 * np.sin(up / 5 + across)
    vertices, triangles = np.stack([70 * across, up, forward], axis=-1).reshape(-1, 3), grid_triangles(121, 4)
    points = np.einsum("pcx,pc->px", vertices[triangles[rng.integers(0, len(triangles), 800)]], rng.dirichlet([1, 1, 1], 800))
    expected = Motion(Rotation.from_rotvec([0.02, -0.03, 0.01]).as_matrix(), np.array([1.0, -1.0, 0.5]))
    found = icp(expected.inverse().apply(points), Surface(vertices, triangles))
    np.testing.assert_allclose(found.apply(points), expected.apply(points), atol=1e-6)


def test_noise_leaves_no_more_than_noise(rng, model, surface):
    expected = motion()
    points = on_surface(rng, model, 2000) + rng.normal(scale=0.2, size=(2000, 3))
    found = icp(expected.inverse().apply(points), surface)
    after = found.apply(expected.inverse().apply(points))
    assert np.sqrt(np.mean(np.sum((after - points) ** 2, axis=1))) < 0.1
    distance = surface.closest(after).distance
    assert 0.1 < np.sqrt(np.mean(distance**2)) < 0.25


def test_motions_undo_and_join():
    a, points = motion(1.3), np.random.default_rng(1).normal(size=(5, 3))
    np.testing.assert_allclose(a.inverse().apply(a.apply(points)), points)
    np.testing.assert_allclose(a.after(a).apply(points), a.apply(a.apply(points)))
    found = procrustes(points, a.apply(points), with_scale=True)
    np.testing.assert_allclose(found.apply(points), a.apply(points))


def test_impossible_inputs_are_named(surface):
    with pytest.raises(DataError, match="one line"):
        procrustes(np.arange(12.0).reshape(4, 3), np.eye(4)[:, :3])
    with pytest.raises(DataError, match="seven"):
        icp(np.zeros((3, 3)), surface)
    with pytest.raises(DataError, match="reach"):
        icp(np.ones((10, 3)) * 1e4, surface, reach=5.0)
    with pytest.raises(DataError, match="area"):
        Surface(np.zeros((3, 3)), [[0, 1, 2]])

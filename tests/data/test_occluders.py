"""Things around a face: sound meshes, the chosen share of them, a head that stays behind its face."""

import numpy as np
import pytest

from mgcbook.data.meshes import column, ellipsoid, grid_triangles, holes, tube
from mgcbook.data.occluders import Parts, sample_surroundings
from mgcbook.face.camera import PAPER_CAMERA, main_pose, rotation_from_euler, transform
from mgcbook.face.raster import rasterize


def volume(vertices, triangles):
    """Signed volume inside a closed mesh; positive if its triangles are counter-clockwise seen from outside."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return (np.cross(a, b) * c).sum() / 6


def test_an_ellipsoid_has_its_volume_and_looks_outward():
    vertices, triangles = ellipsoid((1, 2, 3), (2, 3, 4), 60, 80), grid_triangles(60, 80, True)
    np.testing.assert_allclose(volume(vertices, triangles), 4 / 3 * np.pi * 24, rtol=0.01)


def test_a_tube_is_as_thick_as_asked():
    path = np.stack([np.zeros(9), np.linspace(0, 10, 9), np.zeros(9)], axis=-1)
    distance = np.hypot(*tube(path, 1.5, 6).T[[0, 2]])
    np.testing.assert_allclose(distance, 1.5, rtol=1e-6)
    rings = column([0, -1], [2, 3], [1, 1], [0, 5], 8).reshape(2, 8, 3)
    np.testing.assert_allclose(rings[1].mean(0), [0, -1, 5], atol=1e-9)


def test_holes_are_found_longest_first():
    triangles = grid_triangles(6, 7)
    keep = ~np.isin(triangles, [16, 17, 23, 24]).all(1)  # a cell in the middle
    outer, inner = holes(triangles[keep])
    assert len(outer) == 2 * (5 + 6) and sorted(inner) == [16, 17, 23, 24]
    assert holes(grid_triangles(4, 5, True))[0].size == 5


@pytest.fixture(scope="module")
def parts(generator):
    return Parts.around(generator)


def wear(rng, generator, parts, occluders):
    return sample_surroundings(rng, parts, generator, generator.mean, generator.albedo_mean, occluders=occluders)


def test_surroundings_are_whole(rng, generator, parts):
    worn = set()
    for _ in range(40):
        made = wear(rng, generator, parts, 1.0)
        used = np.unique(parts.triangles[made.active])
        assert np.isfinite(made.vertices).all() and np.abs(made.vertices[used]).max() < 400
        assert 0 <= made.colors.min() <= made.colors.max() <= 1 and 0 <= made.skin.min() <= made.skin.max() <= 1
        assert np.abs(np.linalg.norm(made.normals[used], axis=1) - 1).mean() < 0.05
        worn |= set(made.worn)
    assert worn >= {"fringe", "hat", "hood", "glasses", "sunglasses", "hand", "thing"}


def test_the_head_stays_behind_the_face(rng, generator, parts):
    """Without occluders nothing but hair may lie in front of a face, whoever it belongs to."""
    camera = PAPER_CAMERA.resized(64, 64)
    angles, translation = main_pose(generator.mean, generator.landmark_vertices, camera)
    pose = rotation_from_euler(angles[None]), translation[None]
    hidden = []
    for face in generator.shape(**{k: v for k, v in generator.sample(rng, 12, expression=0).items() if k != "albedo"}):
        made = sample_surroundings(rng, parts, generator, face, generator.albedo_mean, occluders=0.0)
        assert set(made.worn) <= {"long hair"}
        active = np.repeat([name in ("skull", "neck", "ear_left", "ear_right") for name in parts.sizes],
                           [faces for _, faces in parts.sizes.values()])  # fmt: skip
        front = rasterize(transform(*pose, face[None].astype(float)), generator.triangles, camera).depth
        points = transform(*pose, made.vertices[None].astype(float))
        behind = rasterize(points, parts.triangles, camera, active=active[None]).depth
        hidden.append(((behind > 0) & (behind < front))[front > 0].mean())
    assert np.max(hidden) < 0.05 and np.mean(hidden) < 0.015

"""Unruly hair: as often as asked, in the colour of skin, on temples and cheeks; who does not ask for it gets what there was."""

import numpy as np
import pytest

from mgcbook.data.hair import SHELL, covering, head_of
from mgcbook.data.known import WIDE
from mgcbook.data.occluders import Parts, sample_surroundings
from mgcbook.data.scenes import SyntheticConfig
from mgcbook.errors import UsageError
from mgcbook.face.camera import PAPER_CAMERA, main_pose, project, rotation_from_euler, transform
from mgcbook.face.raster import rasterize

NOBODYS = np.array([0.3, 0.6, 0.5])
"""A skin whose colour no hair has of itself, which is never more green than red."""


class Counting:
    """A generator that notes what it is asked for."""

    def __init__(self, seed):
        self._rng, self.asked = np.random.default_rng(seed), []

    def __getattr__(self, name):
        self.asked.append(name)
        return getattr(self._rng, name)


@pytest.fixture(scope="module")
def head(generator):
    return head_of(generator.mean, generator.mean[generator.landmark_vertices].astype(float))


def coverings(head, count, unruly, hat=False):
    """(parts, what is worn) of many heads with hair or a hat."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        worn = []
        made = covering(rng, head, NOBODYS, False, hat, worn, unruly)
        if made:
            yield made, worn


def test_who_does_not_ask_for_it_draws_no_further_number(head):
    sheet = ["uniform", "uniform", "standard_normal", "standard_normal", "standard_normal"]
    for seed in range(20):
        without, hardly_ever = Counting(seed), Counting(seed)
        if covering(without, head, NOBODYS, False, False, [], 0.0):
            covering(hardly_ever, head, NOBODYS, False, False, [], 1e-300)
            assert without.asked[-5:] == sheet
            assert hardly_ever.asked == [*without.asked[:-5], "random", *sheet]
    assert SyntheticConfig().unruly == 0 < WIDE["unruly"]


def test_it_occurs_at_its_rate(head):
    worn = ["unruly hair" in worn for _, worn in coverings(head, 600, 0.3)]
    assert 0.24 < np.mean(worn) < 0.36  # three standard deviations of the mean of 540
    assert all(worn == ["unruly hair"] or worn == ["long hair", "unruly hair"] for _, worn in coverings(head, 60, 1.0))


def test_half_of_it_has_the_colour_of_the_skin(head):
    colors = np.array([np.median(made["shell"][1], axis=0) for made, _ in coverings(head, 400, 1.0)])
    skins = colors[:, 1] > colors[:, 0]
    assert 0.42 < skins.mean() < 0.58
    shade = colors[skins] / NOBODYS
    assert shade.min() > 0.3 and shade.max() < 1.4 and 0.7 < np.median(shade) < 0.9
    assert not any(np.median(made["shell"][1], axis=0) @ [-1, 1, 0] > 0 for made, _ in coverings(head, 100, 0.0))


def test_it_falls_in_clumps(head):
    """The colour of usual hair is that of its strand from end to end."""

    def along(unruly):
        found = [made["shell"][1].reshape(*SHELL, 3).std(axis=0).mean() for made, _ in coverings(head, 50, unruly)]
        return np.mean(found)

    assert along(0.0) < 1e-12 < 0.02 < along(1.0)


def test_hats_are_left_alone(head):
    for made, worn in coverings(head, 60, 1.0, hat=True):
        points, color, _, gloss = made["shell"]
        out = np.linalg.norm((points - head.center) / head.radii, axis=1)[: SHELL[0] // 2 * SHELL[1]]
        assert {"hat", "hood"} & set(worn) and "unruly hair" not in worn and gloss == 0.02
        assert out.std() < 0.03 and color.std(axis=0).max() < 0.05, "neither rough nor streaky"


def test_it_lies_on_temples_and_cheeks(generator):
    """Of pictures from the front: how much of the face below its eyebrows, but for its middle, hair hides."""
    parts, camera = Parts.around(generator), PAPER_CAMERA.resized(48, 48)
    angles, translation = main_pose(generator.mean, generator.landmark_vertices, camera)
    pose = rotation_from_euler(angles[None]), translation[None]
    posed = lambda points: transform(*pose, points[None].astype(float))
    seen = lambda points, triangles, **more: rasterize(posed(points), triangles, camera, **more).depth[0]
    marks = project(posed(generator.mean[generator.landmark_vertices]), camera)[0]
    face, (rows, columns) = seen(generator.mean, generator.triangles), np.mgrid[:48, :48] + 0.5
    sides = (face > 0) & (rows > marks[17:27, 1].mean()) & ((columns < marks[36, 0]) | (columns > marks[45, 0]))
    shell = np.repeat([name == "shell" for name in parts.sizes], [faces for _, faces in parts.sizes.values()])

    def hidden(unruly, rng):
        for _ in range(60):
            made = sample_surroundings(rng, parts, generator, generator.mean, generator.albedo_mean, occluders=0.0, unruly=unruly)
            assert not made.skin[np.unique(parts.triangles[shell])].any(), "whatever its colour, it is no skin"
            hair = seen(made.vertices, parts.triangles, active=(made.active & shell)[None])
            yield ((hair > 0) & (hair < face))[sides].mean()

    usual, unruly = (np.array(list(hidden(rate, np.random.default_rng(1)))) for rate in (0.0, 1.0))
    assert (usual > 0.2).mean() < 0.1 and (unruly > 0.2).mean() > 0.2
    assert unruly.mean() > 2.5 * usual.mean() > 0


@pytest.mark.parametrize("unruly", [-0.1, 1.1, float("nan")])
def test_a_rate_is_no_less_than_0_and_no_more_than_1(unruly):
    with pytest.raises(UsageError, match="unruly: expected 0 to 1, got"):
        SyntheticConfig(unruly=unruly)

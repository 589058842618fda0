"""Exercises of chapter 08: seen_vertices, covisible_map."""

import numpy as np

from mgcbook.book.exercises import exercise
from mgcbook.face import covisible as library
from mgcbook.face.camera import Camera, unproject
from mgcbook.face.raster import rasterize

CAMERA = Camera(focal=10.0, width=8, height=4)


def _sheet(left, top, right, bottom, depth):
    """A rectangle of the picture, in pixels, put at a depth; -> (4, 3)."""
    corners = np.array([[left, top], [right, top], [left, bottom], [right, bottom]], dtype=np.float64)
    return unproject(corners, np.full(4, float(depth)), CAMERA)


def _mesh(*sheets):
    """Sheets as one mesh of two triangles each; -> (1, V, 3), (F, 3)."""
    triangles = [np.array([[0, 2, 1], [1, 2, 3]]) + 4 * number for number in range(len(sheets))]
    return np.concatenate([_sheet(*sheet) for sheet in sheets])[None], np.concatenate(triangles).astype(np.int32)


BEHIND, FRONT = (2.2, 1.2, 4.8, 2.8, 9), (2, 1, 5, 3, 5)
STACK = _mesh(BEHIND, FRONT, BEHIND)
DOTS = _mesh((1, 1, 3, 3, 5), (5.55, 1.55, 5.75, 1.75, 5), (6.42, 2.42, 6.58, 2.58, 5))
"""A sheet, a dot on a ray of the finer grid, a dot on the ray through the centre alone."""


# ---------------------------------------------------------------- 8.1


def _sheets(seen):
    """Whether anything of each sheet is seen; (B, V) -> (B, V / 4)."""
    return np.reshape(np.asarray(seen), (len(seen), -1, 4)).any(axis=-1)


seen_vertices = exercise("8.1", library.seen_vertices)


@seen_vertices.question("returns yes or no for every vertex")
def _(seen):
    return np.shape(seen(*DOTS, CAMERA)), (1, 12)


@seen_vertices.question("a sheet in front is seen, two behind it are not")
def _(seen):
    return seen(*STACK, CAMERA)[0], np.arange(12) // 4 == 1


@seen_vertices.question("with rays=1, a dot beside the centre of its pixel is not seen")
def _(seen):
    return _sheets(seen(*DOTS, CAMERA, rays=1)), [(True, False, True)]


@seen_vertices.question("with 4 x 4 rays a pixel it is, and so is the dot at the very centre")
def _(seen):
    return _sheets(seen(*DOTS, CAMERA, rays=4)), [(True, True, True)]


@seen_vertices.question("each mesh of a batch has its own answer")
def _(seen):
    points, triangles = STACK
    away = points + np.array([100.0, 0, 0])
    return _sheets(seen(np.concatenate([points, away]), triangles, CAMERA)), [(False, True, False), [False] * 3]


def _corners(triangle, triangles, count):
    out = np.zeros((len(triangle), count), dtype=bool)
    for item, numbers in zip(out, triangle, strict=True):
        item[triangles[numbers[numbers >= 0]]] = True
    return out


def _by_rays(points, triangles, camera, rays, centre=True, corners=_corners):
    numbers = lambda lens: rasterize(points, triangles, lens).triangle
    seen = corners(numbers(camera.resized(rays * camera.width, rays * camera.height)), triangles, points.shape[1])
    return seen | corners(numbers(camera), triangles, points.shape[1]) if centre else seen


@seen_vertices.mistake(
    "In NumPy the index -1 is the last triangle, so the background made its corners seen: leave out the pixels of -1."
)
def background_is_the_last(points_camera, triangles, camera, *, rays=4):
    def corners(triangle, triangles, count):
        out = np.zeros((len(triangle), count), dtype=bool)
        for item, numbers in zip(out, triangle, strict=True):
            item[triangles[numbers]] = True
        return out

    return _by_rays(points_camera, triangles, camera, rays, corners=corners)


@seen_vertices.mistake(
    "The background counts as triangle 0, as in MGCNet's program: leave out the pixels of -1, do not turn them into 0."
)
def background_is_the_first(points_camera, triangles, camera, *, rays=4):
    corners = lambda triangle, *others: _corners(np.maximum(triangle, 0), *others)
    return _by_rays(points_camera, triangles, camera, rays, corners=corners)


@seen_vertices.mistake(
    "What is hidden is seen, too: ask the rasterizer which triangles the pixels see, not where vertices project to."
)
def projects_only(points_camera, triangles, camera, *, rays=4):
    return np.ones(points_camera.shape[:2], dtype=bool)


@seen_vertices.mistake("A triangle has three corners, and if it is seen all three count.")
def one_corner(points_camera, triangles, camera, *, rays=4):
    return _by_rays(points_camera, triangles, camera, rays, corners=lambda t, f, count: _corners(t, f[:, :1], count))


@seen_vertices.mistake(
    "One ray a pixel is cast, whatever `rays` says: rasterize with camera.resized(rays * width, rays * height) as well."
)
def ignores_rays(points_camera, triangles, camera, *, rays=4):
    return _by_rays(points_camera, triangles, camera, 1)


@seen_vertices.mistake(
    "None of 4 x 4 rays passes through the centre of the pixel, which is the one that the picture shows: cast it too."
)
def forgets_the_centre(points_camera, triangles, camera, *, rays=4):
    return _by_rays(points_camera, triangles, camera, rays, centre=False)


@seen_vertices.mistake("What one mesh of the batch shows is seen in all of them: keep the items apart.")
def mixes_the_batch(points_camera, triangles, camera, *, rays=4):
    seen = _by_rays(points_camera, triangles, camera, rays)
    return np.broadcast_to(seen.any(axis=0), seen.shape)


# ---------------------------------------------------------------- 8.2

covisible_map = exercise("8.2", library.covisible_map)

ROW = np.concatenate([_sheet(u, 0, u + 2, 4, 5)[[0, 2]] for u in range(0, 10, 2)])[None]  # 5 columns of 2 vertices
BAND = np.concatenate([np.array([[0, 1, 2], [2, 1, 3]]) + 2 * i for i in range(4)]).astype(np.int32)
ALL = np.ones((1, 10), dtype=bool)
RIGHT = np.arange(10)[None] >= 4  # the columns at 4, 6 and 8
LEFT = np.arange(10)[None] < 8  # those at 0, 2, 4 and 6


def _columns(first, end):
    picture = np.zeros((1, 4, 8))
    picture[..., first:end] = 1
    return picture


@covisible_map.question("returns one number per pixel")
def _(covisible):
    return np.shape(covisible(ALL, ALL, ROW, BAND, CAMERA)), (1, 4, 8)


@covisible_map.question("if both see all vertices, the whole face is covisible")
def _(covisible):
    return covisible(ALL, ALL, ROW, BAND, CAMERA), _columns(0, 8)


@covisible_map.question("what the source does not see is not")
def _(covisible):
    return covisible(ALL, RIGHT, ROW, BAND, CAMERA), _columns(4, 8)


@covisible_map.question("nor is what the target does not see")
def _(covisible):
    return covisible(LEFT, RIGHT, ROW, BAND, CAMERA), _columns(4, 6)


@covisible_map.question("with ring=True, as in the paper, every triangle that touches a covisible vertex belongs to it")
def _(covisible):
    return covisible(LEFT, RIGHT, ROW, BAND, CAMERA, ring=True), _columns(2, 8)


@covisible_map.question("each item of a batch has its own map")
def _(covisible):
    twice = lambda array: np.concatenate([array, array])
    source = np.concatenate([RIGHT, ALL])
    return covisible(twice(ALL), source, twice(ROW), BAND, CAMERA), np.concatenate([_columns(4, 8), _columns(0, 8)])


def _drawn(active, points, triangles, camera):
    return (rasterize(points, triangles, camera, active=active).triangle >= 0).astype(float)


def _touching(both, triangles, ring):
    return both[:, triangles].any(axis=-1) if ring else both[:, triangles].all(axis=-1)


@covisible_map.mistake("Triangle 0 is a triangle like any other; only -1 is none: compare with >= 0.")
def loses_triangle_0(target_seen, source_seen, target_points_camera, triangles, camera, *, ring=False):
    active = _touching(target_seen & source_seen, triangles, ring)
    return (rasterize(target_points_camera, triangles, camera, active=active).triangle > 0).astype(float)


@covisible_map.mistake("A vertex must be seen by the target and by the source; here one of them is enough.")
def one_is_enough(target_seen, source_seen, target_points_camera, triangles, camera, *, ring=False):
    return _drawn(_touching(target_seen | source_seen, triangles, ring), target_points_camera, triangles, camera)


@covisible_map.mistake("That is what the source sees. It must be seen by the target as well.")
def source_only(target_seen, source_seen, target_points_camera, triangles, camera, *, ring=False):
    return _drawn(_touching(source_seen, triangles, ring), target_points_camera, triangles, camera)


@covisible_map.mistake("One covisible corner makes a triangle covisible only with ring=True; else it takes all three.")
def always_a_ring(target_seen, source_seen, target_points_camera, triangles, camera, *, ring=False):
    return _drawn(_touching(target_seen & source_seen, triangles, True), target_points_camera, triangles, camera)


@covisible_map.mistake("With ring=True a triangle needs one covisible corner, not all three.")
def never_a_ring(target_seen, source_seen, target_points_camera, triangles, camera, *, ring=False):
    return _drawn(_touching(target_seen & source_seen, triangles, False), target_points_camera, triangles, camera)


@covisible_map.mistake("All items got the map of the first: `active` has one row of triangles for each item, (B, F).")
def first_item_only(target_seen, source_seen, target_points_camera, triangles, camera, *, ring=False):
    active = _touching(target_seen & source_seen, triangles, ring)
    return _drawn(np.broadcast_to(active[:1], active.shape), target_points_camera, triangles, camera)

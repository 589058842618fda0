"""LS3D-W: 68 fixed points of the face for 230,000 photographs; among them AFLW2000-3D annotated again.

    LS3D-W/{300VW-3D/..., 300W-Testset-3D, AFLW2000-3D-Reannotated, Menpo-3D}/<name>.t7 or .mat beside <name>.jpg or .png

Points count pixels from 1 and have no depth. Three photographs, possibly of different people, make an item with flag 0.
"""

import numpy as np

from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.sources.sample import Sample, Source, find, inside, pixels
from mgcbook.data.sources.torch7 import read_tensor
from mgcbook.errors import DataError

PICTURES = (".jpg", ".png", ".jpeg")


class LS3DW(Source):
    """LS3D-W or one of its folders; see Source for the arguments."""

    layout = "LS3D-W: <name>.t7 or <name>.mat beside <name>.jpg"

    def _list(self):
        paths = find(self.folder, {".t7", ".mat"})
        self._files = {path.relative_to(self.folder).with_suffix("").as_posix(): path for path in paths}
        return sorted(self._files)

    def _read(self, key):
        path = self._files[key]
        images = [path.with_suffix(suffix) for suffix in PICTURES if path.with_suffix(suffix).is_file()]
        image = inside(self.folder, images[0]) if images else None
        return Sample(key, image, read_points(inside(self.folder, path)))


def read_points(path):
    """68 points of a .t7 or .mat file of LS3D-W; -> (68, 2) in continuous pixels.

    Raises:
        DataError: if there are not exactly 68 points.
    """
    if path.suffix.lower() == ".t7":
        points = read_tensor(path)
    else:
        arrays = read_mat(path, (), optional=("pts", "pts_3d", "points", "pts_2d"))
        if not arrays:
            raise DataError(f"{path}: pts: missing; expected 68 points")
        points = np.asarray(next(iter(arrays.values())), np.float64)
    points = points.T if points.ndim == 2 and points.shape[0] in (2, 3) and points.shape[1] == 68 else points
    if points.ndim != 2 or points.shape[0] != 68 or points.shape[1] not in (2, 3):
        raise DataError(f"{path}: expected (68, 2) points, found {points.shape}")
    return pixels(points[:, :2], 1, str(path), counts=(68,))

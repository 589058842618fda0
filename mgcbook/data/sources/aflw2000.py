"""AFLW2000-3D: 2000 photographs with 68 landmarks of a fitted 3D face; the test set of landmark errors (Sec. 4.3).

    AFLW2000/image00002.jpg, image00002.mat, ...

Traps: points count pixels from 1; angles are not wrapped; some coefficients are stored in eight bits; 3 files have 23 and
not 21 points of AFLW; landmarks of 5 pictures lie outside. Nothing is left out (benchmarks of head pose leave out 31).
"""

import numpy as np

from mgcbook.data.sources.annotation_mat import read_annotation
from mgcbook.data.sources.sample import Sample, Source, find, inside


class AFLW2000(Source):
    """AFLW2000-3D; see Source for the arguments."""

    views = 1
    layout = "AFLW2000-3D: image00002.jpg beside image00002.mat, ..."

    def _list(self):
        return [path.relative_to(self.folder).with_suffix("").as_posix() for path in find(self.folder, {".mat"})]

    def _read(self, key):
        path = self.folder / f"{key}.mat"
        label = read_annotation(inside(self.folder, path))
        return annotated(self.folder, key, label, label.points)


def annotated(folder, key, label, points):
    """The Sample of an annotation and its 68 points (68, 2 or 3); used for 300W-LP as well."""
    image = inside(folder, folder / f"{key}.jpg")
    coefficients = dict(label.coefficients)
    coefficients["points_2d"], coefficients["visible"] = label.points_2d, label.visible
    depth = None if points is None or points.shape[1] < 3 else points[:, 2]
    landmarks = None if points is None else np.asarray(points[:, :2])
    return Sample(key, image, landmarks, float(label.angles_degrees[1]), landmark_depth=depth, coefficients=coefficients)

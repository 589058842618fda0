"""300W-LP: photographs of 300-W turned to larger and larger yaw, the multi-view set of the paper (Sec. 4.1).

    300W_LP/{AFW,HELEN,IBUG,LFPW}[_Flip]/<name>_<turn>.jpg and .mat     turn 0: as photographed, up to 17: turned more and more
    300W_LP/landmarks/<SET>/<name>_<turn>_pts.mat                       pts_2d, pts_3d: if there, its 3D points are used

All turns of one photograph show one moment: three that follow each other make an item, the middle one the target, turns beyond 90
degrees left out. `pt2d` lets the contour slide to the outline of the face, `pts_3d` are points fixed to it as the losses want.
Some copies have LFPW upside down: points whose chin is above the nose bridge although the face is upright are turned over.
"""

import re
from collections import defaultdict

import numpy as np

from mgcbook.data.formats.safe_mat import read_mat
from mgcbook.data.sources.aflw2000 import annotated
from mgcbook.data.sources.annotation_mat import read_annotation
from mgcbook.data.sources.sample import Source, find, inside, neighbours, pixels
from mgcbook.errors import DataError

SETS = ("AFW", "HELEN", "IBUG", "LFPW")
HEIGHT = 450
"""All pictures are 450 x 450 pixels."""
CHIN, BRIDGE = 8, 27


class W300LP(Source):
    """300W-LP.

    Args:
        flipped: also read the mirrored copies (<SET>_Flip); flip augmentation makes them anyway.
        test: also read pictures of the test parts of 300-W ("test" in the name).
    """

    layout = "300W-LP: folders AFW, HELEN, IBUG, LFPW with .jpg and .mat, or such files alone"

    def __init__(self, folder, *, landmarks=None, flipped=False, test=True):
        self.flipped, self.test = flipped, test
        super().__init__(folder, landmarks=landmarks)

    def _list(self):
        wanted = {*SETS, *(f"{name}_Flip" for name in SETS)} if self.flipped else {*SETS}
        places = [self.folder / name for name in sorted(wanted) if (self.folder / name).is_dir()] or [self.folder]
        keys = [path.relative_to(self.folder).with_suffix("").as_posix() for place in places for path in find(place, {".mat"})]
        keys = [key for key in keys if not key.endswith("_pts") and re.search(r"_\d+$", key)]
        return sorted((key for key in keys if self.test or "test" not in key), key=_in_order)

    def _read(self, key):
        path = self.folder / f"{key}.mat"
        label = read_annotation(inside(self.folder, path))
        points = self._points_3d(key)
        if points is None:
            if len(label.points_2d) != 68:
                raise DataError(f"{path}: pt2d: expected (2, 68), found (2, {len(label.points_2d)})")
            points = label.points_2d
        points = _upright(points, label.angles_degrees[2])
        sample = annotated(self.folder, key, label, points)
        base = key.rsplit("_", 1)[0]
        return type(sample)(**{**sample.__dict__, "group": base, "subject": base})

    def _points_3d(self, key):
        path = self.folder / "landmarks" / f"{key}_pts.mat"
        if not path.is_file():
            return None
        arrays = read_mat(inside(self.folder, path), ("pts_3d",))
        if arrays["pts_3d"].shape != (68, 2):
            raise DataError(f"{path}: pts_3d: expected (68, 2), found {arrays['pts_3d'].shape}")
        return pixels(arrays["pts_3d"], 1, f"{path}: pts_3d")

    def items(self, views=None, rng=None):
        """Neighbouring turns of one photograph; reads every annotation, because turns beyond 90 degrees are left out."""
        groups = defaultdict(list)
        for key in self._keys:
            groups[key.rsplit("_", 1)[0]].append(key)
        views = views or self.views
        return [item for keys in groups.values() for item in neighbours([key for key in keys if self._in_range(key)], views)]

    def _in_range(self, key):
        try:
            return abs(read_annotation(inside(self.folder, self.folder / f"{key}.mat")).angles_degrees[1]) <= 90
        except DataError:
            return True  # stays in its item, which is then listed as bad with the reason


def _in_order(key):
    base, turn = key.rsplit("_", 1)
    return base, int(turn)


def _upright(points, roll_degrees):
    """Points of a copy that counts y from below, turned over; the chin of an upright face is below its nose bridge."""
    if abs(roll_degrees) < 60 and points[CHIN, 1] < points[BRIDGE, 1]:
        return np.stack([points[:, 0], HEIGHT - points[:, 1]], axis=-1)
    return points

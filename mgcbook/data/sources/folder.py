"""A plain folder of pictures, each with a landmark file of the same name beside it or in another folder.

    photos/anna.jpg, anna.pts, ...           single pictures
    photos/anna/1.jpg, 1.pts, 2.jpg, ...     with `together`: the pictures of a folder belong together

The landmark file may also be called anna_lmks.npy, anna_landmarks.txt and so on. Files of 51 points (68 without the contour, as
FLAME's fitting uses) give the five points that align a face, and all 51 under `coefficients["points_51"]`.
"""

from collections import defaultdict

import numpy as np

from mgcbook.data.formats.safe_npy import read_npy
from mgcbook.data.landmarks import FIRST_PIXEL, five_points, read_landmarks
from mgcbook.data.sources.sample import ALONE, Item, Sample, Source, find, inside, neighbours
from mgcbook.errors import UsageError

PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
ADDED = ("", "_landmarks", "_lmks", "_lm68x3")
"""What may follow the picture's name in the name of its landmark file."""
TOGETHER = ("nothing", "person", "moment")


class Folder(Source):
    """Pictures with landmark files.

    Args:
        together: what the pictures of one folder share: "nothing"; "person": they make items with flag 0; "moment": views of one
            face taken at once, from one side to the other in the order of their names, so all losses apply.
    """

    layout = "pictures (.jpg, .png, ...) with landmark files (.pts, .txt, .npy, .json) of the same name"

    def __init__(self, folder, *, landmarks=None, together="nothing"):
        if together not in TOGETHER:
            raise UsageError(f"together: expected one of {', '.join(TOGETHER)}, got {together!r}")
        self.together = together
        super().__init__(folder, landmarks=landmarks)

    def _list(self):
        self._files = {path.relative_to(self.folder).with_suffix("").as_posix(): path for path in find(self.folder, PICTURES)}
        return sorted(self._files)

    def _read(self, key):
        path = inside(self.folder, self._files[key])
        place = key.rpartition("/")[0]
        points, extra = self._points(path) if self.landmark_folder is None else (None, {})
        group = place if self.together == "moment" else key
        return Sample(key, path, landmarks=points, subject=place or key, group=group, coefficients=extra)

    def _points(self, image):
        for path in (image.with_name(f"{image.stem}{added}{suffix}") for added in ADDED for suffix in FIRST_PIXEL):
            if not path.is_file():
                continue
            points = read_npy(inside(self.folder, path)) if path.suffix == ".npy" else None
            if np.shape(points) == (51, 2):
                points = np.asarray(points, np.float64) + 0.5
                contour = np.full((17, 2), np.nan)
                return five_points(np.concatenate([contour, points]), nose=30), {"points_51": points}
            return read_landmarks(inside(self.folder, path)), {}
        return None, {}

    def items(self, views=None, rng=None):
        """Single pictures, or the pictures of each folder, as `together` says."""
        if self.together == "nothing":
            return super().items(views, rng)
        views = views or self.views
        places = defaultdict(list)
        for key in self._keys:
            places[key.rpartition("/")[0]].append(key)
        if self.together == "moment":
            return [item for keys in places.values() for item in neighbours(keys, views)]
        runs = (keys[i : i + views] for keys in places.values() for i in range(0, len(keys) - views + 1, views))
        return [Item(tuple(run), ALONE) for run in runs]

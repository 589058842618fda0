"""FRGC v2: 4007 range scans of 466 people with a photograph each, taken at once (Sec. 4.4, Tab. 2a).

    nd1/{Spring2003range,Fall2003range,Spring2004range}/02463d546.abs.gz    range picture, in mm
    nd1/.../02463d547.ppm or .jpg                                          the photograph; its number is one higher

Names are <person>d<number>. The mesh joins neighbouring pixels.
"""

import re

import numpy as np

from mgcbook.data.sources.sample import ALONE, Item, Sample, Source, find, inside
from mgcbook.data.sources.scans import read_points
from mgcbook.errors import UsageError

NAME = re.compile(r"(\d+)d(\d+)")
MARKED = (".pp", ".txt", ".npy")
"""Points marked on a scan, <person>d<number>.pp and so on, are not part of FRGC."""
PICTURES = {".ppm", ".jpg", ".png"}


class FRGC(Source):
    """FRGC v2.

    Args:
        count: this many scans drawn at random, the same for the same seed; the paper takes 1335 and does not say which.
    """

    views = 1
    layout = "FRGC v2: *range/<person>d<number>.abs.gz"

    def __init__(self, folder, *, landmarks=None, count=None, seed=0):
        if count is not None and count < 1:
            raise UsageError(f"count: expected at least 1, got {count}")
        self.count, self.seed = count, seed
        super().__init__(folder, landmarks=landmarks)

    def _list(self):
        paths = [path for path in find(self.folder, {".gz", ".abs"}) if NAME.fullmatch(path.name.split(".")[0])]
        self._files = {path.name.split(".")[0]: path for path in paths}
        self._pictures = {path.stem: path for path in find(self.folder, PICTURES)}
        keys = sorted(self._files)
        if self.count is not None and self.count < len(keys):
            keys = sorted(np.random.default_rng(self.seed).choice(keys, self.count, replace=False).tolist())
        return keys

    def _read(self, key):
        person, number = NAME.fullmatch(key).groups()
        picture = self._pictures.get(f"{person}d{int(number) + 1}", self._pictures.get(key))
        mesh = inside(self.folder, self._files[key])
        marked = [path for path in (mesh.with_name(f"{key}{end}") for end in MARKED) if path.is_file()]
        points = read_points(inside(self.folder, marked[0])) if marked else None
        return Sample(key, None if picture is None else inside(self.folder, picture), subject=person, group=key, mesh=mesh,
                      scan_landmarks=points)  # fmt: skip

    def items(self, views=None, rng=None):
        """One scan each."""
        return [Item((key,), ALONE) for key in self._keys]

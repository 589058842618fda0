"""BU-3DFE: 100 people with 25 expressions each, scanned and photographed from both sides (Sec. 4.4, Tab. 2b).

    F0001/F0001_AN01WH_F3D.wrl   person F0001 (woman) or M0001 (man), expression, strength 1 to 4, ethnicity, F: face, R: raw
    F0001/F0001_AN01WH_F3D.bnd   83 points marked on it
    F0001/F0001_AN01WH_F2D.png   the picture, 3D points projected frontally

A sample is a face with its picture; all samples of a person are one subject.
"""

import re

from mgcbook.data.sources.sample import ALONE, Item, Sample, Source, find, inside
from mgcbook.data.sources.scans import read_points
from mgcbook.errors import DataError

EXPRESSIONS = {"NE": "neutral", "AN": "angry", "DI": "disgust", "FE": "fear", "HA": "happy", "SA": "sad", "SU": "surprise"}
NAME = re.compile(r"([FM]\d{4})_([A-Z]{2})(\d\d)([A-Z]{2})_F3D")
MARKED = 83


class BU3DFE(Source):
    """BU-3DFE; landmarks: files with 68 points of the pictures, <key>.pts."""

    views = 1
    layout = "BU-3DFE: F0001/F0001_AN01WH_F3D.wrl, ..."

    def _list(self):
        paths = find(self.folder, {".wrl"})
        self._files = {path.stem.removesuffix("_F3D"): path for path in paths if NAME.fullmatch(path.stem)}
        return sorted(self._files)

    def _read(self, key):
        path = inside(self.folder, self._files[key])
        person, expression, strength, ethnicity = NAME.fullmatch(path.stem).groups()
        marked = path.with_suffix(".bnd")
        points = read_points(inside(self.folder, marked)) if marked.is_file() else None
        if points is not None and len(points) != MARKED:
            raise DataError(f"{marked}: expected {MARKED} points, found {len(points)}")
        picture = path.with_name(f"{key}_F2D.png")
        facts = {"expression_name": EXPRESSIONS.get(expression, expression), "strength": int(strength), "ethnicity": ethnicity}
        return Sample(key, inside(self.folder, picture) if picture.is_file() else None, mesh=path, scan_landmarks=points,
                      subject=person, group=key, coefficients=facts)  # fmt: skip

    def items(self, views=None, rng=None):
        """One face each."""
        return [Item((key,), ALONE) for key in self._keys]

"""NoW challenge: 2054 photographs of 100 people whose faces were scanned; shape without any landmark of the photograph.

    imagepathsvalidation.txt                      <subject>/<challenge>/<image>.jpg, one in a line
    iphone_pictures/<subject>/<challenge>/...     the photographs (any folder that holds these paths)
    scans/<subject>/*.obj                         the scan, in mm
    scans_lmks_onlypp/<subject>/*.pp              seven points: outer and inner corner of the right eye, inner and outer of
                                                  the left, below the nose, right and left corner of the mouth

Challenges: multiview_neutral, multiview_expressions, multiview_occlusions, selfie.
"""

from mgcbook.data.sources.sample import ALONE, Item, Sample, Source, find, inside, read_text
from mgcbook.data.sources.scans import read_points
from mgcbook.errors import DataError

LISTS = ("imagepathsvalidation.txt", "imagepathstest.txt")
POINTS = 7


class NoW(Source):
    """NoW; landmarks: files with 68 points of the photographs, <subject>/<challenge>/<image>.pts."""

    views = 1
    layout = "NoW: imagepathsvalidation.txt, the pictures, scans/ and scans_lmks_onlypp/"

    def _list(self):
        path = next((self.folder / name for name in LISTS if (self.folder / name).is_file()), self.folder / LISTS[0])
        keys = [line.strip().rsplit(".", 1)[0] for line in read_text(inside(self.folder, path)).splitlines() if line.strip()]
        bad = next((key for key in keys if len(key.split("/")) != 3 or ".." in key.split("/") or "\\" in key), None)
        if bad is not None:
            raise DataError(f"{path}: expected lines <subject>/<challenge>/<image>.jpg, found {bad[:60]!r}")
        places = [self.folder, *(entry for entry in sorted(self.folder.iterdir()) if entry.is_dir())]
        places += [below for entry in places[1:] for below in sorted(entry.iterdir()) if below.is_dir()]
        self._pictures = next((place for place in places if keys and (place / f"{keys[0]}.jpg").is_file()), self.folder)
        return sorted(set(keys))

    def _read(self, key):
        subject, challenge, _ = key.split("/")
        mesh = self._only("scans", subject, {".obj", ".ply"})
        marked = self._only("scans_lmks_onlypp", subject, {".pp"})
        points = None if marked is None else read_points(marked)
        if points is not None and len(points) != POINTS:
            raise DataError(f"{marked}: expected {POINTS} points, found {len(points)}")
        image = inside(self.folder, self._pictures / f"{key}.jpg")
        return Sample(key, image, subject=subject, group=key, mesh=mesh, scan_landmarks=points,
                      coefficients={"challenge": challenge})  # fmt: skip

    def _only(self, place, subject, endings):
        folder = self.folder / place / subject
        found = find(folder, endings, depth=1) if folder.is_dir() else []
        return inside(self.folder, found[0]) if found else None

    def items(self, views=None, rng=None):
        """One photograph each."""
        return [Item((key,), ALONE) for key in self._keys]

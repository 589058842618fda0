"""MICC Florence: scans and films of 53 people; the test of shape in the paper (Sec. 4.4, Tab. 1b).

    subject_01/Model/{frontal1,frontal2,sidel,sider}/obj/<date>.obj      scans, in mm
    subject_01/Model/frontal1/obj/<date>.ljson (.pp, .txt, .npy)         68 points marked on a scan, published separately
    subject_01/Video/{Indoor-Cooperative,PTZ-Indoor,PTZ-Outdoor}/...     films, or folders of their frames

A sample is a frontal scan. Films of a person: `films(subject)`. Traps: subject 30 has no frontal2; scan and marked
points of some copies have other units (see `mgcbook.data.protocols.scan`, which checks the distance of the eyes).
"""

from pathlib import Path

from mgcbook.data.sources.sample import ALONE, Item, Sample, Source, find, inside
from mgcbook.data.sources.scans import read_points

SETTINGS = {"cooperative": "Indoor-Cooperative", "indoor": "PTZ-Indoor", "outdoor": "PTZ-Outdoor"}
"""As the paper calls them -> folder."""
MARKED = (".ljson", ".pp", ".txt", ".npy")


class MICC(Source):
    """MICC Florence.

    Args:
        scans: which scans of a person are samples.
    """

    views = 1
    layout = "MICC Florence: subject_01/Model/frontal1/obj/*.obj, ..."

    def __init__(self, folder, *, landmarks=None, scans=("frontal1", "frontal2")):
        self.scans = scans
        super().__init__(folder)
        self._marked = self.folder if landmarks is None else Path(landmarks)

    def _list(self):
        self._files = {}
        for path in find(self.folder, {".obj"}):
            parts = path.relative_to(self.folder).parts
            if len(parts) >= 4 and parts[0].startswith("subject_") and parts[1] == "Model" and parts[2] in self.scans:
                self._files.setdefault(f"{parts[0]}/{parts[2]}", path)
        return sorted(self._files)

    def _read(self, key):
        path = inside(self.folder, self._files[key])
        subject, _, _ = key.partition("/")
        return Sample(key, mesh=path, scan_landmarks=self._points(key, path), subject=subject, group=subject)

    def _points(self, key, path):
        """Points marked on a scan: beside it, or in the folder of landmarks as <subject>/<scan>.* or in the same tree."""
        marked = self._marked
        near = [path.with_suffix(end) for end in MARKED]
        near += [marked / f"{key.replace('/', '_')}{end}" for end in MARKED] + [marked / f"{key}{end}" for end in MARKED]
        near += [marked / path.relative_to(self.folder).with_suffix(end) for end in MARKED]
        found = next((place for place in near if place.is_file()), None)
        if found is None:
            return None
        return read_points(inside(marked if found.is_relative_to(marked) else self.folder, found))

    def films(self, subject):
        """Films and frames of one person; -> {"cooperative": [paths], "indoor": [...], "outdoor": [...]}."""
        endings = {".avi", ".mp4", ".mjpg", ".jpg", ".png"}
        places = {name: self.folder / subject / "Video" / place for name, place in SETTINGS.items()}
        return {name: [inside(self.folder, path) for path in find(place, endings)] if place.is_dir() else []
                for name, place in places.items()}  # fmt: skip

    def items(self, views=None, rng=None):
        """One scan each."""
        return [Item((key,), ALONE) for key in self._keys]

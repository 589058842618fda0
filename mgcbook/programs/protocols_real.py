"""The items of the protocols on data sets: what is read, how photographs are aligned, which scan belongs to which shape."""

from functools import partial

import numpy as np

from mgcbook.data.finders import Finder
from mgcbook.data.images import read_image
from mgcbook.data.sources import open_source
from mgcbook.data.sources.ls3dw import LS3DW
from mgcbook.data.sources.scans import read_scan
from mgcbook.data.sources.video import FILMS, frames
from mgcbook.errors import DataError
from mgcbook.programs.protocols import SCAN_PROTOCOLS, Shape, landmark_row, look_at, now_row, registered_row, scan_row

FRAMES = 20
"""Of a film, evenly spread; their mean shape is measured."""


OWN, TRUTH, NETWORK = "the data set's own landmarks", "the true landmarks", "the network's own landmarks"
"""What photographs are aligned by, as reports call it."""


class Start:
    """A network that is shown photographs, and the landmarks they are aligned by.

    Args:
        network: see `mgcbook.programs.protocols.measure`.
        find: a `mgcbook.data.finders.Finder`, or None: the landmarks that are known, else the network's own.
        known: how reports call the known ones.
    """

    def __init__(self, network, find=None, known=OWN):
        self.network, self._find, self._known = network, find, known

    def look(self, photo, landmarks, name):
        """-> coefficients (K,), Aligned, what it was aligned by."""
        by = self._find.name if self._find else NETWORK if landmarks is None else self._known
        landmarks = self._find(photo, name) if self._find else landmarks
        return *look_at(self.network, photo, landmarks, name), by


def items_of(protocol, network, data, landmarks=None, count=None):
    """What to measure; -> list of (key, function without arguments that gives a row and a heat).

    Args:
        landmarks: folder of landmark files, or a Finder.
    """
    find = landmarks if isinstance(landmarks, Finder) else None
    landmarks = None if find else landmarks
    start = Start(network, find, OWN if landmarks is None else f"landmark files in {landmarks}")
    if protocol.startswith("aflw2000"):
        source = open_source("aflw2000", data)
        given = None if landmarks is None else open_source("aflw2000", data, landmarks=landmarks)
        start = Start(network, find, TRUTH) if landmarks is None else start
        again = LS3DW(data / "reannotated") if protocol.endswith("reannotated") else None
        return [(key, partial(_landmarks, start, source, given, again, key)) for key in source.keys()[:count]]
    source = open_source(protocol, data, landmarks=landmarks)
    if protocol == "micc":
        people, keys = {}, source.keys()
        for key in keys:
            people.setdefault(key.partition("/")[0], key)  # frontal1, or frontal2 where there is no other
        return [(f"{person}/{setting}", partial(_film, start, source, key, person, setting))
                for person, key in list(people.items())[:count] for setting in ("cooperative", "indoor", "outdoor")]  # fmt: skip
    return [(key, partial(_photograph, protocol, start, source, key)) for key in source.keys()[:count]]


def _landmarks(start, source, given, again, key):
    sample = source.sample(key)
    photo = sample.read_image()
    truth = sample.landmarks if again is None else again.sample(key).landmarks
    known = sample.landmarks if given is None else given.sample(key).landmarks
    coefficients, aligned, by = start.look(photo, known, key)
    predicted = np.asarray(start.network.decoder(coefficients[None]).landmarks[0], np.float64)
    row, heat = landmark_row(aligned.crop_from_photo.inverse().apply(predicted), truth, sample.yaw_degrees)
    return {**row, "aligned_by": by}, heat


def _photograph(protocol, start, source, key):
    sample = source.sample(key)
    coefficients, _, by = start.look(sample.read_image(), sample.landmarks, key)
    shape = Shape(start.network, coefficients[None])
    if protocol == "bu3dfe":
        row, heat = registered_row(shape, _registered(sample))
    else:
        scan, points = _scan(sample)
        row, heat = now_row(shape, scan, points) if protocol == "now" else scan_row(shape, scan, points, SCAN_PROTOCOLS[protocol])
    return {**row, "aligned_by": by}, heat


def _scan(sample):
    if sample.mesh is None or sample.scan_landmarks is None:
        missing = "scan" if sample.mesh is None else "marked points on its scan"
        raise DataError(f"{sample.key}: no {missing}")
    return read_scan(sample.mesh), sample.scan_landmarks


def _registered(sample):
    """Vertices of the scan in the model's own order, <key>_F3D_registered.npy beside it: correspondence is made elsewhere."""
    from mgcbook.data.sources.scans import read_points

    path = sample.mesh.with_name(f"{sample.mesh.stem}_registered.npy")
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected the scan's vertices in the order of the face model, (V, 3) in mm")
    return read_points(path, most=5_000_000)


def _film(start, source, key, person, setting):
    paths = source.films(person)[setting]
    if not paths:
        raise DataError(f"{person}: no film of the setting {setting}")
    found = []
    for name, picture in _frames(paths):
        try:
            coefficients, _, by = start.look(picture, None, name)
            found.append(coefficients)
        except DataError:
            continue  # no face found: the paper leaves such frames out
    if not found:
        raise DataError(f"{person}: no face found in {setting}")
    row, heat = scan_row(Shape(start.network, np.stack(found)), *_scan(source.sample(key)), SCAN_PROTOCOLS["micc"])
    return {**row, "setting": setting, "frames": len(found), "aligned_by": by}, heat


def _frames(paths):
    films = [path for path in paths if path.suffix.lower() in FILMS]
    if films:
        every = list(frames(films[0]))
        chosen = every[:: max(len(every) // FRAMES, 1)][:FRAMES]
        return [(f"{films[0]} frame {i}", frame.astype(np.float32) / 255) for i, frame in enumerate(chosen)]
    chosen = paths[:: max(len(paths) // FRAMES, 1)][:FRAMES]
    return ((str(path), read_image(path)) for path in chosen)

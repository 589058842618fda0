"""The items of the protocols on data sets: what is read, how photographs are aligned, which scan belongs to which shape."""

import functools
import time
from dataclasses import replace
from functools import partial

import numpy as np

from mgcbook.data.finders import Finder
from mgcbook.data.images import read_image
from mgcbook.data.protocols.rendered import photograph_scan, poses
from mgcbook.data.protocols.scan import MICC
from mgcbook.data.sources import open_source
from mgcbook.data.sources.ls3dw import LS3DW
from mgcbook.data.sources.scans import read_scan
from mgcbook.data.sources.textured import read_textured
from mgcbook.data.sources.video import FILMS, frames
from mgcbook.errors import DataError
from mgcbook.programs.protocols import SCAN_PROTOCOLS, Shape, landmark_row, look_at, now_row, registered_row, scan_row

SEED = 20_201_104
"""Of the random poses of rendered scans."""
LAST = 19
"""Number of the last pose: after it the scan is forgotten."""
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
        self.network, self.find, self._known = network, find, known

    def look(self, photo, landmarks, name):
        """-> coefficients (K,), Aligned, what it was aligned by; `seconds` then says how long aligning and network took."""
        by = self.find.name if self.find else NETWORK if landmarks is None else self._known
        landmarks = self.find(photo, name) if self.find else landmarks
        start = time.perf_counter()
        found = look_at(self.network, photo, landmarks, name)
        self.seconds = time.perf_counter() - start
        return *found, by


def items_of(protocol, network, data, landmarks=None, count=None, scale="none"):
    """What to measure; -> list of (key, function without arguments that gives a row and a heat).

    Args:
        landmarks: folder of landmark files, or a Finder.
        scale: of `ScanProtocol`.
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
    drawn = {"count": count} if protocol == "frgc" else {}  # the paper draws 1335 of 4007 at random
    source = open_source(protocol.removesuffix("-rendered"), data, landmarks=landmarks, **drawn)
    compare = partial(scan_row, protocol=replace(SCAN_PROTOCOLS.get(protocol, MICC), scale=scale))
    if protocol.startswith("micc"):
        firsts = {key.partition("/")[0]: key for key in reversed(source.keys())}  # frontal1, or frontal2 where there is no other
        people = sorted(firsts.items())[:count]
        if protocol == "micc-rendered":
            return [item for person, key in people for item in _rendered(start, source, key, person, compare)]
        return [(f"{person}/{setting}", partial(_film, start, source, key, person, setting, compare))
                for person, key in people for setting in ("cooperative", "indoor", "outdoor")]  # fmt: skip
    return [(key, partial(_photograph, protocol, start, source, key, compare)) for key in source.keys()[:count]]


def _landmarks(start, source, given, again, key):
    sample = source.sample(key)
    photo = sample.read_image()
    truth = sample.landmarks if again is None else again.sample(key).landmarks
    known = sample.landmarks if given is None else given.sample(key).landmarks
    coefficients, aligned, by = start.look(photo, known, key)
    predicted = np.asarray(start.network.decoder(coefficients[None]).landmarks[0], np.float64)
    row, heat = landmark_row(aligned.crop_from_photo.inverse().apply(predicted), truth, sample.yaw_degrees)
    return {**row, "aligned_by": by}, heat


def _photograph(protocol, start, source, key, compare):
    sample = source.sample(key)
    coefficients, _, by = start.look(sample.read_image(), sample.landmarks, key)
    shape = Shape(start.network, coefficients[None])
    if protocol == "bu3dfe":
        row, heat = registered_row(shape, _registered(sample))
    else:
        scan, points = _scan(sample)
        row, heat = now_row(shape, scan, points) if protocol == "now" else compare(shape, scan, points)
    return {**row, "ms": 1000 * start.seconds, "aligned_by": by}, heat


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


def _rendered(start, source, key, person, compare):
    """The items of one person: the scan from 20 sides, each aligned by the landmarks marked on the scan."""
    known = functools.cache(lambda: (read_textured(source.sample(key).mesh), *_scan(source.sample(key))))
    start = Start(start.network, start.find, "the landmarks marked on the scan")

    def look(number, pose):
        textured, scan, points = known()
        picture, landmarks = photograph_scan(textured, points, start.network.decoder.model, pose)
        coefficients, _, by = start.look(picture, landmarks, f"{person}, pose {number}")
        row, heat = compare(Shape(start.network, coefficients[None]), scan, points)
        if number == LAST:
            known.cache_clear()
        return {**row, **pose._asdict(), "aligned_by": by}, heat

    chosen = poses(np.random.default_rng([SEED, *person.encode()]))
    return [(f"{person}/{number}", partial(look, number, pose)) for number, pose in enumerate(chosen)]


def _film(start, source, key, person, setting, compare):
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
    row, heat = compare(Shape(start.network, np.stack(found)), *_scan(source.sample(key)))
    return {**row, "setting": setting, "frames": len(found), "aligned_by": by}, heat


def _frames(paths):
    films = [path for path in paths if path.suffix.lower() in FILMS]
    if films:
        every = list(frames(films[0]))
        chosen = every[:: max(len(every) // FRAMES, 1)][:FRAMES]
        return [(f"{films[0]} frame {i}", frame.astype(np.float32) / 255) for i, frame in enumerate(chosen)]
    chosen = paths[:: max(len(paths) // FRAMES, 1)][:FRAMES]
    return ((str(path), read_image(path)) for path in chosen)

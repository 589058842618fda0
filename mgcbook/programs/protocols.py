"""The protocols of the paper's tables, run with a trained network: `mgcbook evaluate RUN --protocol NAME --data FOLDER`.

    photographs or films -> aligned -> network -> landmarks, or shape -> mgcbook.data.protocols -> a row beside the published ones

The synthetic-... protocols do the same with held-out synthetic faces and scans made of them.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.align import align, alignment_template
from mgcbook.data.finders import is_name
from mgcbook.data.protocols.landmarks import NAMES as BIN_NAMES
from mgcbook.data.protocols.landmarks import landmark_error
from mgcbook.data.protocols.registered import registered_error
from mgcbook.data.protocols.scan import FRGC, MICC, now_error, scan_error
from mgcbook.data.protocols.tables import draw_cumulative, heat_map, table
from mgcbook.errors import DataError, UsageError
from mgcbook.files import atomic_write
from mgcbook.programs.evaluate import TABLE_PROTOCOLS
from mgcbook.programs.finding import open_finder

REACH_MM = 5.0
"""A vertex further from every measured point has no error of its own in the heat map."""


@dataclass(frozen=True)
class Report:
    """What a protocol found."""

    protocol: str
    unit: str
    rows: list
    """One dict for each item: "item", "error" and what else is known."""
    numbers: list
    """As in the published table."""
    skipped: list = field(default_factory=list)
    """Dicts {"item", "reason"}."""
    heat: np.ndarray | None = None
    """(H, W, 3) the mean error at each vertex as a colour of the model's mean face; None where shapes were not measured."""
    notes: tuple = ()

    @property
    def name(self):
        """Of the published table."""
        return self.protocol.removeprefix("synthetic-").removesuffix("-reannotated")

    def table(self):
        """The published table with this run, as text."""
        is_synthetic = self.protocol.startswith("synthetic-")
        lines = [table(self.name, self.numbers, "this run, synthetic" if is_synthetic else "this run")]
        lines += ["Synthetic faces: not to be compared with the published rows."] if is_synthetic else []
        lines += [f"Photographs aligned by {by} ({count} items)" for by, count in self.aligned_by().items()]
        left = [f"{len(self.skipped)} items left out; the first: {self.skipped[0]['reason']}"] if self.skipped else []
        return "\n".join([*lines, *self.notes, *left])

    def aligned_by(self):
        """Which landmarks turned, scaled and cut the photographs -> how many items; empty where pictures came aligned."""
        return dict(Counter(row["aligned_by"] for row in self.rows if "aligned_by" in row))

    def save(self, path):
        """Write every number as JSON, and beside it the curve of errors and the heat map as pictures."""
        import io

        from mgcbook.data.images import write_image

        content = {"protocol": self.protocol, "unit": self.unit, "numbers": self.numbers, "notes": self.notes,
                   "aligned_by": self.aligned_by(), "items": self.rows, "skipped": self.skipped}  # fmt: skip
        with atomic_write(path) as file:
            file.write(json.dumps(content, indent=1, allow_nan=False).encode() + b"\n")
        picture = io.BytesIO()
        draw_cumulative({self.protocol: [row["error"] for row in self.rows]}, self.unit).savefig(picture, format="png", dpi=110)
        with atomic_write(path.with_name(f"{path.stem}-curve.png")) as file:
            file.write(picture.getvalue())
        if self.heat is not None:
            write_image(path.with_name(f"{path.stem}-heat.png"), self.heat)


def measure(protocol, network, *, data=None, landmarks=None, count=None, progress=None, scale="none"):
    """Run a protocol; -> Report.

    Args:
        network: images (B, H, W, 3) -> coefficients (B, K), with a `decoder` (`mgcbook.programs.trained.Trained`).
        data: folder of the data set; the synthetic protocols need none.
        landmarks: what photographs are aligned by: a folder of landmark files, or a function or a name (see
            `mgcbook.data.finders`); None: the data set's own, else the network's.
        count: only the first so many items.
        progress: called as progress(items done, items in all).
        scale: "none" or "per-mesh", of shapes that are compared with scans (`ScanProtocol.scale`).
    Raises:
        UsageError: for an unknown protocol or a missing folder.
        DataError: if no item could be measured.
    """
    if protocol not in TABLE_PROTOCOLS:
        raise UsageError(f"protocol: expected one of {', '.join(TABLE_PROTOCOLS)}, got {protocol!r}")
    if protocol.startswith("synthetic-"):
        from mgcbook.programs.protocols_synthetic import items_of

        items = items_of(protocol, network, count, scale)
    elif data is None:
        raise UsageError(f"protocol {protocol}: give the folder of the data set with --data")
    else:
        from mgcbook.programs.protocols_real import items_of

        is_folder = isinstance(landmarks, str | Path) and not is_name(landmarks)
        find = None if landmarks is None or is_folder else open_finder(landmarks, network=network)
        items = items_of(protocol, network, data, find or landmarks, count, scale)
    rows, skipped, heats = [], [], []
    for number, (key, make) in enumerate(items):
        try:
            row, heat = make()
            rows.append({"item": key, **row})
            heats += [heat] if heat is not None else []
        except DataError as error:
            skipped.append({"item": key, "reason": str(error)})
        if progress is not None:
            progress(number + 1, len(items))
    if not rows:
        raise DataError(f"protocol {protocol}: no item could be measured; the first: {skipped[0]['reason']}")
    numbers, notes = _numbers(protocol, rows)
    unit = "%" if "aflw2000" in protocol else "mm"
    model = network.decoder.model
    heat = heat_map(model, model.mean, _mean_heat(heats)) if heats else None
    return Report(protocol, unit, rows, numbers, skipped, heat, notes)


def _numbers(protocol, rows):
    """The row of the published table, and notes."""
    errors = np.array([row["error"] for row in rows])
    if "aflw2000" in protocol:
        bins = [row["bin"] for row in rows]
        means = [float(errors[np.equal(bins, i)].mean()) if i in bins else None for i in range(3)]
        known = [mean for mean in means if mean is not None]
        counts = ", ".join(f"{name}: {bins.count(i)}" for i, name in enumerate(BIN_NAMES))
        return [*means, float(np.mean(known))], (f"pictures in the bins: {counts}; std of the bins {np.std(known):.2f}",)
    if protocol.endswith("micc"):
        numbers = []
        for setting in ("cooperative", "indoor", "outdoor"):
            of_setting = [row["error"] for row in rows if row["setting"] == setting]
            numbers += [float(np.mean(of_setting)), float(np.std(of_setting))] if of_setting else [None, None]
        return numbers, ()
    if protocol.endswith("micc-rendered"):
        of_kind = [[row["error"] for row in rows if row["kind"] == kind] for kind in ("yaw 0", "yaw 60", "yaw 80", "random")]
        return [*(float(np.mean(one)) if one else None for one in of_kind), float(errors.mean()), float(errors.std())], ()
    if protocol.endswith("frgc"):
        times = [row["ms"] for row in rows if "ms" in row]
        return [float(errors.mean()), float(np.median(times)) if times else None], ("ms: aligning and network, median",)
    if protocol.endswith("bu3dfe"):
        return [float(errors.mean()), float(errors.std())], ()
    # NoW: over all points of all scans.
    totals = np.concatenate([row.pop("each") for row in rows])
    return [float(np.median(totals)), float(totals.mean()), float(totals.std())], ()


def _mean_heat(heats):
    heats = np.stack(heats)
    known = np.isfinite(heats).sum(axis=0)
    return np.where(known, np.nansum(heats, axis=0) / np.maximum(known, 1), np.nan)


# ---------------------------------------------------------------- one item


class Shape:
    """What the network makes of one photograph or of the mean of several: vertices and landmarks in mm."""

    def __init__(self, network, coefficients):
        model = network.decoder.model
        parts = network.decoder.layout.split(np.asarray(coefficients, np.float32))
        self.model, self.triangles = model, model.triangles
        self.vertices = model.shape(parts["identity"], parts["expression"]).astype(np.float64).mean(axis=0)
        self.landmarks = self.vertices[model.landmark_vertices]


def look_at(network, photo, landmarks, name):
    """A photograph, aligned by landmarks or by the network's own; -> coefficients (K,), Aligned."""
    from mgcbook.programs.reconstruct import find_landmarks

    decoder = network.decoder
    landmarks = find_landmarks(photo, network, name=name) if landmarks is None else landmarks
    aligned = align(photo, landmarks, alignment_template(decoder.model, decoder.camera), decoder.camera)
    return np.asarray(network(aligned.image[None]))[0], aligned


def landmark_row(predicted, truth, yaw):
    """Row of AFLW2000-3D for one picture."""
    found = landmark_error(predicted[None], truth[None], np.array([yaw]))
    return {"error": float(found.each[0]), "yaw_degrees": float(yaw), "bin": int(np.argmax(found.counts))}, None


def scan_row(shape, scan, points, protocol):
    """Row of MICC or FRGC for one shape and one scan."""
    chosen = shape.landmarks if len(points) == 68 else shape.landmarks[list(_same_points(points))]
    found = scan_error(shape.vertices, shape.triangles, chosen, scan, points, protocol)
    near = found.scan_from_shape.inverse().apply(scan.vertices[found.points])
    return {"error": found.error}, spread(shape.vertices, near, found.each)


def _same_points(points):
    from mgcbook.data.protocols.scan import FIVE

    if len(points) != len(FIVE):
        raise DataError(f"scan: expected 68 or 5 marked points, found {len(points)}")
    return FIVE


def now_row(shape, scan, points):
    """Row of NoW for one photograph."""
    found = now_error(shape.vertices, shape.triangles, shape.landmarks, scan, points)
    near = found.scan_from_shape.inverse().apply(scan.vertices[found.points])
    row = {"error": found.mean, "median": found.median, "each": found.each}
    return row, spread(shape.vertices, near, found.each)


def registered_row(shape, truth):
    """Row of BU-3DFE for one face."""
    found = registered_error(shape.vertices, truth)
    return {"error": found.rmse}, found.each


@check_shapes(vertices="number V 3", points="number P 3", errors="number P")
def spread(vertices, points, errors):
    """Errors measured at points, given to the vertices near by; (V, 3), (P, 3), (P,) -> (V,), NaN where none is near."""
    from scipy.spatial import cKDTree

    away, nearest = cKDTree(points).query(vertices)
    return np.where(away <= REACH_MM, errors[nearest], np.nan)


SCAN_PROTOCOLS = {"micc": MICC, "micc-rendered": MICC, "frgc": FRGC}
"""Variants of the comparison with scans."""

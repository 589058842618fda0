"""The items of the synthetic protocols: held-out synthetic faces, seen as photographs, measured against scans made of them."""

import functools
import time
from dataclasses import replace
from functools import partial

import numpy as np

from mgcbook.data.protocols.rendered import photograph_scan, poses
from mgcbook.data.protocols.scan import MICC, SEVEN
from mgcbook.data.protocols.synthetic import subdivided, synthetic_scan
from mgcbook.data.sources.textured import TexturedScan
from mgcbook.programs.protocols import SCAN_PROTOCOLS, Shape, landmark_row, look_at, now_row, registered_row, scan_row

SEED = 20_201_102
LAST = 19
"""Number of the last pose of a rendered face: after it the face is forgotten."""


def items_of(protocol, network, count=None, scale="none"):
    """What to measure; -> list of (key, function without arguments that gives a row and a heat); scale: of `ScanProtocol`."""
    from mgcbook.data.synthetic import HELD_OUT_COUNT, held_out

    faces = held_out(size=network.decoder.camera.width)
    name = protocol.removeprefix("synthetic-")
    numbers = range(count or HELD_OUT_COUNT)
    if name == "aflw2000":
        views = [(number, view) for number in numbers for view in range(3)]
        return [(f"{number}/{view}", partial(_landmarks, network, faces, number, view)) for number, view in views]
    compare = partial(scan_row, protocol=replace(SCAN_PROTOCOLS.get(name, MICC), scale=scale))
    if name == "micc-rendered":
        return [item for number in numbers for item in _rendered(network, faces, number, compare)]
    return [(str(number), partial(_shape, name, network, faces, number, compare)) for number in numbers]


def _rendered(network, faces, number, compare):
    """The items of one face: its scan with the colours of its skin under soft light, seen from 20 sides."""

    @functools.cache
    def known():
        truth, model = faces.item(number)["truth"], faces.model
        parts = {"vertices": truth["vertices"], "triangles": model.triangles, "landmarks": model.landmark_vertices}
        scanned = partial(synthetic_scan, **parts)
        scan, points = scanned(np.random.default_rng([SEED, number]))
        whole, _ = scanned(np.random.default_rng([SEED, number]), holes=0.0)  # no holes
        light = 0.6 + 0.4 * np.clip(model.vertex_normals(truth["vertices"][None])[0][:, 2:], 0, 1)
        colors = subdivided(np.clip(model.albedo(truth["albedo"][None])[0] * light, 0, 1).astype(float), model.triangles)[0]
        return TexturedScan(*whole, colors), scan, points

    def look(place, pose):
        textured, scan, points = known()
        picture, landmarks = photograph_scan(textured, points, network.decoder.model, pose)
        coefficients, _ = look_at(network, picture, landmarks, f"{number}/{place}")
        row, heat = compare(Shape(network, coefficients[None]), scan, points)
        if place == LAST:
            known.cache_clear()
        return {**row, **pose._asdict()}, heat

    chosen = poses(np.random.default_rng([SEED, number, 1]))
    return [(f"{number}/{place}", partial(look, place, pose)) for place, pose in enumerate(chosen)]


def _landmarks(network, faces, number, view):
    item = faces.item(number)
    image = item["images"][view]
    predicted = np.asarray(network.decoder(np.asarray(network(image[None]))).landmarks[0])
    # The generator counts a turn of the nose to the right of the picture as positive; only the size matters for the bins.
    yaw = -np.rad2deg(item["truth"]["rotation"][view, 1])
    return landmark_row(predicted, item["landmarks"][view], yaw)


def _shape(name, network, faces, number, compare):
    item = faces.item(number)
    views = item["images"] if name == "micc" and item["flag"] else item["images"][:1]  # a film: the mean shape of its frames
    start = time.perf_counter()
    coefficients = network(views)
    seconds = time.perf_counter() - start
    shape = Shape(network, coefficients)
    truth, model = item["truth"]["vertices"], network.decoder.model
    if name == "bu3dfe":
        return registered_row(shape, truth)
    rng = np.random.default_rng([SEED, number])
    marked = model.landmark_vertices[list(SEVEN)] if name == "now" else model.landmark_vertices
    scan, points = synthetic_scan(rng, truth, model.triangles, marked)
    if name == "now":
        return now_row(shape, scan, points)
    row, heat = compare(shape, scan, points)
    return {**row, "ms": 1000 * seconds / len(views), "setting": "cooperative"}, heat

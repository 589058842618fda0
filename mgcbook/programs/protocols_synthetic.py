"""The items of the synthetic protocols: held-out synthetic faces, seen as photographs, measured against scans made of them."""

from functools import partial

import numpy as np

from mgcbook.data.protocols.scan import SEVEN
from mgcbook.data.protocols.synthetic import synthetic_scan
from mgcbook.programs.protocols import SCAN_PROTOCOLS, Shape, landmark_row, now_row, registered_row, scan_row

SEED = 20_201_102


def items_of(protocol, network, count=None):
    """What to measure; -> list of (key, function without arguments that gives a row and a heat)."""
    from mgcbook.data.synthetic import HELD_OUT_COUNT, held_out

    faces = held_out(size=network.decoder.camera.width)
    name = protocol.removeprefix("synthetic-")
    numbers = range(count or HELD_OUT_COUNT)
    if name == "aflw2000":
        views = [(number, view) for number in numbers for view in range(3)]
        return [(f"{number}/{view}", partial(_landmarks, network, faces, number, view)) for number, view in views]
    return [(str(number), partial(_shape, name, network, faces, number)) for number in numbers]


def _landmarks(network, faces, number, view):
    item = faces.item(number)
    image = item["images"][view]
    predicted = np.asarray(network.decoder(np.asarray(network(image[None]))).landmarks[0])
    # The generator counts a turn of the nose to the right of the picture as positive; only the size matters for the bins.
    yaw = -np.rad2deg(item["truth"]["rotation"][view, 1])
    return landmark_row(predicted, item["landmarks"][view], yaw)


def _shape(name, network, faces, number):
    item = faces.item(number)
    views = item["images"] if name == "micc" and item["flag"] else item["images"][:1]  # a film: the mean shape of its frames
    shape = Shape(network, network(views))
    truth, model = item["truth"]["vertices"], network.decoder.model
    if name == "bu3dfe":
        return registered_row(shape, truth)
    rng = np.random.default_rng([SEED, number])
    marked = model.landmark_vertices[list(SEVEN)] if name == "now" else model.landmark_vertices
    scan, points = synthetic_scan(rng, truth, model.triangles, marked)
    if name == "now":
        return now_row(shape, scan, points)
    row, heat = scan_row(shape, scan, points, SCAN_PROTOCOLS[name])
    return {**row, "setting": "cooperative"}, heat

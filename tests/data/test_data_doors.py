"""The public functions of data refuse what does not fit, by the name of the argument: see tests/test_doors.py."""

import numpy as np
import pytest

from mgcbook.data import align, augment, detect, images, landmarks, resample, sensor, skin, skin_fit, visibility
from mgcbook.data.detect import FaceBox
from mgcbook.data.protocols import icp, registered, rendered, scan, synthetic, tables
from mgcbook.data.protocols import landmarks as landmark_protocol
from mgcbook.data.protocols.surface import Surface
from mgcbook.data.sources.scans import Scan, grid_mesh
from mgcbook.data.sources.textured import TexturedScan
from mgcbook.errors import DataError
from tests.doors import (
    BATCH,
    FRAGMENTS,
    LAST,
    LENS,
    MODEL,
    POINTS,
    POSE,
    RANK,
    REAL,
    TRIANGLES,
    B,
    H,
    N,
    W,
    passes_and_is_refused,
    real,
    title,
)

PICTURE = real(H, W, 3)
TEMPLATE = align.alignment_template(MODEL, LENS)
FACE_68 = landmarks.five_points(TEMPLATE)  # five points of the toy face, inside the picture
ROOM = np.array([[0.0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100], [60, 60, 60], [100, 20, 50], [20, 90, 30]]) * 0.7
ROOM_TRIANGLES = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
SCAN = Scan(ROOM, ROOM_TRIANGLES)
ALL = lambda leaves, *names: dict.fromkeys(names, leaves)
SIMILARITY = align.Similarity(np.eye(2), np.zeros(2))

DOORS = {
    align.fit_similarity: (dict(points=FACE_68, target=FACE_68), {"points": REAL, "target": REAL}),
    align.align: (dict(image=PICTURE, landmarks=FACE_68, template=TEMPLATE, camera=LENS), {"landmarks": REAL, "template": REAL}),
    align.alignment_points: (dict(landmarks=FACE_68, template=TEMPLATE), {"landmarks": REAL, "template": REAL}),
    align.warp_image: (dict(image=PICTURE, target_from_image=SIMILARITY, height=8, width=8), {"image": LAST}),
    align.paste_back: (dict(photo=PICTURE, picture=real(9, 9, 3), alpha=real(9, 9), crop_from_photo=SIMILARITY), {}),
    augment.augment: (dict(rng=np.random.default_rng(0), batch=BATCH), {"flags": REAL, "landmarks": REAL}),
    augment.mirrored: (dict(images=real(N, H, W, 3), landmarks=real(N, 68, 2), skin=real(N, H, W)), {}),
    augment.enlarged: (dict(factor=1.2, images=real(N, H, W, 3), landmarks=real(N, 68, 2), skin=real(N, H, W)), {}),
    augment.recolored: (dict(rng=np.random.default_rng(0), images=real(N, H, W, 3), config=augment.Augmentation()), {}),
    augment.covered: (dict(rng=np.random.default_rng(0), images=real(N, H, W, 3), skin=real(N, H, W), share=1.0), {}),
    images.to_uint8: (dict(image=PICTURE), {"image": RANK + LAST + REAL}),
    images.resize: (dict(image=PICTURE, height=5, width=5), {"image": LAST + REAL}),
    landmarks.check_landmarks: (dict(landmarks=FACE_68), {"landmarks": REAL}),
    landmarks.five_points: (dict(landmarks=real(68, 2)), {"landmarks": RANK + REAL}),
    landmarks.flip_landmarks: (dict(landmarks=real(68, 2), width=9), {"landmarks": RANK + REAL}),
    resample.sample: (dict(image=PICTURE, positions=real(9, 9, 2), step=2.0), {"image": REAL + LAST, "positions": REAL}),
    resample.gaussian: (dict(image=PICTURE, deviation=1.0), {"image": LAST}),
    skin.in_hull: (dict(points=FACE_68[:, :2], positions=real(9, 9, 2)), {"points": REAL, "positions": RANK + REAL}),
    skin.skin_probability: (dict(image=PICTURE), {"image": RANK}),
    skin_fit.fit_mixtures: (dict(rng=np.random.default_rng(0), skin=np.random.default_rng(1).random((120, 3)),
                                 other=np.random.default_rng(2).random((120, 3)), components=2), {"skin": REAL, "other": REAL}),
    skin.skin_weight: (dict(image=PICTURE, landmarks=FACE_68), {"image": RANK, "landmarks": REAL}),
    skin.likeness: (dict(image=PICTURE, landmarks=FACE_68), {"landmarks": REAL}),
    detect.find_faces: (dict(image=real(64, 64, 3)), {}),
    detect.find_face: (dict(image=real(64, 64, 3)), {}),
    detect.crop_from_box: (dict(box=FaceBox(np.array([5.0, 5]), 4.0, 0.0), template=real(68, 2)), {"template": REAL}),
    sensor.photograph: (dict(picture=PICTURE, settings=sensor.sample_sensor(np.random.default_rng(0)),
                             rng=np.random.default_rng(0)), {"settings": None}),
    sensor.quantise: (dict(values=PICTURE), {"values": RANK + LAST}),
    sensor.compress: (dict(picture=PICTURE, quality=50), {}),
    visibility.covisible_truth: (dict(points_camera=POINTS, triangles=TRIANGLES, target_fragments=FRAGMENTS,
                                      source_from_target=tuple(part[1:] for part in POSE), camera=LENS), {}),
    icp.procrustes: (dict(points=ROOM, target=ROOM), {"points": REAL, "target": REAL}),
    icp.icp: (dict(points=ROOM, surface=Surface(ROOM, ROOM_TRIANGLES)), {"points": REAL}),
    Surface.__init__: (dict(self=Surface.__new__(Surface), vertices=ROOM, triangles=ROOM_TRIANGLES), {"vertices": REAL}),
    Surface.closest: (dict(self=Surface(ROOM, ROOM_TRIANGLES), points=ROOM), {"points": REAL}),
    landmark_protocol.landmark_error: (dict(predicted=real(B, 68, 2), truth=real(B, 68, 2), yaw_degrees=real(B)),
                                       dict.fromkeys(("predicted", "truth", "yaw_degrees"), REAL)),
    landmark_protocol.bin_of: (dict(yaw_degrees=real(B)), {"yaw_degrees": REAL + LAST}),
    registered.registered_error: (dict(shape=ROOM, truth=ROOM, vertices=np.arange(5)),
                                  {"shape": REAL, "truth": REAL, "vertices": LAST}),
    scan.crop: (dict(points=ROOM, center=ROOM[0], radius=5.0), dict.fromkeys(("points", "center"), REAL)),
    scan.check_unit: (dict(points=ROOM[[1, 2, 0, 3, 4]], scan=SCAN), {"points": REAL}),
    scan.scan_error: (dict(shape=ROOM, triangles=ROOM_TRIANGLES, shape_points=ROOM[[1, 2, 0, 3, 4]], scan=SCAN,
                           scan_points=ROOM[[1, 2, 0, 3, 4]]),
                      ALL(REAL, "shape", "shape_points", "scan_points")),
    scan.now_error: (dict(shape=ROOM, triangles=ROOM_TRIANGLES, shape_points=ROOM[[1, 4, 5, 2, 0, 3, 6]], scan=SCAN,
                          scan_points=ROOM[[1, 4, 5, 2, 0, 3, 6]]),
                      ALL(REAL, "shape", "shape_points", "scan_points")),
    synthetic.synthetic_scan: (dict(rng=np.random.default_rng(0), vertices=ROOM, triangles=ROOM_TRIANGLES,
                                     landmarks=np.arange(5)), {"vertices": REAL, "landmarks": LAST}),
    synthetic.subdivided: (dict(vertices=ROOM, triangles=ROOM_TRIANGLES), {"vertices": REAL}),
    rendered.photograph_scan: (dict(scan=TexturedScan(*SCAN), points=ROOM[[1, 2, 0, 3, 4]], model=MODEL,
                                    pose=rendered.Pose(0, 0, "")),
                               {"points": REAL}),
    tables.heat: (dict(errors=real(5), largest=1.0), {"errors": RANK + LAST + REAL}),
    grid_mesh: (dict(points=real(4, 5, 3), valid=np.ones((4, 5), bool)), {"points": REAL}),
}  # fmt: skip


@pytest.mark.parametrize("function", DOORS, ids=title)
def test_what_does_not_fit_is_refused_by_name(function):
    no_face = (DataError,) if function is detect.find_face else ()  # noise shows none
    passes_and_is_refused(function, *DOORS[function], answers=no_face)

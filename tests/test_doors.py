"""Every public function refuses what does not fit, at its door and by the name of the argument.

`DOORS` holds a call that works for each public function of the floors below the programs. Each of its arrays is then replaced by
one with an axis too many or too few, with a longer last axis, and by text, complex numbers, whole numbers for real ones and real
ones for whole ones. What a function leaves open stands beside it. A public function that is in no list fails the last test.
"""

import ast
import contextlib
from pathlib import Path

import numpy as np
import pytest

from mgcbook.data import align, augment, detect, images, landmarks, sensor, skin, skin_fit, visibility
from mgcbook.data.detect import FaceBox
from mgcbook.data.protocols import icp, registered, rendered, scan, synthetic, tables
from mgcbook.data.protocols import landmarks as landmark_protocol
from mgcbook.data.protocols.surface import Surface
from mgcbook.data.sources.scans import Scan, grid_mesh
from mgcbook.data.sources.textured import TexturedScan
from mgcbook.errors import DataError
from mgcbook.face import antialias, camera, covisible, light, morphable, normals, raster, render, sampling, warp
from mgcbook.learning import coefficients, decoder, losses, metrics, nn, objective, optim, resnet, supervised
from mgcbook.tape import value_and_grad
from tests.toy import toy_batch, toy_coefficients, toy_model

PACKAGE = Path(__file__).parents[1] / "mgcbook"
B, N, V, H, W, C = 2, 3, 6, 20, 20, 3
LENS = camera.Camera(20.0, W, H)
MODEL = toy_model(side=9)
DECODER = decoder.Decoder(MODEL, camera.PAPER_CAMERA.resized(16, 16))
LAYOUT = DECODER.layout
TRIANGLES = np.array([[0, 1, 2], [2, 1, 3], [3, 4, 5]], np.int32)


def real(*shape):
    return np.random.default_rng(len(shape)).uniform(0.2, 0.9, shape).astype(np.float32)


POINTS = real(B, V, 3) + np.array([0, 0, 5], np.float32)
POSE = camera.rotation_from_euler(real(B, 3)), real(B, 3)
MASK = (real(B, H, W) > 0.5).astype(np.float32)
SEEN = real(B, V) > 0.3
FRAGMENTS = raster.rasterize(POINTS, TRIANGLES, LENS)
PICTURE = real(H, W, 3)
FACE_68 = landmarks.five_points(align.alignment_template(MODEL, LENS))  # five points of the toy face, inside the picture
ROOM = np.array([[0.0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100], [60, 60, 60], [100, 20, 50], [20, 90, 30]]) * 0.7
ROOM_TRIANGLES = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
SCAN = Scan(ROOM, ROOM_TRIANGLES)
ALL = lambda leaves, *names: dict.fromkeys(names, leaves)
SIMILARITY = align.Similarity(np.eye(2), np.zeros(2))
BATCH = {name: array.astype(np.float32) if name != "flags" else array
         for name, array in toy_batch(np.random.default_rng(0), DECODER.camera, B, N, [2, 1]).items()}  # fmt: skip
ROWS = toy_coefficients(np.random.default_rng(0), LAYOUT, B, N).astype(np.float32)
PARTS = LAYOUT.split(ROWS[:, 0])
NET, STATE = resnet.init_resnet(np.random.default_rng(0), depth=10, outputs=4, width=4)
SIDES = {"rotation": real(B, 3), "translation": real(B, 3)}

RANK, LAST, REAL = "any number of axes", "any last axis", "whole numbers too"
"""What a function leaves open."""

DOORS = {
    antialias.antialias: (dict(image=real(B, H, W, C), fragments=FRAGMENTS, points_camera=POINTS, triangles=TRIANGLES,
                               camera=LENS), {"image": LAST}),
    antialias.crossing_place: (dict(corners=POINTS[:, :2], pixels=np.array([[0, 1], [3, 4]]), camera=LENS), {}),
    antialias.edge_neighbours: (dict(triangles=TRIANGLES), {}),
    camera.rotation_from_euler: (dict(angles=real(B, 3)), {}),
    camera.euler_from_rotation: (dict(rotation=POSE[0]), {}),
    camera.transform: (dict(rotation=POSE[0], translation=POSE[1], points=POINTS), {}),
    camera.compose: (dict(a_from_b=POSE, b_from_c=POSE), {}),
    camera.invert: (dict(a_from_b=POSE), {}),
    camera.relative_pose: (dict(source_from_model=POSE, target_from_model=POSE), {}),
    camera.camera_from_model: (dict(rotation_offset=real(B, 3), translation_offset=real(B, 3), main=DECODER.main, pivot=real(3)),
                               {"pivot": REAL}),
    camera.pivot_shift: (dict(rotation=POSE[0], main=DECODER.main, pivot=real(3)), {"pivot": REAL}),
    camera.main_pose: (dict(vertices=MODEL.mean, landmark_vertices=MODEL.landmark_vertices, camera=LENS), {}),
    camera.project: (dict(points_camera=POINTS, camera=LENS), {"points_camera": RANK}),
    camera.unproject: (dict(pixels=real(B, V, 2), depth=real(B, V), camera=LENS), {"pixels": RANK, "depth": RANK + LAST}),
    camera.essential: (dict(source_from_target=POSE), {}),
    camera.fundamental: (dict(source_from_target=POSE, camera=LENS), {}),
    covisible.seen_vertices: (dict(points_camera=POINTS, triangles=TRIANGLES, camera=LENS), {}),
    covisible.covisible_map: (dict(target_seen=SEEN, source_seen=SEEN, target_points_camera=POINTS, triangles=TRIANGLES,
                                   camera=LENS), {}),
    light.sh_basis: (dict(normals=POINTS), {"normals": RANK}),
    light.shade: (dict(albedo=POINTS, normals=POINTS, light=real(B, 3, 9)), {}),
    morphable.combine: (dict(start=POINTS, coefficients=real(B, 4), basis=real(4, V, 3), deviation=real(4)), {"start": RANK}),
    morphable.FaceModel.shape: (dict(self=MODEL, identity=real(B, 4), expression=real(B, 3)), {}),
    morphable.FaceModel.albedo: (dict(self=MODEL, coefficients=real(B, 3)), {}),
    morphable.FaceModel.vertex_normals: (dict(self=MODEL, vertices=real(B, 81, 3)), {}),
    morphable.FaceModel.landmarks: (dict(self=MODEL, vertices=real(B, 81, 3)), {}),
    normals.vertex_normals_by_gathers: (dict(vertices=POINTS, triangles=TRIANGLES), {}),
    normals.vertex_normals: (dict(vertices=POINTS, triangles=TRIANGLES), {}),
    normals.triangle_fans: (dict(triangles=TRIANGLES, vertex_count=V), {}),
    raster.rasterize: (dict(points_camera=POINTS, triangles=TRIANGLES, camera=LENS, active=np.ones((B, 3), bool)), {}),
    raster.visible_triangles: (dict(points_camera=POINTS, triangles=TRIANGLES, camera=LENS, active=np.ones((B, 3), bool)),
                               {}),
    raster.barycentric_weights: (dict(points_camera=POINTS, triangles=TRIANGLES, triangle=FRAGMENTS.triangle, camera=LENS),
                                 {"triangle": LAST}),
    raster.interpolate: (dict(attributes=POINTS, triangles=TRIANGLES, fragments=FRAGMENTS), {"attributes": RANK + LAST}),
    raster.depth_map: (dict(points_camera=POINTS, triangles=TRIANGLES, fragments=FRAGMENTS, camera=LENS), {}),
    render.render: (dict(points_camera=POINTS, triangles=TRIANGLES, colors=POINTS, camera=LENS), {"colors": LAST}),
    render.composite: (dict(image=real(B, H, W, C), mask=MASK, photo=real(B, H, W, C)), {}),
    sampling.bilinear_sample: (dict(image=real(B, H, W, C), uv=real(B, 4, 5, 2)), {"image": LAST}),
    sampling.in_range: (dict(uv=real(B, 4, 5, 2), height=H, width=W), {"uv": RANK}),
    warp.correspond: (dict(target_depth=real(B, H, W), source_from_target=POSE, camera=LENS), {"target_depth": LAST}),
    warp.warp: (dict(source_image=real(B, H, W, C), target_depth=real(B, H, W), source_from_target=POSE, camera=LENS),
                {"source_image": LAST}),
    losses.render_loss: (dict(rendered=real(B, H, W, C), photo=real(B, H, W, C), mask=MASK, skin=MASK), {}),
    losses.landmark_loss: (dict(predicted=real(B, 68, 2), truth=real(B, 68, 2)), {}),
    losses.identity_loss: (dict(photo_features=real(B, 7), rendered_features=real(B, 7)), {}),
    losses.regularisation: (dict(parts=dict(identity=real(B, 4), expression=real(B, 3), albedo=real(B, 3))), {"parts": LAST}),
    losses.pixel_loss: (dict(synthesized=real(B, H, W, C), target=real(B, H, W, C), covisible=MASK), {}),
    losses.depth_loss: (dict(synthesized=real(B, H, W), expected=real(B, H, W), covisible=MASK), {}),
    losses.epipolar_loss: (dict(target_landmarks=real(B, 9, 2), source_landmarks=real(B, 9, 2), source_from_target=POSE,
                                camera=LENS), {}),
    losses.gated_mean: (dict(errors=real(4), gate=real(4)), {}),
    coefficients.Layout.split: (dict(self=LAYOUT, vector=ROWS), {"vector": RANK}),
    coefficients.Layout.join: (dict(self=LAYOUT, parts=PARTS), {"parts": RANK + REAL}),
    decoder.Decoder.__call__: (dict(self=DECODER, coefficients=ROWS[:, 0]), {}),
    decoder.Decoder.pose: (dict(self=DECODER, parts=SIDES), {}),
    decoder.Decoder.translation_part: (dict(self=DECODER, pose=POSE), {}),
    nn.conv2d: (dict(x=real(B, H, W, 4), weight=real(3, 3, 4, 5)), {"weight": LAST}),
    nn.normalise: (dict(x=real(B, H, W, 4), weight=real(4), bias=real(4)), {}),
    nn.batch_norm: (dict(x=real(B, H, W, 4), weight=real(4), bias=real(4), running=(real(4), real(4)), train=True), {}),
    nn.to_half: (dict(x=real(B, H, W, 4)), {"x": RANK + LAST}),
    nn.to_single: (dict(x=np.ones((B, H, W, 4), np.uint16)), {"x": RANK + LAST}),
    nn.relu: (dict(x=real(B, H, W, 4)), {"x": RANK + LAST}),
    nn.max_pool: (dict(x=real(B, H, W, 4)), {"x": LAST}),
    nn.mean_pool: (dict(x=real(B, H, W, 4)), {"x": LAST}),
    nn.linear: (dict(x=real(B, 4), weight=real(4, 5), bias=real(5)), {}),
    resnet.resnet: (dict(params=NET, images=real(B, H, W, 3), state=STATE), {"params": None, "state": None}),
    objective.total_loss: (dict(coefficients=ROWS, batch=BATCH, decoder=DECODER), {"flags": REAL}),
    optim.adam: (dict(params={"a": real(4)}, grads={"a": real(4)}, state=optim.init_adam({"a": real(4)}), rate=0.1),
                 {"params": None, "state": None}),
    metrics.nme: (dict(landmarks=real(B, 68, 2), truth=real(B, 68, 2)), {}),
    metrics.rigid_alignment: (dict(points=POINTS, target=POINTS), {}),
    metrics.vertex_error: (dict(vertices=POINTS, truth=POINTS), {}),
    metrics.depth_error: (dict(depth=real(B, H, W), truth=real(B, H, W)), {}),
    metrics.rotation_error_degrees: (dict(rotation=POSE[0], truth=POSE[0]), {}),
    metrics.shape_spread: (dict(vertices=POINTS), {}),
    value_and_grad(lambda p: np.sum(p * p)): (dict(params=real(4)), {"params": RANK + LAST}),
    align.fit_similarity: (dict(points=FACE_68, target=FACE_68), {"points": REAL, "target": REAL}),
    align.align: (dict(image=PICTURE, landmarks=FACE_68, template=align.alignment_template(MODEL, LENS), camera=LENS),
                  {"landmarks": REAL, "template": REAL}),
    align.alignment_points: (dict(landmarks=FACE_68, template=align.alignment_template(MODEL, LENS)),
                             {"landmarks": REAL, "template": REAL}),
    align.warp_image: (dict(image=PICTURE, target_from_image=SIMILARITY, height=8, width=8), {"image": LAST}),
    align.paste_back: (dict(photo=PICTURE, picture=real(9, 9, 3), alpha=real(9, 9), crop_from_photo=SIMILARITY), {}),
    augment.augment: (dict(rng=np.random.default_rng(0), batch=BATCH), {"flags": REAL, "landmarks": REAL}),
    augment.mirrored: (dict(images=real(N, H, W, 3), landmarks=real(N, 68, 2), skin=real(N, H, W)), {}),
    augment.enlarged: (dict(factor=1.2, images=real(N, H, W, 3), landmarks=real(N, 68, 2), skin=real(N, H, W)), {}),
    augment.recolored: (dict(rng=np.random.default_rng(0), images=real(N, H, W, 3), config=augment.Augmentation()), {}),
    augment.covered: (dict(rng=np.random.default_rng(0), images=real(N, H, W, 3), skin=real(N, H, W), share=1.0), {}),
    supervised.without_motions: (dict(basis=real(4, V, 3), mean=POINTS[0]), {"basis": REAL, "mean": REAL}),
    images.to_uint8: (dict(image=PICTURE), {"image": RANK + LAST + REAL}),
    images.resize: (dict(image=PICTURE, height=5, width=5), {"image": LAST + REAL}),
    landmarks.check_landmarks: (dict(landmarks=FACE_68), {"landmarks": REAL}),
    landmarks.five_points: (dict(landmarks=real(68, 2)), {"landmarks": RANK + REAL}),
    landmarks.flip_landmarks: (dict(landmarks=real(68, 2), width=9), {"landmarks": RANK + REAL}),
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


NO_ARRAYS = {
    "face.camera.pixel_grid", "face.model_file.load_model", "face.model_file.save_model", "face.model_file.check_model",
    "learning.resnet.init_resnet", "learning.resnet.prepare_inference",
    "learning.optim.init_adam", "learning.optim.step_schedule", "learning.optim.cosine_schedule",
    "learning.optim.global_norm", "learning.optim.clip_by_norm", "learning.nn.update_running", "learning.weights.load_pretrained",
    "learning.weights.read_weights", "learning.weights.save_weights", "learning.weights.from_torch", "learning.weights.to_torch",
    "learning.pth.read_pth", "learning.supervised.modes",
    "data.align.alignment_template", "data.images.read_image", "data.images.write_image",
    "data.images.write_gif", "data.landmarks.read_landmarks", "data.landmarks.write_landmarks", "data.sensor.sample_sensor",
    "data.sensor.steps_of", "data.augment.sample_recoloring",
    "data.skin.table_of", "data.skin_fit.synthetic_colors", "data.skin_fit.separation", "data.skin_fit.main",
    "data.boxes.open_box", "data.boxes.whole_picture", "data.boxes.read_box", "data.finders.is_name", "data.finders.open_finder",
    "data.finders.face_alignment",
    "data.protocols.scan.replace_scale", "data.protocols.scan.with_global_scale", "data.protocols.scan.global_scale",
    "data.protocols.rendered.poses",
    "data.protocols.tables.published", "data.protocols.tables.table", "data.protocols.tables.cumulative",
    "data.protocols.tables.draw_cumulative", "data.protocols.tables.heat_map", "data.sample_photo.load", "files.atomic_write",
    "files.spare_folder",
}  # fmt: skip
"""Take names, settings, files or what another function of the package made; what they read from files is checked there."""

INNER = {
    "arrays": "the checks themselves, and moving arrays",
    "kernels": "bare arrays behind the doors above, for speed",
    "tape": "NumPy's own functions, with NumPy's own errors; value_and_grad is above",
    "face.raster.plain": "any array",
    "face.render.mask_of": "Fragments, which rasterize made",
    "learning.fused": "inside of resnet, which checks",
    "learning.objective.single_view_terms": "inside of total_loss, which checks",
    "learning.objective.multi_view_terms": "inside of total_loss, which checks",
    "learning.objective.shared_counts": "flags of a batch, which total_loss checks",
    "learning.objective.pair_up": "inside of total_loss, which checks",
    "data.builtin": "makes the built-in face, from its own numbers",
    "data.scenes": "makes synthetic faces, from its own numbers",
    "data.occluders": "makes synthetic faces",
    "data.hair": "makes synthetic faces",
    "data.portraits": "makes synthetic faces",
    "data.meshes": "makes synthetic faces",
    "data.backgrounds": "makes synthetic faces",
    "data.patterns": "makes synthetic faces",
    "data.benchmark": "makes synthetic faces",
    "data.illumination": "makes synthetic faces",
    "data.synthetic": "makes synthetic faces",
    "data.changes": "formulas on a batch that augment would check",
    "data.recipes": "draws synthetic faces, as numbers",
    "data.sheet": "writes backgrounds down",
    "data.studio": "takes the pictures of recipes",
    "data.exposure": "takes the pictures of recipes",
    "data.formats": "reads files, and checks what it read: tests/data/formats",
    "data.sources": "reads files, and checks what it read: tests/data/sources",
    "data.dataset": "reads files",
    "data.dataset_format": "reads and writes files",
    "data.dataset_writer": "writes files",
    "data.preparation": "from files to files",
    "data.cache": "files",
}
"""Room, file or function -> why it needs no door of its own."""


def spoiled(array, leaves):
    """Arrays that do not fit, each with what is wrong with it."""
    if RANK not in leaves:
        yield "an axis more", array[None]
        yield "an axis less", array[0]
    if LAST not in leaves:
        yield "a longer last axis", np.concatenate([array, array[..., -1:]], axis=-1)
    yield "text", np.full(array.shape, "1.5")
    yield "complex", array.astype(complex)
    if array.dtype.kind == "f" and REAL not in leaves:
        yield "whole", array.astype(np.int64)
    if array.dtype.kind in "iu" and REAL not in leaves:
        yield "real", array.astype(float)


def broken_calls(arguments, leaves):
    """(what is wrong, name, arguments): one array at a time; arrays in dicts, and in poses, are taken one by one."""
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            for what, array in spoiled(value, leaves.get(name, "")):
                yield f"{name}: {what}", name, {**arguments, name: array}
        elif isinstance(value, dict) and leaves.get(name, "") is not None:
            for key, inner in value.items():
                for what, array in spoiled(inner, leaves.get(name, "") + leaves.get(key, "")):
                    yield f"{name}[{key}]: {what}", key, {**arguments, name: {**value, key: array}}
        elif type(value) is tuple and name not in ("main", "running"):
            for place in range(len(value)):
                for what, array in spoiled(value[place], ""):
                    yield f"{name}[{place}]: {what}", name, {**arguments, name: (*value[:place], array, *value[place + 1 :])}
            yield f"{name}: one array", name, {**arguments, name: value[0]}


def title(function):
    return f"{function.__module__.removeprefix('mgcbook.')}.{function.__qualname__}"


def not_refused(call, arguments, leaves):
    """Every spoiled call that passes, or whose error does not name the argument and what was expected; call(dict)."""
    wrong = []
    for what, name, broken in broken_calls(arguments, leaves):
        try:
            call(dict(broken))
            wrong.append(f"{what}: accepted")
        except (ValueError, TypeError) as error:
            if name not in str(error) or "expected" not in str(error):
                wrong.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__}: {str(error)[:150]}")
    return wrong


@pytest.mark.parametrize("function", DOORS, ids=title)
def test_what_does_not_fit_is_refused_by_name(function):
    arguments, leaves = DOORS[function]
    call = lambda given: function(given.pop("self"), **given) if "self" in given else function(**given)
    with contextlib.suppress(DataError) if function is detect.find_face else contextlib.nullcontext():
        call(dict(arguments))
    wrong = not_refused(call, arguments, leaves)
    assert not wrong, "\n" + "\n".join(wrong)




def public_functions():
    """Dotted names of the public functions of the floors below the programs."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] in ("programs", "book", "cli", "__main__", "notebooks"):
            continue
        module = ".".join(parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield f"{module}.{node.name}"


def test_every_public_function_has_a_door():
    known = {title(function) for function in DOORS} | NO_ARRAYS
    inner = [name for name in public_functions() if any(f"{name}.".startswith(f"{room}.") for room in INNER)]
    assert sorted(set(public_functions()) - known - set(inner)) == []
    assert sorted(NO_ARRAYS - set(public_functions())) == [], "gone"

"""Every public function refuses what does not fit, at its door and by the name of the argument.

`DOORS` holds a call that works for each public function of face and learning; those of data are in data/test_data_doors.py. Each
of its arrays is then replaced by one with an axis too many or too few, with a longer last axis, and by text, complex numbers,
whole numbers for real ones and real ones for whole ones. What a function leaves open stands beside it. A public function that is
in no list fails the last test.
"""

import ast
from pathlib import Path

import numpy as np
import pytest

from mgcbook.face import antialias, camera, covisible, light, morphable, normals, raster, render, sampling, warp
from mgcbook.learning import coefficients, losses, metrics, nn, objective, optim, resnet, supervised
from mgcbook.learning.decoder import Decoder
from mgcbook.tape import value_and_grad
from tests.data.test_data_doors import DOORS as DATA_DOORS
from tests.doors import (
    BATCH,
    DECODER,
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
    C,
    H,
    N,
    V,
    W,
    passes_and_is_refused,
    real,
    title,
)
from tests.toy import toy_coefficients

PACKAGE = Path(__file__).parents[1] / "mgcbook"
LAYOUT = DECODER.layout
MASK = (real(B, H, W) > 0.5).astype(np.float32)
SEEN = real(B, V) > 0.3
ROWS = toy_coefficients(np.random.default_rng(0), LAYOUT, B, N).astype(np.float32)
PARTS = LAYOUT.split(ROWS[:, 0])
NET, STATE = resnet.init_resnet(np.random.default_rng(0), depth=10, outputs=4, width=4)
SIDES = {"rotation": real(B, 3), "translation": real(B, 3)}

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
    Decoder.__call__: (dict(self=DECODER, coefficients=ROWS[:, 0]), {}),
    Decoder.pose: (dict(self=DECODER, parts=SIDES), {}),
    Decoder.translation_part: (dict(self=DECODER, pose=POSE), {}),
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
    supervised.without_motions: (dict(basis=real(4, V, 3), mean=POINTS[0]), {"basis": REAL, "mean": REAL}),
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


@pytest.mark.parametrize("function", DOORS, ids=title)
def test_what_does_not_fit_is_refused_by_name(function):
    passes_and_is_refused(function, *DOORS[function])


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
    known = {title(function) for function in DOORS | DATA_DOORS} | NO_ARRAYS
    inner = [name for name in public_functions() if any(f"{name}.".startswith(f"{room}.") for room in INNER)]
    assert sorted(set(public_functions()) - known - set(inner)) == []
    assert sorted(NO_ARRAYS - set(public_functions())) == [], "gone"

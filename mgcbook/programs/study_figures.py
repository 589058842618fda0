"""Figures 3, 4, 6 and 7b of the paper, drawn again from the numbers of the study.

The pictures need no network: the coefficients that the networks found for some faces are among the numbers, and the faces
themselves are made again from their seed.
"""

import io

import numpy as np

from mgcbook.data import builtin
from mgcbook.data.benchmark import benchmark_faces
from mgcbook.data.images import to_uint8, write_image
from mgcbook.face.camera import PAPER_CAMERA, compose, fundamental, invert, transform
from mgcbook.face.render import composite, render
from mgcbook.face.sampling import bilinear_sample
from mgcbook.face.warp import correspond
from mgcbook.files import atomic_write
from mgcbook.learning.objective import pair_up
from mgcbook.programs.canvas import colormap, draw_landmarks, scale_bar, sheet
from mgcbook.programs.config import from_dict
from mgcbook.programs.learner import Learner
from mgcbook.programs.study_settings import BASELINE, FULL

CELL = 160
"""Width of one picture of a figure, in pixels."""
EAR, CHIN, NOSE = 0, 8, 30
"""Landmarks of Fig. 4: the bound of an ear, the lower jaw, the tip of the nose."""
COLORS = {EAR: (213, 94, 0), CHIN: (0, 158, 115), NOSE: (0, 114, 178)}
CAPTIONS = {
    "figure-3": "Fig. 3 again: the target put together from a source, all of the face or only what both cameras see, and the "
                "errors",
    "figure-4": "Fig. 4 again: epipolar lines of three landmarks, by the poses that 2D losses and all losses found",
    "figure-6": "Fig. 6 again: made-up faces, and what 2D losses and all losses make of them, beside the true shape",
    "figure-7b": "Fig. 7b again: error of the shape against the yaw, 2D losses and all losses, mean and deviation over seeds",
}  # fmt: skip
"""Name of a figure's file -> what it shows."""
YAW_EDGES = np.arange(-85, 90, 10)
FEWEST = 3
"""Pictures of a yaw bin that are enough for a point of Fig. 7b."""


def write_figures(results, folder):
    """Draw what the results allow into a folder; -> list of paths."""
    if "ablation" not in results:
        return []
    content, paths = results["ablation"], []
    examples = Examples(content)
    for name, draw in {"figure-3": synthesis, "figure-4": epipolar_lines, "figure-6": comparison}.items():
        if examples.faces:
            paths.append(folder / f"{name}.png")
            write_image(paths[-1], draw(examples))
    if {BASELINE, FULL} <= {run["row"] for run in content["runs"]}:
        paths.append(folder / "figure-7b.png")
        _save(paths[-1], error_by_yaw(content))
    return paths


class Examples:
    """Some faces, and what the networks of two rows made of them.

    Args:
        content: the numbers of an ablation.
    """

    def __init__(self, content):
        known = {row: sets for row, sets in content["examples"].items() if row in (BASELINE, FULL)}
        self.faces = []
        """(item, {row: coefficients (N, K)}) of each face."""
        if set(known) != {BASELINE, FULL}:
            return
        config = from_dict(next(run["config"] for run in content["runs"] if run["row"] == FULL))
        self.decoder = Learner(config).decoder
        generator = builtin.load_generator(config.face)
        for name, items in known[FULL].items():
            made = benchmark_faces(name, config.image_size, generator)
            for index in items:
                rows = {row: np.array(sets[name][index], np.float32) for row, sets in known.items()}
                self.faces.append((made.item(int(index)), rows))


def synthesis(examples):
    """Fig. 3: the target put together from a source with and without the covisible map, and its error; a row for each face."""
    rows, titles = [], ["target", "source", "all of the face", "covisible only", "error, all", "error, covisible"]
    for item, found in examples.faces:
        view = examples.decoder(found[FULL])
        images = item["images"][None]
        pairs = pair_up(view, images, examples.decoder)
        seen = correspond(pairs.target_depth, pairs.source_from_target, examples.decoder.camera)
        made = bilinear_sample(pairs.source_image, seen.uv)
        widest = int(np.argmin(pairs.covisible.sum(axis=(1, 2)) / np.maximum((pairs.target_depth > 0).sum(axis=(1, 2)), 1)))
        masks = [np.asarray(mask[widest])[..., None] for mask in (seen.valid, seen.valid * pairs.covisible)]
        away = np.linalg.norm(made[widest] - pairs.target_image[widest], axis=-1)
        shown = [made[widest] * mask + 0.85 * (1 - mask) for mask in masks]
        errors = [colormap(away / 0.6) * mask + 0.85 * (1 - mask) for mask in masks]
        rows += [pairs.target_image[widest], pairs.source_image[widest], *shown, *errors]
    picture = sheet([_enlarged(cell) for cell in rows], [*titles, *[""] * (len(rows) - len(titles))], columns=6)
    bar = scale_bar("error 0", "0.6 and more", width=2 * CELL)
    return np.concatenate([picture, np.pad(bar, ((0, 8), (8, picture.shape[1] - bar.shape[1] - 8), (0, 0)), constant_values=255)])


def epipolar_lines(examples):
    """Fig. 4: epipolar lines of three true landmarks by the poses that were found, 2D losses only and all losses."""
    cells, camera = [], examples.decoder.camera
    for item, found in examples.faces:
        cells.append(_marked(item["images"][0], item["landmarks"][0]))
        for row in (BASELINE, FULL):
            view = examples.decoder(found[row])
            matrix = fundamental(_relative(view), camera)[0]
            cells.append(_with_lines(item["images"][1], item["landmarks"], matrix))
    titles = ["target", "source, 2D losses", "source, all losses"]
    return sheet(cells, [*titles, *[""] * (len(cells) - 3)], columns=3)


def comparison(examples):
    """Fig. 6: photograph, what 2D losses and all losses make of it as shapes, and the true shape, seen in the found pose."""
    cells, titles = [], ["photograph", "2D: overlay", "2D: shape", "all: overlay", "all: shape", "true shape"]
    for item, found in examples.faces:
        photo = item["images"][0]
        cells.append(_enlarged(photo))
        for row in (BASELINE, FULL):
            view = examples.decoder(found[row][:1])
            cells.append(_enlarged(composite(view.image, view.mask, photo[None])[0]))
            cells.append(_clay(view.vertices, view.camera_from_model, examples.decoder))
        truth = item["truth"]
        pose = tuple(part[:1] for part in truth["camera_from_model"])
        cells.append(_clay(truth["vertices"][None], pose, examples.decoder))
    return sheet(cells, [*titles, *[""] * (len(cells) - 6)], columns=6)


def error_by_yaw(content):
    """Fig. 7b: point-to-plane error against the yaw of the picture, mean and standard deviation over seeds; -> Figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    panel = figure.subplots()
    plot_by_yaw(panel, content)
    panel.grid(alpha=0.3)
    panel.legend()
    return figure


def plot_by_yaw(panel, content, colors=("tab:orange", "tab:blue", "0.6")):
    """The curves of Fig. 7b into a panel of matplotlib; colors: of 2D losses, of all losses, of the mean face."""
    middles = (YAW_EDGES[1:] + YAW_EDGES[:-1]) / 2
    panel.plot(middles, _by_yaw(content["mean_face"], content), color=colors[2], linestyle="--", label="mean face")
    for row, color in zip((BASELINE, FULL), colors, strict=False):
        curves = np.array([_by_yaw(run["sets"], content) for run in content["runs"] if run["row"] == row])
        spread = curves.std(axis=0, ddof=1) if len(curves) > 1 else None
        panel.errorbar(middles, curves.mean(axis=0), yerr=spread, color=color, marker="o", markersize=3, capsize=2, label=row)
    panel.set(xlabel="yaw, degrees", ylabel="point to plane, mm")


def _by_yaw(sets, content):
    """Mean error within each bin of yaw, all test sets together, NaN where there are few pictures; -> (bins,)."""
    yaw = np.concatenate([content["mean_face"][name]["pictures"]["yaw_degrees"] for name in sets])
    errors = np.concatenate([np.array(entry["pictures"]["plane_mm"], float) for entry in sets.values()])
    place = np.digitize(yaw, YAW_EDGES) - 1
    inside = [errors[(place == i) & np.isfinite(errors)] for i in range(len(YAW_EDGES) - 1)]
    return np.array([values.mean() if len(values) >= FEWEST else np.nan for values in inside])


def _relative(view):
    rotation, translation = view.camera_from_model
    return compose((rotation[1:2], translation[1:2]), invert((rotation[:1], translation[:1])))


def _enlarged(picture):
    """A picture CELL pixels wide, without smoothing; -> uint8."""
    picture = to_uint8(np.clip(picture, 0, 1))
    index = np.arange(CELL) * picture.shape[0] // CELL
    return picture[index][:, index]


def _marked(photo, landmarks):
    picture, scale = _enlarged(photo), CELL / photo.shape[0]
    for landmark, color in COLORS.items():
        picture = draw_landmarks(picture, scale * landmarks[landmark][None], color=color, radius=4)
    return picture


def _with_lines(photo, landmarks, matrix):
    """The source with its own landmarks and the epipolar lines of the target's."""
    from PIL import Image, ImageDraw

    scale = CELL / photo.shape[0]
    image = Image.fromarray(_marked(photo, landmarks[1]))
    pen = ImageDraw.Draw(image)
    for landmark, color in COLORS.items():
        a, b, c = matrix @ np.append(landmarks[0, landmark].astype(float), 1.0)
        along, start = np.array([-b, a]), -c * np.array([a, b]) / (a * a + b * b)
        along = along / np.linalg.norm(along) * 3 * photo.shape[0]
        pen.line([tuple(scale * (start - along)), tuple(scale * (start + along))], fill=color, width=2)
    return np.asarray(image)


def _clay(vertices, pose, decoder):
    """A shape alone in a pose, grey, with light from the front; -> uint8 (CELL, CELL, 3)."""
    model, camera = decoder.model, PAPER_CAMERA.resized(CELL, CELL)
    normals = model.vertex_normals(np.asarray(vertices, np.float32))
    towards = np.clip(-(normals @ np.swapaxes(pose[0], -1, -2))[..., 2:], 0, 1)
    colors = np.repeat(0.25 + 0.6 * towards, 3, axis=-1).astype(np.float32)
    drawn = render(transform(*pose, np.asarray(vertices, np.float32)).astype(np.float32), model.triangles, colors, camera)
    return to_uint8(drawn.image[0] + (1 - drawn.mask[0][..., None]))


def _save(path, figure):
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    with atomic_write(path) as file:
        file.write(picture.getvalue())

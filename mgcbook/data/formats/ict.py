"""ICT-FaceKit (USC ICT, MIT licence): one .obj for each mode, in cm; the open model that mgcbook recommends.

    FaceXModel/generic_neutral_mesh.obj   identity000.obj ... identity099.obj   jawOpen.obj, eyeBlink_L.obj, ... (53)

The face is the first 9409 vertices of a whole head. Every identity .obj is the mean plus one standard deviation of a mode, every
expression .obj the mean plus an action at full strength. The modes are neither orthogonal nor sorted; both is mended here without
changing the distribution of faces: identities with weights from N(0, 1) are the same as with the new modes.

Source: README of github.com/ICT-VGL/ICT-FaceKit (face area, landmarks, names of the actions and their FACS units).
"""

import re
import zipfile

import numpy as np

from mgcbook.data.formats.parts import Parts, blend_modes, landmark_dict, triangle_list
from mgcbook.data.formats.safe_npy import read_npz
from mgcbook.data.formats.safe_text import read_obj, read_obj_points
from mgcbook.errors import DataError

FACE = 9409
"""Vertices 0 to 9408: the whole face with ears, scalp and neck."""
NARROW = 6706
"""Vertices before this one are the face without ears, scalp and neck."""
MM = 10.0

LANDMARKS = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914, 2044,
    1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511,
    3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533,
    6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
"""The 68 landmarks of its README."""

SPREAD = 0.35
"""Standard deviation of an action's strength, as in the built-in face [own]."""

ACTIONS = {
    "browDown": "brow_lower", "browInnerUp": "brow_raise_inner", "browOuterUp": "brow_raise_outer", "cheekPuff": "cheek_puff",
    "cheekSquint": "cheek_raise", "eyeBlink": "blink", "eyeLookDown": "look_down", "eyeLookIn": "look_in",
    "eyeLookOut": "look_out", "eyeLookUp": "look_up", "eyeSquint": "squint", "eyeWide": "eye_wide", "jawForward": "jaw_forward",
    "jawLeft": "jaw_leftward", "jawOpen": "jaw_open", "jawRight": "jaw_rightward", "mouthClose": "mouth_close",
    "mouthDimple": "dimple", "mouthFrown": "frown", "mouthFunnel": "funnel", "mouthLeft": "mouth_leftward",
    "mouthLowerDown": "lower_lip_drop", "mouthPress": "lips_press", "mouthPucker": "pucker", "mouthRight": "mouth_rightward",
    "mouthRollLower": "lower_lip_roll", "mouthRollUpper": "upper_lip_roll", "mouthShrugLower": "chin_raise",
    "mouthShrugUpper": "upper_lip_shrug", "mouthSmile": "smile", "mouthStretch": "mouth_stretch",
    "mouthUpperUp": "upper_lip_raise", "noseSneer": "nose_wrinkle",
}  # fmt: skip
"""Its names -> those of the built-in face. _L and _R become _left and _right."""

_NEUTRAL = ("generic_neutral_mesh.obj", "FaceXModel/generic_neutral_mesh.obj")
_MOST_FILES = 400


def read(source, ranks):
    """Parts of the model from a clone of ICT-FaceKit, its folder FaceXModel, or a packed .npz of it; Source, Ranks -> Parts.

    Raises:
        DataError: if files are missing or broken, or have different vertices.
    """
    if source.path.is_file() and zipfile.is_zipfile(source.path):
        mean, identity, names, expression, triangles = _read_packed(source.path)
    elif source.path.is_file() and source.path.suffix != ".obj":
        raise DataError(f"{source.path}: expected the folder of a clone of ICT-FaceKit, or a packed .npz of it")
    else:
        mean, identity, names, expression, triangles = _read_clone(source)
    identity, _ = blend_modes(identity, range(len(identity)), spread=1.0)
    expression, units = blend_modes(expression, [action_name(name) for name in names], spread=SPREAD)
    count = min(ranks.expression or len(expression), len(expression))
    if count < len(expression):
        units = {}  # fewer modes do not reach every action exactly
    return Parts(
        mean,
        identity[: ranks.identity],
        expression[:count],
        triangle_list(triangles, len(mean), "ICT-FaceKit: triangles", first=0),
        name="ICT-FaceKit",
        license="MIT, (c) 2020 USC Institute for Creative Technologies",
        landmarks=landmark_dict(LANDMARKS, len(mean), "ICT-FaceKit: landmarks", first=0),
        units=with_both_sides(units),
        regions={"narrow_face": np.arange(len(mean)) < NARROW},
        notes=["face area only (vertices 0 to 9408): no eyeballs, teeth or tongue, the eyes are open"],
    )


def action_name(name):
    """eyeBlink_L -> blink_left; names that are not known keep their words: tongueOut -> tongue_out."""
    base, _, side = name.partition("_")
    words = ACTIONS.get(base) or re.sub(r"(?<=[a-z])([A-Z])", r"_\1", base).lower()
    return words + {"L": "_left", "R": "_right"}.get(side, "")


def with_both_sides(units):
    """Add to every pair of left and right actions their sum."""
    units = dict(units)
    for name in [name.removesuffix("_left") for name in units if name.endswith("_left")]:
        if f"{name}_right" in units and name not in units:
            units[name] = units[f"{name}_left"] + units[f"{name}_right"]
    return dict(sorted(units.items()))


def _read_clone(source):
    neutral = source.need(*_NEUTRAL, why="ICT-FaceKit; git clone https://github.com/ICT-VGL/ICT-FaceKit and name that folder")
    points, polygons = read_obj(neutral)
    if len(points) < FACE:
        raise DataError(f"{neutral}: expected at least the {FACE} vertices of the face, found {len(points)}")
    mean = points[:FACE] * MM
    folder = str(neutral.parent.relative_to(source.folder)) + "/"
    others = sorted(path.name for path in neutral.parent.glob("*.obj"))[:_MOST_FILES]
    identities = [name for name in others if re.fullmatch(r"identity\d{3}\.obj", name)]
    actions = [name for name in others if name.partition(".")[0].partition("_")[0] in ACTIONS]
    if not identities or not actions:
        raise DataError(f"{neutral.parent}: expected identity000.obj ... and jawOpen.obj ..., found {len(identities)} and "
                        f"{len(actions)} of them; is the clone complete?")  # fmt: skip
    difference = lambda name: _face(read_obj_points(source.need(folder + name)), len(points), name) * MM - mean
    identity, expression = ([difference(name).astype(np.float32) for name in names] for names in (identities, actions))
    quads = [polygon for polygon in polygons if max(polygon) < FACE]
    names = [name.removesuffix(".obj") for name in actions]
    return mean, np.stack(identity), names, np.stack(expression), _split(mean, quads)


def _face(points, expected, name):
    if len(points) != expected:
        raise DataError(f"{name}: expected the {expected} vertices of the neutral mesh, found {len(points)}")
    return points[:FACE]


def _split(points, polygons):
    """Triangles of polygons; a quad is cut along its shorter diagonal; -> (F, 3)."""
    quads = np.array([polygon for polygon in polygons if len(polygon) == 4], int).reshape(-1, 4)
    a, b, c, d = quads.T
    length = lambda one, other: np.linalg.norm(points[one] - points[other], axis=1)
    along_first = (length(a, c) <= length(b, d))[:, None]
    first = np.where(along_first, np.stack([a, b, c], 1), np.stack([a, b, d], 1))
    second = np.where(along_first, np.stack([a, c, d], 1), np.stack([b, c, d], 1))
    fans = [(polygon[0], polygon[i], polygon[i + 1])
            for polygon in polygons if len(polygon) != 4 for i in range(1, len(polygon) - 1)]  # fmt: skip
    return np.concatenate([np.stack([first, second], 1).reshape(-1, 3), np.array(fans, int).reshape(-1, 3)])


def _read_packed(path):
    """The same numbers out of one .npz: mean, id_basis, exp_basis in mm, exp_names, triangles."""
    wanted = {"mean": 2, "id_basis": 3, "exp_basis": 3, "exp_names": 1, "triangles": 2}
    arrays = read_npz(path, wanted)
    for name, axes in wanted.items():
        kind = "U" if name == "exp_names" else "fiu"
        if arrays[name].ndim != axes or arrays[name].dtype.kind not in kind:
            raise DataError(f"{path}: {name}: expected {axes} axes, found {arrays[name].dtype} {arrays[name].shape}")
    mean = arrays["mean"].astype(np.float64)
    identity, expression = (arrays[name].astype(np.float32) for name in ("id_basis", "exp_basis"))
    if not identity.shape[1:] == expression.shape[1:] == mean.shape or len(arrays["exp_names"]) != len(expression):
        raise DataError(f"{path}: expected bases of {mean.shape} and a name for each action, found {identity.shape}, "
                        f"{expression.shape}, {len(arrays['exp_names'])} names")  # fmt: skip
    return mean, identity, arrays["exp_names"].tolist(), expression, arrays["triangles"]

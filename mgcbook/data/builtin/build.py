"""Assemble the built-in face model from its steps."""

import numpy as np

from mgcbook.data.builtin import _first_bases
from mgcbook.face.morphable import FaceModel

NAMES = {"jawOpen": "jaw_open", "browInnerUp": "brow_raise_inner", "browOuterUp": "brow_raise_outer"}


def build(level, ranks=(80, 80, 64)):
    study = _first_bases.build({"light": 1, "full": 3}[level], *ranks)
    mean = study["V"]
    parts = {}
    for part, key in (("identity", "B_id"), ("expression", "B_ex"), ("albedo", "B_alb")):
        basis = study[key].astype(np.float64).reshape(len(study[key]), -1)
        deviation = np.sqrt((basis**2).sum(1) / len(mean))
        order = np.argsort(-deviation, kind="stable")
        parts[f"{part}_basis"] = (basis / deviation[:, None])[order].reshape(-1, *mean.shape).astype(np.float32)
        parts[f"{part}_deviation"] = deviation[order].astype(np.float32)
    return FaceModel(
        mean=mean.astype(np.float32),
        albedo_mean=study["albedo"].astype(np.float32),
        triangles=study["T"].astype(np.int32),
        landmark_vertices=study["landmarks"].astype(np.int32),
        mirror=_mirror(mean, study["low"]),
        regions=_regions(mean, study),
        units=_units(study, parts),
        name="mgcbook built-in face",
        license="MIT",
        **parts,
    )


def _mirror(mean, low):
    from scipy.spatial import cKDTree

    points = np.concatenate([mean, 5.0 * low[:, None]], axis=1)
    return cKDTree(points).query(points * [-1, 1, 1, 1])[1].astype(np.int32)


def _regions(mean, study):
    masks = _first_bases.AL.masks(*mean.T, study["row"], study["low"])
    regions = {"eyes": masks["eye"] > 0.5, "lips": masks["lips"] > 0.5, "brows": masks["brow"] > 0.5, "nostrils": masks["nostril"] > 0.5}
    regions["nose"] = (np.abs(mean[:, 0]) < 18) & (mean[:, 1] > -46) & (mean[:, 1] < 5) & (mean[:, 2] > 90)
    regions["mouth_inner"] = np.zeros(len(mean), bool)
    regions["skin"] = ~(regions["eyes"] | regions["lips"] | regions["brows"] | regions["nostrils"])
    regions["front"] = mean[:, 2] > 30
    return regions


def _units(study, parts):
    basis = (parts["expression_basis"] * parts["expression_deviation"][:, None, None]).reshape(80, -1).astype(np.float64)
    gram = basis @ basis.T
    target = study["exp_units"].reshape(len(study["exp_names"]), -1).astype(np.float64)
    solved = np.linalg.solve(gram, basis @ target.T).T.astype(np.float32)
    snake = lambda name: "".join("_" + c.lower() if c.isupper() else c for c in name)  # noqa: E731
    units = {}
    for name, coefficients in zip(study["exp_names"], solved, strict=True):
        stem, _, side = name.partition("_")
        units[NAMES.get(stem, snake(stem)) + {"": "", "L": "_left", "R": "_right"}[side]] = coefficients
    for stem in {name.removesuffix("_left") for name in units if name.endswith("_left")}:
        units[stem] = units[f"{stem}_left"] + units[f"{stem}_right"]
    units["brow_raise"] = units["brow_raise_inner"] + units["brow_raise_outer"]
    return dict(sorted(units.items()))

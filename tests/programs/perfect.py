"""Faces that a model can describe exactly, and a reconstruction that looks the answers up: no measure may find an error in it."""

import numpy as np

from mgcbook.data.scenes import SyntheticConfig
from mgcbook.data.synthetic import SyntheticFaces


def describable(model):
    """Faces made by the model itself, without bumps, with their truth; pictures of 32 pixels."""
    return SyntheticFaces(SyntheticConfig(size=32, supersample=1, single_share=0, detail=0), model)


def knows_all(faces, decoder, count):
    """predict(images) that knows the pictures of the first items, however they are batched; (B, H, W, 3) -> (B, C)."""
    known = {}
    for index in range(count):
        item = faces.item(index)
        truth = item["truth"]
        for view, image in enumerate(item["images"]):
            parts = {name: truth[name] for name in ("identity", "expression", "albedo", "light")}
            parts |= {name: truth[name][view] for name in ("rotation", "translation")}
            known[image.tobytes()] = decoder.layout.join(parts)
    return lambda images: np.stack([known[image.tobytes()] for image in images])

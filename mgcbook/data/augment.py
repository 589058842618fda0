"""More pictures from the same pictures: mirrored faces, other light, other cameras, other crops.

    batch = augment(rng, data.batch(indices), Augmentation())       # between data set and training step

All views of an item are changed in the same way, or their photographs would no longer show one face under one light. A mirror
turns the views of a moment into views of a moment: the mirrored face. Nothing is changed in place.
"""

from dataclasses import dataclass

import numpy as np

from mgcbook.arrays import check_array, check_shapes
from mgcbook.data.align import Similarity, warp_image
from mgcbook.data.landmarks import flip_landmarks
from mgcbook.errors import UsageError

STRONGEST = 5
"""Times the defaults; what is beyond shows no face any more."""


@dataclass(frozen=True)
class Augmentation:
    """How much pictures are changed; the defaults keep a face a face."""

    flip: float = 0.5
    """Part of the items that is mirrored."""
    brightness: float = 0.15
    """Largest change of log brightness."""
    contrast: float = 0.15
    """Largest change of log contrast, about the mean of the picture."""
    saturation: float = 0.2
    """Largest change of log colourfulness."""
    cast: float = 0.05
    """Largest change of the log of a channel: white balance."""
    gamma: float = 0.1
    """Largest change of the log of gamma."""
    noise: float = 0.01
    """Largest standard deviation of noise, different in every pixel and view."""
    grey: float = 0.02
    """Part of the items that loses all colour."""
    scale: float = 0.0
    """Pictures are enlarged by up to this part about their middle; MGCNet's switch for it, off there too, is 0.2."""
    cover: float = 0.0
    """Part of the pictures in which a rectangle is hidden, as by a hand or hair."""

    def __post_init__(self):
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise UsageError(f"augmentation: {name}: expected a number from 0 to 1, got {value}")

    def times(self, strength):
        """The same changes, weaker or stronger; the mirror stays as it is, because half a mirror is none. 0 to 5 -> Augmentation.

        Raises:
            UsageError: for another strength.
        """
        if not 0 <= strength <= STRONGEST:
            raise UsageError(f"augmentation: expected a strength from 0 to {STRONGEST}, got {strength}")
        return Augmentation(**{name: value if name == "flip" else strength * value for name, value in vars(self).items()})


SUPERVISED = Augmentation(flip=0.0, grey=0.15, cover=0.3)
"""Where coefficients are known: a mirrored face has others. Photographs are grey and hidden more often than made-up faces."""


def augment(rng, batch, config=Augmentation()):
    """A changed copy of a batch without truth: images (B, N, H, W, 3), landmarks (B, N, 68, 2), skin (B, N, H, W), flags.

    Args:
        rng: a generator, or a list of one for each item: then no item depends on those before it.
    Raises:
        UsageError: for a batch with truth, which would no longer be true.
    """
    if batch.get("truth"):
        raise UsageError("augment: this batch has truth, which changed pictures would contradict; open the data with truth=False")
    if "known" in batch and config.flip:
        raise UsageError("augment: coefficients are known of these faces, which a mirror would change; set flip to 0")
    letters = {}
    for name, pattern in (("images", "B N H W 3"), ("landmarks", "B N L 2"), ("skin", "B N H W"), ("flags", "number B")):
        check_array("augment", f"batch[{name!r}]", batch[name], pattern, letters)
    changed = {name: np.array(batch[name]) for name in batch if name != "truth"}
    generators = rng if isinstance(rng, list) else [rng] * len(changed["images"])
    for i, rng in enumerate(generators):
        views = changed["images"][i], changed["landmarks"][i], changed["skin"][i]
        if rng.random() < config.flip:
            views = mirrored(*views)
        if config.scale > 0:
            views = enlarged(1 + rng.uniform(0, config.scale), *views)
        images, changed["landmarks"][i], changed["skin"][i] = views
        changed["images"][i] = recolored(rng, images, config)
        if config.cover > 0:
            changed["images"][i], changed["skin"][i] = covered(rng, changed["images"][i], changed["skin"][i], config.cover)
    return changed


@check_shapes(images="N H W 3", landmarks="N L 2", skin="N H W")
def mirrored(images, landmarks, skin):
    """Left and right exchanged; (N, H, W, 3), (N, 68, 2), (N, H, W) -> the same. Landmarks change their names."""
    flipped = flip_landmarks(np.asarray(landmarks), images.shape[2])
    return images[:, :, ::-1].copy(), flipped.astype(landmarks.dtype), skin[:, :, ::-1].copy()


@check_shapes(images="N H W 3", landmarks="N L 2", skin="N H W")
def enlarged(factor, images, landmarks, skin):
    """Pictures enlarged about their middle, what falls outside is cut off; factor >= 1."""
    height, width = images.shape[1:3]
    middle = np.array([width / 2, height / 2])
    target_from_image = Similarity(np.eye(2) * factor, (1 - factor) * middle)
    larger = [warp_image(np.concatenate([image, mask[..., None]], axis=-1), target_from_image, height, width)[0]
              for image, mask in zip(images, skin, strict=True)]  # fmt: skip
    larger = np.stack(larger).astype(images.dtype)
    return larger[..., :3], target_from_image.apply(landmarks).astype(landmarks.dtype), larger[..., 3]


@check_shapes(images="N H W 3", skin="N H W")
def covered(rng, images, skin, share):
    """In a share of the views a rectangle of a fifth to a half of the width shows what another place of an item's views shows."""
    count, height, width = skin.shape
    images, skin = images.copy(), skin.copy()
    source = images.copy()
    for i in range(count):
        if rng.random() >= share:
            continue
        h, w = (rng.uniform(0.2, 0.5, 2) * (height, width)).astype(int)
        (to_row, from_row), (to_column, from_column) = rng.integers(0, height - h, 2), rng.integers(0, width - w, 2)
        patch = source[rng.integers(count), from_row : from_row + h, from_column : from_column + w]
        images[i, to_row : to_row + h, to_column : to_column + w] = patch
        skin[i, to_row : to_row + h, to_column : to_column + w] = 0
    return images, skin


def sample_recoloring(rng, config):
    """Factors of brightness, contrast and saturation, of red, green and blue (3,), gamma, and the strength of noise."""
    draw = lambda largest, size=None: np.exp(rng.uniform(-largest, largest, size))
    brightness, contrast, saturation, cast, gamma = (
        draw(config.brightness), draw(config.contrast), draw(config.saturation), draw(config.cast, 3), draw(config.gamma)
    )  # fmt: skip
    saturation = 0.0 if rng.random() < config.grey else saturation
    return brightness, contrast, saturation, cast, gamma, rng.uniform(0, config.noise)


@check_shapes(images="N H W 3")
def recolored(rng, images, config):
    """Other light and another camera, the same for all views; (N, H, W, 3) -> (N, H, W, 3) in [0, 1]."""
    brightness, contrast, saturation, cast, gamma, noise = sample_recoloring(rng, config)
    colors = np.clip(images, 0, 1) ** np.float32(gamma)
    mean = colors.mean(axis=(1, 2, 3), keepdims=True)
    colors = (mean + (colors - mean) * np.float32(contrast)) * (brightness * cast).astype(np.float32)
    grey = colors @ np.array([0.299, 0.587, 0.114], np.float32)
    colors = grey[..., None] + (colors - grey[..., None]) * np.float32(saturation)
    if noise > 0:
        colors = colors + np.float32(noise) * rng.standard_normal(images.shape, dtype=np.float32)
    return np.clip(colors, 0, 1).astype(images.dtype)

"""Which skin the made-up faces have: their share in each class of the individual typology angle.

    angle = atan((L* - 50) / b*), of the colour in CIELAB

The colours are those of the paint, before light falls on it. The study notes them beside what it measures, because a network that
has hardly seen a skin cannot be trusted with it.
"""

import numpy as np

from mgcbook.data import builtin

TONES = {"very light": 55, "light": 41, "intermediate": 28, "tan": 10, "brown": -30, "dark": -90}
"""Class -> smallest angle in degrees. Source: Chardon, Cretois, Hourseau, Skin colour typology and suntanning pathways,
International Journal of Cosmetic Science 13, 1991; the last one: Del Bino, Bernerd, Variations in skin colour and the biological
consequences of ultraviolet radiation exposure, British Journal of Dermatology 169, 2013."""
DRAWN = 1000
"""Faces that are looked at."""


def skin_tones(count=DRAWN):
    """Share of each class among faces of the generator, by the middle colour of their cheeks; -> {"faces", "shares"}."""
    generator = builtin.load_generator("light")
    drawn = generator.sample(np.random.default_rng(0), count)
    angles = typology_angle(np.median(generator.albedo(drawn["albedo"])[:, generator.regions["cheeks"]], axis=1))
    classes = np.array(list(TONES))[np.sum(angles[:, None] < list(TONES.values())[:-1], axis=1)]
    return {"faces": count, "shares": {name: float(np.mean(classes == name)) for name in TONES}}


def typology_angle(colors):
    """Individual typology angle in degrees of colours; (..., 3) in [0, 1], sRGB -> (...,)."""
    from skimage.color import rgb2lab

    lab = rgb2lab(colors)
    return np.degrees(np.arctan2(lab[..., 0] - 50.0, lab[..., 2]))

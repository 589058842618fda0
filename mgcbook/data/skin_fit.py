"""The colours of skin fitted again: two mixtures of 16 Gaussians from pictures whose skin is known.

    python -m mgcbook.data.skin_fit          # fits those of skin_colors_refitted.json and says how well they tell skin apart

Data: FACES synthetic portraits (mgcbook.data.synthetic, SEED), PIXELS colours of bare skin and as many of everything else: hair,
cloth, backgrounds. The same seed gives the same mixtures. `fit_mixtures` takes any colours, so yours can be fitted as well.
"""

import inspect
import json
from pathlib import Path

import numpy as np

from mgcbook.arrays import check_shapes
from mgcbook.data.skin import COMPONENTS, MIXTURES, table_of
from mgcbook.errors import DataError
from mgcbook.files import atomic_write

SEED = 20_201_105
FACES, PIXELS, SIZE = 150, 40_000, 64
"""How many portraits, colours of each kind, and pixels along the side of a portrait."""
ROUNDS = 60
LEAST_VARIANCE = 9.0
"""Of 0 to 255, squared: narrower Gaussians would learn single shades."""
BARE, NONE = 0.95, 0.02
"""Skin weight from which a pixel counts as skin, and up to which as anything else."""


@check_shapes(skin="number P 3", other="number Q 3")
def fit_mixtures(rng, skin, other, components=COMPONENTS):
    """Both mixtures of `mgcbook.data.skin` by expectation maximisation; (P, 3), (Q, 3) RGB in [0, 1] -> table as in the JSON.

    Args:
        components: Gaussians of each mixture.
    Raises:
        DataError: if there are fewer than 50 colours for each Gaussian.
    """
    return {name: _expectation_maximisation(rng, 255 * np.asarray(colors, np.float64), name, components).tolist()
            for name, colors in (("skin", skin), ("other", other))}  # fmt: skip


def _expectation_maximisation(rng, colors, name, components):
    """Weights, means and variances of diagonal Gaussians; (P, 3) in 0 to 255 -> (K, 7), the heaviest first."""
    from scipy.cluster.vq import kmeans2

    if len(colors) < 50 * components or not np.isfinite(colors).all():
        raise DataError(f"skin: expected at least {50 * components} finite colours of {name}, got {len(colors)}")
    name_of_rng = "rng" if "rng" in inspect.signature(kmeans2).parameters else "seed"  # before SciPy 1.15
    means, label = kmeans2(colors, components, minit="++", **{name_of_rng: rng})
    chance = np.eye(components)[label]
    for _ in range(ROUNDS):
        total = chance.sum(axis=0) + 1e-9
        means = chance.T @ colors / total[:, None]
        variance = np.maximum(chance.T @ colors**2 / total[:, None] - means**2, LEAST_VARIANCE)
        away = (colors[:, None] - means) ** 2 / variance
        logs = np.log(total / total.sum()) - 0.5 * np.sum(away + np.log(2 * np.pi * variance), axis=-1)
        chance = np.exp(logs - logs.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
    order = np.argsort(-total)
    table = np.concatenate([(total / total.sum())[:, None], means, variance], axis=1)[order]
    return np.round(table, 4)


def synthetic_colors(rng, faces, count=FACES, pixels=PIXELS):
    """Colours of skin and of everything else in synthetic portraits; -> (pixels, 3), (pixels, 3) in [0, 1].

    Args:
        faces: a SyntheticFaces without truth.
        count: portraits; the first view of each.
    """
    skin, other = [], []
    for number in range(count):
        item = faces.item(number)
        image, weight = item["images"][0], item["skin"][0]
        skin.append(image[weight >= BARE])
        other.append(image[weight <= NONE])
    return tuple(one[rng.choice(len(one), min(pixels, len(one)), replace=False)] for one in map(np.concatenate, (skin, other)))


def separation(skin, other, mixture, prior=0.5):
    """How well a mixture tells colours apart; (P, 3), (Q, 3) in [0, 1] -> part of skin found, part of the rest taken for skin."""
    from mgcbook.data.skin import skin_probability

    return tuple(float(np.mean(skin_probability(colors, prior=prior, mixture=mixture) > 0.5)) for colors in (skin, other))


def main():
    """Fit, write the JSON beside this file, print how well both mixtures do on held-out portraits."""
    from mgcbook.data.scenes import SyntheticConfig
    from mgcbook.data.synthetic import SyntheticFaces, held_out

    rng = np.random.default_rng(SEED)
    faces = SyntheticFaces(SyntheticConfig(seed=SEED, size=SIZE, views=1), truth=False)
    table = fit_mixtures(rng, *synthetic_colors(rng, faces))
    source = f"fitted by python -m mgcbook.data.skin_fit to {FACES} synthetic portraits, seed {SEED}"
    head = json.dumps({"source": source, "columns": json.loads(table_of("jones-rehg"))["columns"]})[:-1]
    rows = ",\n".join(f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in table[name]) + "\n]" for name in table)
    with atomic_write(Path(__file__).with_name(MIXTURES["refitted"])) as file:
        file.write(f"{head},\n{rows}\n}}\n".encode())
    test = synthetic_colors(rng, held_out(size=SIZE, views=1), count=60)
    for mixture in MIXTURES:
        found, wrong = separation(*test, mixture)
        print(f"{mixture}: {100 * found:.1f} % of skin found, {100 * wrong:.1f} % of the rest taken for skin, held-out portraits")


if __name__ == "__main__":
    main()

"""A network of 30 weights and pictures of 16 pixels: everything that training does, in a millisecond a step."""

from dataclasses import replace

import numpy as np

from mgcbook.programs import checkpoint
from mgcbook.programs.config import TrainConfig, to_dict
from mgcbook.programs.learner import Learner
from mgcbook.programs.pack import pack
from mgcbook.programs.running import CHECKPOINTS

SMALL = TrainConfig(
    steps=12,
    batch=2,
    image_size=4,
    learning_rate=0.05,
    report_every=1,
    snapshot_every=0,
    checkpoint_every=4,
    seed=3,
)


def small(**settings):
    return replace(SMALL, **settings)


def packed(path, config):
    """Write the first weights of a network, which sees the mean face everywhere, as a packed file."""
    learner, run = Learner(config), path.parent / f"{path.stem}-run"
    params, batch_norm = Learner(replace(config, pretrained="")).start()
    state = checkpoint.TrainingState(5, params, {"count": 5}, batch_norm, {})
    checkpoint.save(run / CHECKPOINTS, state, config=to_dict(config), model=learner.model)
    pack(run, path)
    return path


class ToyData:
    """An endless collection, or one of `length` items; `broken` names the items that hold a NaN."""

    def __init__(self, broken=()):
        self.broken = broken
        self.asked = []

    def batch(self, indices):
        self.asked.append(list(indices))
        images = np.stack([np.random.default_rng(index).random((3, 4, 4, 3), np.float32) for index in indices])
        for place, index in enumerate(indices):
            if index in self.broken:
                images[place, 1, 2, 3] = np.nan
        count = len(images)
        return {
            "images": images,
            "landmarks": np.zeros((count, 3, 68, 2), np.float32),
            "skin": np.ones((count, 3, 4, 4), np.float32),
            "flags": np.full(count, 2),
            "truth": {},
        }


class FiniteToyData(ToyData):
    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.length = length

    def __len__(self):
        return self.length


class ToyLearner:
    """Learns to say how bright the rows of a picture are. `root` makes a slope that is infinite at the start."""

    def __init__(self, config=SMALL, root=False, device="cpu", comm=None):
        self.config, self.root = config, root
        self.model = {"network": "toy", "width": 3, "outputs": 2}

    def start(self):
        rng = np.random.default_rng(self.config.seed)
        return {"fc.weight": rng.normal(size=(48, 2)).astype(np.float32), "fc.bias": np.zeros(2, np.float32)}, {
            "mean": np.zeros(3)
        }

    def loss(self, params, batch_norm, batch):
        images = batch["images"]
        rows = np.matmul(np.reshape(images, (-1, 48)), params["fc.weight"]) + params["fc.bias"]
        truth = np.mean(images, axis=(3, 4))[..., :2].reshape(-1, 2)
        pixel = np.mean((rows - truth) ** 2)
        landmark = np.mean(params["fc.bias"] ** 2)
        total = pixel + 0.1 * landmark
        if self.root:
            total = total + np.sqrt(np.sum(params["fc.bias"] ** 2))
        return total, (
            {"total": total, "pixel": pixel, "landmark": landmark},
            rows,
            {"mean": batch_norm["mean"] * 0.9 + images.mean()},
        )

    def stages(self, params, batch_norm, batch):
        loss, (terms, rows, _) = self.loss(params, batch_norm, batch)
        yield "network", {"coefficients": rows}
        yield "loss", {**terms, "total": loss}

    def picture(self, params, batch_norm, batch):
        return np.kron(batch["images"][0, 0], np.ones((8, 8, 1), np.float32))

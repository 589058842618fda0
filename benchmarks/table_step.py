"""One whole training step of the classroom preset against the same step in PyTorch operations, and its parts.

The parts are differences of medians: of what runs forward without a tape, and of the whole step.
"""

import numpy as np
from common import both_on, torch

from mgcbook.face.render import render
from mgcbook.learning.objective import pair_up
from mgcbook.learning.optim import adam, clip_by_norm, init_adam
from mgcbook.programs.config import preset
from mgcbook.programs.learner import Learner
from mgcbook.programs.timing import Row, row_of, single, take_turns
from mgcbook.programs.train import open_data
from mgcbook.tape import value_and_grad

GOAL, RATE = 0.7, 1e-9  # the weights stay: PyTorch's side is told what each pixel sees, and faces that wander off it end in NaN


def rows(rounds, threads):
    """Rows of the table."""
    with both_on(threads):
        ours = OurStep()
        sides = {"ours": ours.step}
        if torch is not None:
            sides |= torch_sides(ours)
        timings = take_turns(sides, 2 * rounds, warm_up=2, pause=0.005)
        config = ours.learner.config
        name = f"{config.batch} triples of {config.image_size} x {config.image_size}, ResNet-{config.depth}, all losses, Adam"
        yield row_of("step", name, timings, GOAL)
        for part, milliseconds in ours.parts(rounds).items():
            yield Row("step", f"  {part}", single(part, milliseconds))


class OurStep:
    """The step of the training loop for one batch, with weights that move every face a little."""

    def __init__(self):
        config = preset("classroom")
        self.learner, self.data = Learner(config), open_data(config)
        self.params, self.batch_norm = self.learner.start()
        last = self.params["fc.weight"]
        self.params["fc.weight"] = 0.02 * np.random.default_rng(1).standard_normal(last.shape, np.float32)
        self.numbers = list(range(config.batch))
        self.batch = self.data.batch(self.numbers)
        self.play = value_and_grad(self.learner.loss, has_aux=True)
        self.moved = {name: array.copy() for name, array in self.params.items()}
        self.adam = init_adam(self.moved)

    def gradient(self):
        """((loss, ...), grads) at the first weights."""
        return self.play(self.params, self.batch_norm, self.batch)

    def update(self, grads):
        """What the training loop does with gradients."""
        grads, _ = clip_by_norm(grads, np.inf)
        self.moved, self.adam = adam(self.moved, grads, self.adam, RATE, donate=True)

    def step(self):
        """Forward, backward, Adam."""
        self.update(self.gradient()[1])

    def coefficients(self):
        """(B, N, K)."""
        return self.learner.coefficients(self.params, self.batch_norm, self.batch["images"], train=True)[0]

    def parts(self, rounds):
        """Name -> milliseconds."""
        decoder, learner = self.learner.decoder, self.learner
        coefficients, grads = self.coefficients(), self.gradient()[1]
        flat = coefficients.reshape(-1, coefficients.shape[-1])
        view = decoder(flat)
        scene = view.points_camera, decoder.triangles, view.colors, decoder.camera
        sides = {
            "data": lambda: self.data.batch(self.numbers),
            "network": self.coefficients,
            "raster": lambda: render(*scene),
            "decoder": lambda: decoder(flat),
            "objective": lambda: learner.objective(coefficients, self.batch),
            "both ways": self.gradient,
            "Adam": lambda: self.update(grads),
        }
        t = {name: timing.median for name, timing in take_turns(sides, rounds).items()}
        return {
            "data (kept triples, made beside the step)": t["data"],
            "network, forward": t["network"],
            "decode: shape, normals, albedo, light, camera": t["decoder"] - t["raster"],
            "raster: triangles, colours, depth": t["raster"],
            "losses, with covisible map and warp": t["objective"] - t["decoder"],
            "backward": t["both ways"] - t["objective"] - t["network"],
            "Adam": t["Adam"],
        }


def torch_sides(ours):
    """The same step in PyTorch, in both memory layouts of its network; both are checked against ours first."""
    from torch_step import TorchStep

    coefficients = ours.coefficients()
    view = ours.learner.decoder(coefficients.reshape(-1, coefficients.shape[-1]))
    seen = view.fragments.triangle, pair_up(view, ours.batch["images"], ours.learner.decoder).covisible
    steps = {}
    for name, channels_last in (("PyTorch", False), ("PyTorch channels-last", True)):
        step = TorchStep(ours.learner, ours.params, ours.batch, seen, channels_last=channels_last, rate=RATE)
        check(step, *ours.gradient())
        steps[name] = step.step
    return steps


def check(step, result, grads):
    """Loss and gradients of both sides agree."""
    loss = float(step.forward_backward().detach())
    assert abs(loss / float(result[0]) - 1) < 1e-5, (loss, result[0])
    difference = square = 0.0
    for name, ours in grads.items():
        theirs = step.params[name].grad.numpy()
        theirs = theirs.transpose(2, 3, 1, 0) if theirs.ndim == 4 else theirs
        difference, square = difference + np.sum((theirs - ours) ** 2), square + np.sum(ours**2)
    # In float32 a ReLU near 0 may fall to the other side.
    assert (difference / square) ** 0.5 < 1e-3, (difference / square) ** 0.5

"""How long a step of training and one photograph take on a GPU; beside PyTorch, where it is installed, see gpu_torch.py."""

import numpy as np
from gpu_common import beginning, check, wall_milliseconds
from gpu_faces import settings, shelf_of

from mgcbook.arrays import to_device, to_host
from mgcbook.kernels.gpu.graph import Feeder, Queue, StepGraph
from mgcbook.kernels.precision import precise
from mgcbook.learning.resnet import init_resnet, prepare_inference, resnet
from mgcbook.programs.learner import Learner
from mgcbook.programs.step_graph import DeviceStep
from mgcbook.tape import Tensor, bare

WAYS = {f"graph {precision}": (True, precision) for precision in ("tf32", "bf16", "float32")} | {"eager tf32": (False, "tf32")}
"""Name -> (graph, precision)."""


def milliseconds_of(step, made, rounds):
    """Of one training step, with all that the host does for it, many in a row."""
    step.advance(made, 1e-4)
    made = {**made, "new": None}  # from now on it is on the device
    return wall_milliseconds(lambda: step.advance(made, 1e-4), step.losses, rounds)


def in_all_ways(make, made, rounds):
    """Times of a step in every way, in words and as numbers; what cannot be run says why.

    Args:
        make: make(graph=..., precision=...) gives a DeviceStep.
    """
    found, words = {}, []
    for way, (graphed, precision) in WAYS.items():
        try:
            found[way] = milliseconds_of(make(graph=graphed, precision=precision), made, rounds)
            words.append(f"{way} {found[way]:.2f} ms")
        except Exception as error:  # the other ways are still worth knowing
            words.append(f"{way}: {type(error).__name__}: {error}")
    assert len(found) == len(WAYS), "; ".join(words)
    return ", ".join(words), found


@check("speed", "whole step", seconds=240)
def whole_step(sizes):
    """Network, decoder, all losses, Adam: 15 images."""
    shelf = shelf_of(sizes, sizes.triples)

    def make(**way):
        config = settings(sizes, **way)
        learner = Learner(config, device="cuda")
        return DeviceStep(learner, beginning(learner), config, shelf=shelf)

    return in_all_ways(make, shelf.batch(list(range(sizes.triples))), max(1, sizes.rounds // 2))


class NetworkAlone:
    """The network with the simplest of losses.

    Args:
        config: a TrainConfig.
    """

    def __init__(self, config):
        self.config = config

    def start(self):
        """Weights, state of the batch norm."""
        return init_resnet(np.random.default_rng(0), self.config.depth, width=self.config.width)

    def loss(self, params, batch_norm, batch):
        """Mean square of what comes out, less one."""
        images = np.reshape(batch["images"], batch["images"].shape[1:])
        rows, batch_norm = resnet(params, images, batch_norm, train=True, half=self.config.precision == "bf16")
        loss = np.mean(np.square(rows - 1.0))
        return loss, ({"total": bare(loss)}, rows, batch_norm)


def network_step(sizes, batch):
    """ResNet and Adam."""
    images = np.random.default_rng(0).integers(0, 256, (1, batch, sizes.image, sizes.image, 3), dtype=np.uint8)
    small = {"skin": np.zeros((1, 1, 1, 1), np.uint8), "landmarks": np.zeros((1, 1, 68, 2), np.float32)}
    made = {"index": np.zeros(1, np.int32), "flags": np.zeros(1, np.int64), "new": ([0], {"images": images, **small})}

    def make(**way):
        config = settings(sizes, **way)
        learner = NetworkAlone(config)
        return DeviceStep(learner, beginning(learner), config, shelf=range(1))

    return in_all_ways(make, made, max(1, sizes.rounds // 2))


@check("speed", "network step, small batch", seconds=180)
def network_small(sizes):
    """Batch 15."""
    return network_step(sizes, sizes.batches[0])


@check("speed", "network step, large batch", seconds=240)
def network_large(sizes):
    """Batch 96."""
    return network_step(sizes, sizes.batches[-1])


@check("speed", "one photograph")
def one_photograph(sizes):
    """From a picture on the host to its coefficients on the host, with the face decoded and drawn; in a graph and eager."""
    config, queue, found = settings(sizes), Queue(), {}
    learner = Learner(config, device="cuda")
    params, batch_norm = learner.start()
    picture = {"image": np.random.default_rng(0).random((1, sizes.image, sizes.image, 3), np.float32)}
    feeder, kept = Feeder(picture, queue), {}
    with queue, precise(False):
        predict = prepare_inference(*to_device((params, batch_norm), "cuda"))
        out = to_device(np.zeros((1, learner.decoder.layout.size), np.float32), "cuda")

        def once():
            out[...] = predict(feeder.inputs["image"])
            kept["view"] = learner.decoder(Tensor(out))  # the tape's operations can be captured, CuPy's own not all

        graph = StepGraph(once, queue)

    def eager():
        with queue, precise(False):
            once()

    for name, run in (("graph", graph), ("eager", eager)):

        def photograph(run=run):
            feeder.load(picture)
            feeder.feed()
            run()
            with queue.stream:
                to_host(out)

        found[name] = wall_milliseconds(photograph, queue.wait, sizes.rounds)
    return ", ".join(f"{name} {took:.2f} ms" for name, took in found.items()), found

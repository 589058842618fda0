"""PyTorch on the same GPU: ResNet-50 steps in the ways that people choose between, and the whole step of the paper.

Adam is the fused one everywhere. TF32 is allowed; `benchmark` lets cuDNN choose its algorithms, as ours does.
"""

import contextlib
import importlib.util
import statistics

import numpy as np
from gpu_common import check

WITHOUT = "not installed"


def torch_here():
    """PyTorch with its settings, or None where it is missing or sees no GPU."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    return torch


def milliseconds(torch, run, rounds, turns=5):
    """Median of some turns, by events."""
    for _ in range(5):
        run()
    times = []
    for _ in range(turns):
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(rounds):
            run()
        stop.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(stop) / rounds)
    return statistics.median(times)


def step_of(torch, sizes, batch, *, last, half, compiled=False):
    """A step of ResNet-50 as a function: forward, backward, Adam."""
    from torch_resnet import ResNet

    torch.manual_seed(0)
    layout = torch.channels_last if last else torch.contiguous_format
    network = ResNet(50).cuda().to(memory_format=layout)
    images = torch.rand(batch, 3, sizes.image, sizes.image, device="cuda").contiguous(memory_format=layout)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, fused=True, capturable=True)
    call = torch.compile(network, mode="max-autotune") if compiled else network
    half = lambda on=half: torch.autocast("cuda", torch.bfloat16) if on else contextlib.nullcontext()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with half():
            loss = (call(images).float() - 1).square().mean()
        loss.backward()
        optimizer.step()

    return step


def graphed(torch, step):
    """A step as one CUDA graph (torch.cuda.graph)."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


WAYS = {
    "eager tf32": dict(last=False, half=False),
    "channels-last tf32": dict(last=True, half=False),
    "channels-last bf16": dict(last=True, half=True),
    "graph tf32": dict(last=True, half=False),
    "graph bf16": dict(last=True, half=True),
    "compile tf32": dict(last=True, half=False, compiled=True),
    "compile bf16": dict(last=True, half=True, compiled=True),
}
"""Name -> settings of `step_of`; compile is torch.compile(mode="max-autotune"), which uses CUDA graphs itself."""


def peer(sizes, batch, ways):
    """Times of some ways, in words and as numbers; what cannot be run says why."""
    torch = torch_here()
    if torch is None:
        return WITHOUT, {}
    found, words = {}, []
    for way in ways:
        try:
            step = step_of(torch, sizes, batch, **WAYS[way])
            found[way] = milliseconds(torch, graphed(torch, step) if way.startswith("graph") else step, sizes.rounds // 2)
            words.append(f"{way} {found[way]:.2f} ms")
        except Exception as error:  # the other ways are still worth knowing
            words.append(f"{way}: {type(error).__name__}: {str(error)[:200]}")
    assert len(found) == len(ways), "; ".join(words)
    return ", ".join(words), found


PLAIN = [way for way in WAYS if not way.startswith("compile")]


@check("PyTorch", "PyTorch, network step, small batch")
def small(sizes):
    """Batch 15."""
    return peer(sizes, sizes.batches[0], PLAIN)


@check("PyTorch", "PyTorch, network step, large batch")
def large(sizes):
    """Batch 96."""
    return peer(sizes, sizes.batches[-1], PLAIN)


def _compiled(size, place, precision):
    """A check of its own for each: compiling takes a minute or more, and is given up after two."""

    @check("compiled", f"PyTorch, compiled {precision}, {size} batch", seconds=120)
    def compiled(sizes):
        return peer(sizes, sizes.batches[place], [f"compile {precision}"])


for _size, _place in (("small", 0), ("large", -1)):
    for _precision in ("tf32", "bf16"):
        _compiled(_size, _place, _precision)


@check("PyTorch", "PyTorch, whole step")
def whole_step(sizes):
    """The step of the paper in PyTorch operations. What each pixel sees is found beforehand and costs it nothing; a few small
    constants are copied to the GPU in each step."""
    torch = torch_here()
    if torch is None:
        return WITHOUT, {}
    from dataclasses import replace

    from gpu_faces import settings, shelf_of

    from mgcbook.learning.objective import pair_up
    from mgcbook.programs.batches import pick
    from mgcbook.programs.learner import Learner

    learner = Learner(replace(settings(sizes), device="cpu"))
    params, _ = learner.start()
    batch = pick(shelf_of(sizes, sizes.triples).endless.batch(list(range(sizes.triples))))
    view = learner.decoder(learner.decoder.zeros(3 * sizes.triples))
    seen = np.asarray(view.fragments.triangle), pair_up(view, batch["images"], learner.decoder).covisible
    torch.set_default_device("cuda")
    from torch_step import TorchStep

    found = {}
    for name, half in (("channels-last tf32", False), ("channels-last bf16", True)):
        step = TorchStep(learner, params, batch, seen, channels_last=True, rate=1e-4)
        step.optimizer = torch.optim.Adam(step.params.values(), 1e-4, fused=True)

        def run(step=step, half=half):
            with torch.autocast("cuda", torch.bfloat16) if half else contextlib.nullcontext():
                step.forward_backward()
            step.optimizer.step()

        found[name] = milliseconds(torch, run, sizes.rounds // 2)
    return ", ".join(f"{name} {took:.2f} ms" for name, took in found.items()), found

"""ResNet-50 on the CPU against PyTorch: training step and inference, in one process, taking turns.

    pip install torch==2.13.0 && python benchmarks/bench_network.py [--rounds 7] [--shapes 5x224 15x64] [--json network.json]

The peer is the better of PyTorch's two memory layouts, with the same network and as many threads. On a busy machine look at the
column "CPU": processor time, best of all rounds, with one thread on both sides; it is blind to whoever else waits for a core, and
PyTorch's threads spin while they wait, ours sleep. Without PyTorch our side alone is measured.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

from mgcbook.kernels.cpu.threads import get_threads, set_threads
from mgcbook.learning.optim import adam, init_adam
from mgcbook.learning.resnet import init_resnet, prepare_inference, resnet
from mgcbook.programs.timing import take_turns
from mgcbook.tape import value_and_grad


def our_sides(batch, size):
    """{"step": ..., "inference": ...} of this package."""
    rng = np.random.default_rng(0)
    params, state = init_resnet(rng, 50)
    images, targets = rng.random((batch, size, size, 3), np.float32), rng.random((batch, 257), np.float32)
    now = {"params": params, "state": state, "adam": init_adam(params)}

    def loss(params, state):
        outputs, state = resnet(params, images, state, train=True)
        return np.mean(np.square(outputs - targets)), state

    gradient = value_and_grad(loss, has_aux=True)

    def step():
        (_, now["state"]), grads = gradient(now["params"], now["state"])
        now["params"], now["adam"] = adam(now["params"], grads, now["adam"], 1e-4, donate=True)

    predict = prepare_inference(params, state)
    return {"step": step, "inference": lambda: predict(images)}


def torch_sides(batch, size, channels_last):
    """The same two of PyTorch, in one of its memory layouts."""
    import torch
    from torch_resnet import ResNet

    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network, images = ResNet(50).to(memory_format=layout), torch.rand(batch, 3, size, size).contiguous(memory_format=layout)
    optimizer, targets = torch.optim.Adam(network.parameters(), 1e-4), torch.rand(batch, 257)

    def step():
        network.train()
        optimizer.zero_grad(set_to_none=True)
        (network(images) - targets).square().mean().backward()
        optimizer.step()

    def inference():
        network.eval()
        with torch.inference_mode():
            return network(images)

    return {"step": step, "inference": inference}


def all_sides(batch, size, kind):
    """Name -> function, for one kind: "step" or "inference"."""
    sides = {"mgcbook": our_sides(batch, size)[kind]}
    if _torch() is not None:
        for name, channels_last in (("torch channels-last", True), ("torch default", False)):
            sides[name] = torch_sides(batch, size, channels_last)[kind]
    return sides


def _torch():
    try:
        import torch
    except ImportError:
        return None
    return torch


def _use_threads(count):
    set_threads(count)
    if _torch() is not None:
        _torch().set_num_threads(count)


def processor_time(sides, rounds):
    """Name -> least processor time of a run in milliseconds."""
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, function in sides.items():
            start = time.process_time()
            function()
            best[name] = min(best[name], 1000 * (time.process_time() - start))
    return best


def _ratio(times):
    peers = [value for name, value in times.items() if name != "mgcbook"]
    return times["mgcbook"] / min(peers) if peers else None


def compare(batch, size, kind, threads, rounds):
    """One row of the table, as a dict."""
    sides = all_sides(batch, size, kind)
    _use_threads(threads)
    turns = take_turns(sides, rounds)
    wall = {name: timing.median for name, timing in turns.items()}
    _use_threads(1)
    alone = {name: timing.median for name, timing in take_turns({"mgcbook": sides["mgcbook"]}, min(rounds, 3)).items()}
    processor = processor_time(sides, min(rounds, 3))
    return {"what": kind, "shape": f"{batch}x{size}", "threads": threads, "wall_ms": wall, "ratio": _ratio(wall),
            "least_ms": {name: min(timing.samples) for name, timing in turns.items()},
            "cpu_ms": processor, "cpu_ratio": _ratio(processor), "speedup_of_threads": alone["mgcbook"] / wall["mgcbook"]}


def peak_memory(side, batch, size):
    """Peak resident memory of three training steps in a fresh process, in MiB (Linux)."""
    code = (f"import sys; sys.path[:0] = {sys.path!r}; import bench_network as b\n"
            f"sides = b.our_sides({batch}, {size}) if {side == 'mgcbook'} else b.torch_sides({batch}, {size}, {'last' in side})\n"
            "for _ in range(3): sides['step']()\n"
            "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))")
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout) // 1024


def main():
    """Measure and print; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--shapes", nargs="+", default=["5x224", "15x64"])
    parser.add_argument("--threads", type=int, default=min(2, get_threads()))
    parser.add_argument("--memory", action="store_true", help="also the peak memory of a training process")
    parser.add_argument("--json")
    options = parser.parse_args()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    rows = []
    print(f"ResNet-50, float32, {options.threads} threads; ratio = mgcbook / better layout of PyTorch")
    print(f"{'':24s}{'mgcbook':>10s}{'torch':>10s}{'ratio':>8s}{'CPU 1 thread':>16s}{'ratio':>8s}{'threads gain':>14s}")
    for shape in options.shapes:
        batch, size = map(int, shape.split("x"))
        for kind in ("step", "inference"):
            row = compare(batch, size, kind, options.threads, options.rounds)
            rows.append(row)
            peer = min([value for name, value in row["wall_ms"].items() if name != "mgcbook"], default=float("nan"))
            ratio, cpu_ratio = (row[key] or float("nan") for key in ("ratio", "cpu_ratio"))
            print(f"{kind + ' ' + shape:24s}{row['wall_ms']['mgcbook']:8.0f}ms{peer:8.0f}ms{ratio:8.2f}"
                  f"{row['cpu_ms']['mgcbook']:14.0f}ms{cpu_ratio:8.2f}{row['speedup_of_threads']:14.2f}", flush=True)
        if options.memory:
            sides = ["mgcbook"] + (["torch channels-last", "torch default"] if _torch() is not None else [])
            rows.append({"what": "peak memory", "shape": shape, "MiB": {side: peak_memory(side, batch, size) for side in sides}})
            print(f"peak memory {shape}, MiB: {rows[-1]['MiB']}", flush=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()

"""Tape and face model on the CPU against PyTorch and HIPS autograd, in one process, taking turns.

    pip install torch==2.13.0 && python benchmarks/bench_torch.py [--rounds 15] [--json torch.json]

The network has a benchmark of its own, bench_network.py. Without PyTorch only HIPS autograd is compared.
"""

import argparse
import json

import autograd
import numpy as np

from mgcbook.data import builtin
from mgcbook.kernels.cpu.threads import get_threads
from mgcbook.programs.bench import machine
from mgcbook.programs.timing import take_turns
from mgcbook.tape import value_and_grad

try:
    import torch
except ImportError:
    torch = None


def small_operations(size):
    """1000 operations on a few numbers, forward and backward: {"ours": ..., "PyTorch": ..., "HIPS autograd": ...}."""
    start = np.linspace(0.1, 0.2, size)

    def chain(x):
        for _ in range(250):
            x = x * 1.001
            x = x + 0.01
            x = x * x
            x = x - 0.1
        return x.sum()

    sides = {"ours": lambda: value_and_grad(chain)(start), "HIPS autograd": lambda: autograd.value_and_grad(chain)(start)}
    if torch is not None:

        def in_torch():
            x = torch.tensor(start, requires_grad=True)
            chain(x).backward()
            return x.grad

        sides["PyTorch"] = in_torch
    return sides


def decode(batch=15):
    """Shape of faces from 160 coefficients and its gradient, full model: {"ours": ..., "PyTorch": ...}."""
    rng = np.random.default_rng(0)
    model = builtin.load("full")
    params = {name: values for name, values in model.sample(rng, batch).items() if name != "albedo"}
    target = rng.normal(size=(batch, *model.mean.shape)).astype(np.float32)
    sides = {"ours": lambda: value_and_grad(lambda p: np.sum(model.shape(**p) * target))(params)}
    if torch is not None:
        bases = [model.identity_basis * model.identity_deviation[:, None, None],
                 model.expression_basis * model.expression_deviation[:, None, None]]  # fmt: skip
        basis = torch.tensor(np.concatenate(bases).reshape(len(bases[0]) + len(bases[1]), -1))
        mean, weights = torch.tensor(model.mean.reshape(-1)), torch.tensor(target.reshape(batch, -1))
        rows = np.concatenate([params["identity"], params["expression"]], axis=1)

        def in_torch():
            coefficients = torch.tensor(rows, requires_grad=True)
            (torch.addmm(mean, coefficients, basis) * weights).sum().backward()
            return coefficients.grad

        sides["PyTorch"] = in_torch
    return sides


def main():
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json")
    options = parser.parse_args()
    if torch is not None:
        torch.set_num_threads(get_threads())
    rows = []
    jobs = {"1000 operations on 16 numbers": small_operations(16), "1000 operations on 1000 numbers": small_operations(1000),
            "shape of 15 faces, 38K vertices": decode()}  # fmt: skip
    for title, sides in jobs.items():
        timings = take_turns(sides, options.rounds, warm_up=2)
        ours = timings["ours"].median
        for name, timing in timings.items():
            ratio = "" if name == "ours" else f"   ours / {name}: {ours / timing.median:.2f}"
            print(f"{title:<34} {name:<14} {timing.median:8.2f} ms{ratio}", flush=True)
            rows.append({"job": title, "side": name, **timing.as_dict()})
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": machine(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()

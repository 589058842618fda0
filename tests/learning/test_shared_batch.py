"""Two processes with half a batch each compute what one computes with the whole batch: losses, gradients, running statistics."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mgcbook.learning.losses import gated_mean
from mgcbook.learning.objective import shared_counts
from mgcbook.learning.resnet import init_resnet, resnet
from mgcbook.tape import value_and_grad


class Pair:
    """One of two threads that add up their arrays."""

    size = 2

    def __init__(self, rank, slots, barrier):
        self.rank, self.slots, self.barrier = rank, slots, barrier

    def sum(self, array):
        self.slots[self.rank] = np.array(array)
        self.barrier.wait(60)
        total = self.slots[0] + self.slots[1]
        self.barrier.wait(60)
        return total


def in_two(work):
    """work(comm) in two threads; -> their results."""
    slots, barrier, results = [None, None], threading.Barrier(2), [None, None]

    def go(rank):
        try:
            results[rank] = work(Pair(rank, slots, barrier))
        except Exception as error:
            results[rank] = error
            barrier.abort()

    threads = [threading.Thread(target=go, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


@pytest.mark.parametrize("fused", [True, False])
def test_the_network(rng, fused):
    params, state = init_resnet(rng, depth=10, outputs=5, width=4, dtype=np.float64)
    params["fc.weight"] = rng.normal(size=params["fc.weight"].shape)
    images = rng.random((4, 32, 32, 3)) * np.linspace(0.2, 1, 4)[:, None, None, None]  # halves with other statistics
    weights = rng.normal(size=(4, 5))

    def loss(params, images, weights, comm=None):
        outputs, moved = resnet(params, images, state, train=True, fused=fused, comm=comm)
        return np.sum(np.square(outputs) * weights), moved

    play = value_and_grad(loss, has_aux=True)
    (whole, moved), grads = play(params, images, weights)
    halves = in_two(lambda comm: play(params, images[comm.rank :: 2], weights[comm.rank :: 2], comm))
    assert_allclose(halves[0][0][0] + halves[1][0][0], whole, rtol=1e-9)
    for name, expected in grads.items():
        assert_allclose(halves[0][1][name] + halves[1][1][name], expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())
    for name, expected in moved.items():
        for (_, theirs), _ in halves:
            assert_allclose(theirs[name], expected, rtol=1e-9)
    (alone, _), _ = play(params, images[::2], weights[::2])
    assert abs(alone - halves[0][0][0]) > 1e-3 * abs(alone), "statistics of half the batch give other numbers"


@pytest.mark.parametrize("flags", [[2, 2, 2, 2], [0, 2, 1, 0], [0, 0, 0, 2], [0, 0, 0, 0]])
def test_gated_means_of_shares(rng, flags):
    flags, errors = np.array(flags), rng.random(4)
    for least in (1, 2):
        gate = (flags >= least).astype(float)
        shares = in_two(
            lambda comm, gate=gate, least=least: gated_mean(
                errors[comm.rank :: 2], gate[comm.rank :: 2], count=shared_counts(flags[comm.rank :: 2], comm)[least - 1]
            )
        )
        assert_allclose(np.mean(shares), gated_mean(errors, gate), rtol=1e-6)

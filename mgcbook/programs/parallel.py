"""Several processes that train one network: mpirun -n 2 mgcbook train ...; each takes a share of every batch.

A step needs one exchange: gradients, losses and running statistics, side by side in one flat buffer, are added up over the
processes. From then on all of them compute the same. Process 0 alone writes files. Between CPUs MPI carries the numbers, between
GPUs NCCL. If a process is lost, the others notice it while they wait, and process 0 still holds a complete state to write.
"""

import contextlib
import os
import sys
import time
from dataclasses import replace

import numpy as np

from mgcbook.arrays import is_device
from mgcbook.cli import exit_code
from mgcbook.errors import ResourceError, UsageError

LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_NTASKS")
"""Environment variables by which mpirun and its relatives tell a process that it is one of several."""
PATIENCE = 300.0
"""Seconds to wait for the other processes: the first step compiles, and process 0 writes checkpoints."""
GRACE = 20.0
"""Seconds to wait after a signal: another process may just be slow, or it may be what has ended."""


class Alone:
    """One process: there is nothing to add and nobody to tell."""

    rank, size, alarm = 0, 1, None

    def sum(self, array):
        """The array itself."""
        return array

    def broadcast(self, array):
        """The array itself."""
        return array


class Several:
    """The processes of one mpirun.

    Args:
        world: a communicator of mpi4py.
        stop: called while waiting; a true value, like the name of a signal, calls `alarm` and soon ends the waiting.
        patience: seconds to wait for the others.
        grace: seconds to wait for them after `stop`.
    """

    def __init__(self, world, stop=None, patience=PATIENCE, grace=GRACE):
        self._world, self._patience, self._grace = world, patience, grace
        self._stop = stop or (lambda: False)
        self.alarm = None
        self.rank, self.size = world.Get_rank(), world.Get_size()
        self._nccl = None

    def sum(self, array):
        """The sum over all processes, the same bits on each; any shape, float32 or float64, on a CPU or a GPU."""
        if is_device(array):
            return self._device().sum(array)
        total = np.ascontiguousarray(array).copy()
        self._wait(self._world.Iallreduce(self._in_place(), total), "added up")
        return total

    def broadcast(self, array):
        """The array of process 0, on every process."""
        if is_device(array):
            return self._device().broadcast(array)
        told = np.ascontiguousarray(array).copy()
        self._wait(self._world.Ibcast(told, root=0), "told")
        return told

    def _wait(self, request, what):
        """Wait for an exchange, and look up now and then: a process that is lost never answers."""
        start, pause, signalled = time.monotonic(), 0.0, None
        while not request.Test():
            now = time.monotonic()
            if signalled is None and self._stop():
                signalled = now
                if self.alarm:  # what is complete is saved now: mpirun may not leave the time for it later
                    self.alarm()
            if now - start > self._patience or (signalled and now - signalled > self._grace):
                why = f"{self._stop()} came" if signalled else f"no answer for {now - start:.0f} s"
                raise ResourceError(
                    f"process {self.rank} of {self.size}: the numbers of the others could not be {what} ({why}); has another "
                    "process ended? Start the same command again: it goes on from the last checkpoint"
                )
            time.sleep(pause)
            pause = min(1e-3, pause + 1e-5)

    def abort(self, code):
        """End all processes."""
        self._world.Abort(code)

    @property
    def place(self):
        """Which one this is of the processes on its machine."""
        from mpi4py import MPI

        return self._world.Split_type(MPI.COMM_TYPE_SHARED).Get_rank()

    def _in_place(self):
        from mpi4py import MPI

        return MPI.IN_PLACE

    def _device(self):
        if self._nccl is None:
            from mgcbook.kernels.gpu.nccl import Nccl

            self._nccl = Nccl(self._world, self.rank, self.size)
        return self._nccl


def communicator(stop=None):
    """Alone, or Several where this process was started by mpirun with others.

    Raises:
        ResourceError: if it was, and mpi4py is missing.
    """
    if not any(name in os.environ for name in LAUNCHED):
        return Alone()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ResourceError("several processes need MPI: pip install 'mgcbook[mpi]'") from error
    world = MPI.COMM_WORLD
    return Several(world, stop) if world.Get_size() > 1 else Alone()


@contextlib.contextmanager
def all_end_together(comm):
    """An error in one process ends the others too, after it was said; alone, nothing changes."""
    try:
        yield
    except Exception as error:
        if comm.size > 1:
            print(f"mgcbook train: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            comm.abort(exit_code(error) or 1)
        raise


def use_own_gpu(comm, device):
    """Let each process on a machine compute on another GPU."""
    if device == "cuda" and comm.size > 1:
        from mgcbook.kernels.gpu.nccl import use_own_gpu as choose

        choose(comm.place)


def any_of(comm, wish):
    """Whether one of the processes wants something, for instance to stop: the same answer on all."""
    return bool(wish) if comm.size == 1 else bool(comm.sum(np.array([bool(wish)], np.float32))[0])


def same_state(comm, state):
    """The TrainingState of process 0, on every process."""
    if comm.size == 1:
        return state
    steps = {"step": np.float64(state.step), "adam": np.float64(state.adam.step)}
    (steps,) = from_process_0(comm, steps)
    params, m, v, norms = from_process_0(comm, state.params, state.adam.m, state.adam.v, state.batch_norm)
    adam = state.adam._replace(step=int(steps["adam"]), m=m, v=v)
    return replace(state, step=int(steps["step"]), params=params, adam=adam, batch_norm=norms)


class Silence:
    """A log that keeps nothing: of all processes but one."""

    def append(self, report):
        """Nothing."""

    def sync(self):
        """Nothing."""

    def close(self):
        """Nothing."""


def share(indices, comm):
    """The items of a batch that this process takes: every size-th, beginning with its rank."""
    return list(indices)[comm.rank :: comm.size]


def check_share(batch, comm):
    """Each process must have the same number of items, because their means are averaged.

    Raises:
        UsageError: if they cannot.
    """
    if batch % comm.size:
        raise UsageError(f"batch: expected a multiple of the {comm.size} processes, got {batch}")


def mean_over_processes(comm, *trees):
    """Means over the processes of every number in some dicts of arrays, with one exchange; -> dicts of the same form."""
    if comm.size == 1:
        return trees
    flat = pack(trees)
    return unpack(comm.sum(flat) / flat.dtype.type(comm.size), trees)


def from_process_0(comm, *trees):
    """What process 0 has in some dicts of arrays, on every process."""
    return trees if comm.size == 1 else unpack(comm.broadcast(pack(trees)), trees)


def pack(trees):
    """Every number of some dicts of arrays, in one flat array of the first one's type.

    In the order of the names: dicts that were read from a file have another order than fresh ones of the same names.
    """
    values = [tree[name] for tree in trees for name in sorted(tree)]
    kind = values[0].dtype
    return np.concatenate([np.ravel(value).astype(kind) for value in values])


def unpack(flat, trees):
    """The inverse of `pack`: dicts of the same names, shapes and types."""
    start, out = 0, []
    for tree in trees:
        found = {}
        for name in sorted(tree):
            value = tree[name]
            shape = np.shape(value)
            stop = start + int(np.prod(shape))
            found[name] = np.reshape(flat[start:stop], shape).astype(getattr(value, "dtype", flat.dtype))
            start = stop
        out.append({name: found[name] for name in tree})
    return tuple(out)

"""Several processes that train one network: mpirun -n 2 mgcbook train ...; each takes a share of every batch.

A step needs one exchange: gradients, losses and running statistics, side by side in one flat buffer, are added up over the
processes. From then on all of them compute the same. Process 0 alone writes files. Between CPUs MPI carries the numbers, between
GPUs NCCL. If a process is lost, the others notice it while they wait, and process 0 still holds a complete state to write.
"""

import os
import time

import numpy as np

from mgcbook.arrays import is_device
from mgcbook.errors import ResourceError, UsageError

LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "SLURM_NTASKS")
"""Environment variables by which mpirun and its relatives tell a process that it is one of several."""
PATIENCE = 300.0
"""Seconds to wait for the other processes: the first step compiles, and process 0 writes checkpoints."""


class Alone:
    """One process: there is nothing to add and nobody to tell."""

    rank, size = 0, 1

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
        stop: called while waiting; a true value, like the name of a signal, ends the waiting with an error.
        patience: seconds to wait for the others.
    """

    def __init__(self, world, stop=None, patience=PATIENCE):
        self._world, self._patience = world, patience
        self.stop = stop or (lambda: False)
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
        start = time.monotonic()
        pause = 0.0
        while not request.Test():
            waited = time.monotonic() - start
            if self.stop() or waited > self._patience:
                why = f"{self.stop()} came" if self.stop() else f"no answer for {waited:.0f} s"
                raise ResourceError(
                    f"process {self.rank} of {self.size}: the numbers of the others could not be {what} ({why}); "
                    "another process has ended? Start the same command again: it goes on from the last checkpoint"
                )
            time.sleep(pause)
            pause = min(1e-3, pause + 1e-5)

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
    """Every number of some dicts of arrays, in one flat array of the first one's type."""
    values = [value for tree in trees for value in tree.values()]
    kind = values[0].dtype
    return np.concatenate([np.ravel(np.asarray(value, dtype=kind, like=values[0])) for value in values])


def unpack(flat, trees):
    """The inverse of `pack`: dicts of the same names, shapes and types."""
    start, out = 0, []
    for tree in trees:
        found = {}
        for name, value in tree.items():
            shape = np.shape(value)
            stop = start + int(np.prod(shape))
            found[name] = np.reshape(flat[start:stop], shape).astype(getattr(value, "dtype", flat.dtype))
            start = stop
        out.append(found)
    return tuple(out)

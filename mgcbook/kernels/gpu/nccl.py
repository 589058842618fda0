"""Sums over the GPUs of several processes: NCCL through cupyx.distributed, with MPI to find each other."""

import cupy


class Nccl:
    """The GPUs of the processes of an MPI communicator.

    Args:
        world: a communicator of mpi4py.
        rank, size: this process, and how many there are.
    """

    def __init__(self, world, rank, size):
        from cupyx.distributed import init_process_group

        self._group = init_process_group(size, rank, use_mpi=True)

    def sum(self, array):
        """The sum over all processes; any shape -> the same shape."""
        array = cupy.ascontiguousarray(array)
        total = cupy.empty_like(array)
        self._group.all_reduce(array, total, op="sum")
        return total

    def broadcast(self, array):
        """The array of process 0."""
        told = cupy.ascontiguousarray(array).copy()
        self._group.broadcast(told, root=0)
        return told


def use_own_gpu(place):
    """Let this process compute on a GPU of its own: the one of its place among the processes of this machine."""
    cupy.cuda.Device(place % cupy.cuda.runtime.getDeviceCount()).use()

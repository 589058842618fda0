"""Several processes: sums and shares, with threads in place of processes, and with a real mpirun where MPI is installed."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.errors import ResourceError, UsageError
from mgcbook.programs import parallel
from mgcbook.programs.parallel import Alone, Several, check_share, from_process_0, mean_over_processes, pack, share, unpack


class Request:
    def __init__(self, ready):
        self.Test = ready


class World:
    """What `Several` uses of mpi4py's communicator, between threads; `lost` threads never come."""

    def __init__(self, size):
        self.size, self.lock, self.posted = size, threading.Lock(), {}

    def of(self, rank):
        return Member(self, rank)


class Member:
    def __init__(self, world, rank):
        self.world, self.rank, self.turn = world, rank, 0

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.world.size

    def _exchange(self, array, finish):
        turn, self.turn = self.turn, self.turn + 1
        with self.world.lock:
            box = self.world.posted.setdefault(turn, {})
            box[self.rank] = array.copy()

        def ready():
            with self.world.lock:
                if len(box) < self.world.size:
                    return False
            array[...] = finish(box)
            return True

        return Request(ready)

    def Iallreduce(self, _, array):
        return self._exchange(array, lambda box: sum(box[rank] for rank in sorted(box)))

    def Ibcast(self, array, root):
        return self._exchange(array, lambda box: box[root])


@pytest.fixture(autouse=True)
def no_mpi_needed(monkeypatch):
    monkeypatch.setattr(Several, "_in_place", lambda self: None)


def together(size, work):
    """work(comm) of each process, in threads; -> list of what they gave."""
    world, results = World(size), [None] * size

    def go(rank):
        try:
            results[rank] = work(Several(world.of(rank), patience=20))
        except Exception as error:
            results[rank] = error

    threads = [threading.Thread(target=go, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def trees(rank):
    rng = np.random.default_rng(rank)
    grads = {"a": rng.random((2, 3)).astype(np.float32), "b": rng.random(4).astype(np.float32)}
    return grads, {"total": np.float64(rank), "pixel": np.float32(2 * rank)}


def test_means_over_processes_are_those_of_all():
    results = together(3, lambda comm: mean_over_processes(comm, *trees(comm.rank)))
    for grads, terms in results:
        for name in "ab":
            expected = sum(trees(rank)[0][name] for rank in range(3)) / np.float32(3)
            np.testing.assert_allclose(grads[name], expected, rtol=1e-6)
            assert grads[name].dtype == np.float32
        assert terms == {"total": 1.0, "pixel": 2.0}
    assert_array_equal(results[0][0]["a"], results[2][0]["a"])


def test_everybody_gets_what_process_0_has():
    for (params,) in together(2, lambda comm: from_process_0(comm, trees(comm.rank)[0])):
        assert_array_equal(params["b"], trees(0)[0]["b"])


def test_unpack_undoes_pack():
    given = trees(1)
    for tree, back in zip(given, unpack(pack(given), given), strict=True):
        assert {name: (np.shape(value), value.dtype) for name, value in tree.items()} == {
            name: (np.shape(value), value.dtype) for name, value in back.items()
        }
        assert all(np.array_equal(tree[name], back[name]) for name in tree)


def test_shares_are_all_the_items_once():
    shares = [share(range(10, 16), Several(World(3).of(rank))) for rank in range(3)]
    assert shares == [[10, 13], [11, 14], [12, 15]]
    with pytest.raises(UsageError, match="multiple of the 3 processes, got 5"):
        check_share(5, Several(World(3).of(0)))
    check_share(6, Several(World(3).of(0)))


def test_alone_nothing_is_exchanged():
    array = np.arange(3.0)
    assert Alone().sum(array) is array and Alone().broadcast(array) is array
    assert mean_over_processes(Alone(), *trees(0))[0]["a"] is not None
    assert share([4, 5], Alone()) == [4, 5]


def test_a_lost_process_is_noticed():
    comm = Several(World(2).of(0), patience=0.05)
    with pytest.raises(ResourceError, match=r"process 0 of 2: .*no answer.*last checkpoint"):
        comm.sum(np.zeros(3))


def test_a_signal_ends_the_waiting():
    comm = Several(World(2).of(1), stop=lambda: "SIGTERM", patience=60)
    with pytest.raises(ResourceError, match="SIGTERM came"):
        comm.broadcast(np.zeros(3))


def test_without_mpirun_a_process_is_alone(monkeypatch):
    for name in parallel.LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    assert isinstance(parallel.communicator(), Alone)


def test_mpirun_without_mpi4py_says_what_to_install(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setitem(__import__("sys").modules, "mpi4py", None)
    with pytest.raises(ResourceError, match=r"mgcbook\[mpi\]"):
        parallel.communicator()

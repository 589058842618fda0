"""Several processes: sums and shares, with threads in place of processes, and with a real mpirun where MPI is installed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from mgcbook.errors import NumericalError, ResourceError, UsageError
from mgcbook.learning.flat import Flat
from mgcbook.learning.optim import global_norm
from mgcbook.programs import checkpoint, guard, parallel
from mgcbook.programs.metrics import read_metrics
from mgcbook.programs.parallel import Alone, Several, check_share, from_process_0, mean_over_processes, pack, share, unpack
from mgcbook.programs.train import train
from mgcbook.tape import bare

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyData, ToyLearner, small


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


def test_the_order_of_the_names_does_not_matter():
    """Weights read from a file have another order than fresh ones: each process has its own."""
    given = trees(1)
    turned = tuple(dict(reversed(tree.items())) for tree in given)
    assert_array_equal(pack(given), pack(turned))
    for tree, back in zip(turned, unpack(pack(given), turned), strict=True):
        assert list(back) == list(tree)
        assert all(np.array_equal(tree[name], back[name]) for name in tree)


def test_flat_buffers_and_lengths_do_not_depend_on_the_order_of_the_names():
    grads = {"b": np.float32([1e8])} | {name: np.float32([1]) for name in "acd"}  # 1e16 + 1 is 1e16, but 1 + 1 + 1 + 1e16 is not
    turned = dict(reversed(grads.items()))
    assert_array_equal(Flat(grads).buffer, Flat(turned).buffer)
    assert_array_equal(Flat(turned).arrays["c"], grads["c"])
    assert global_norm(grads) == global_norm(turned)


def train_together(folder, broken=(), **settings):
    """The reports of each of two processes, or the error that ended it."""
    config = small(**settings)
    return together(2, lambda comm: list(train(config, ToyData(broken), folder, learner=ToyLearner(config), comm=comm)))


def test_going_on_with_several_processes_changes_no_bit(tmp_path):
    """The first process has read the weights, the second was told them."""
    for folder, steps in (("unbroken", 12), ("broken", 5), ("broken", 12)):
        train_together(tmp_path / folder, steps=steps)
    states = [checkpoint.latest(tmp_path / folder / "checkpoints")[1] for folder in ("unbroken", "broken")]
    assert [state.step for state in states] == [12, 12]
    for name, array in states[0].params.items():
        assert_array_equal(array, states[1].params[name])
    losses = [[report["losses"] for report in read_metrics(tmp_path / folder)] for folder in ("unbroken", "broken")]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("spreads", [False, True])
def test_the_process_that_began_it_keeps_its_batch_before_any_ends(tmp_path, monkeypatch, spreads):
    """Batch norm over all processes carries a NaN to the others: what they find came from the batch of another."""
    path, was_there, write = tmp_path / guard.NAME.format(5), [], guard.write_tensors
    monkeypatch.setattr(guard, "write_tensors", lambda *args: (time.sleep(0.2), write(*args)))

    def go(comm):
        learner = ToyLearner()
        plain = learner.loss

        def loss(params, batch_norm, batch):
            total, (terms, rows, norms) = plain(params, batch_norm, batch)
            everywhere = comm.sum(np.array([batch["images"].sum()])) * 0 if spreads else 0
            return total, (terms, bare(rows) + everywhere, norms)

        learner.loss = loss
        try:
            return list(train(small(), ToyData([9]), tmp_path, learner=learner, comm=comm))
        finally:
            was_there.append(path.exists())

    errors = together(2, go)
    assert was_there == [True, True], "the first to end ends all"
    for error in errors:
        assert isinstance(error, NumericalError) and str(path) in str(error), error
    assert np.isnan(guard.load_bad_batch(path)[3]["batch"]["images"]).any()


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
    comm = Several(World(2).of(1), stop=lambda: "SIGTERM", patience=60, grace=0.05)
    saved = []
    comm.alarm = lambda: saved.append(1)
    with pytest.raises(ResourceError, match="SIGTERM came"):
        comm.broadcast(np.zeros(3))
    assert saved == [1]


def test_without_mpirun_a_process_is_alone(monkeypatch):
    for name in parallel.LAUNCHED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "mpi4py", None)  # starting MPI takes time, and fails where it is half installed
    assert isinstance(parallel.communicator(), Alone)


def test_mpirun_without_mpi4py_says_what_to_install(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setitem(__import__("sys").modules, "mpi4py", None)
    with pytest.raises(ResourceError, match=r"mgcbook\[mpi\]"):
        parallel.communicator()


# ---------------------------------------------------------------- a real mpirun

MPIRUN = shutil.which("mpirun") or shutil.which("mpirun", path=str(Path(sys.executable).parent))
OPTIONS = ["--preset", "classroom", "--steps", "3", "--batch", "4", "--image-size", "32", "--width", "8", "--depth", "10",
           "--triples", "8", "--snapshot-every", "0"]  # fmt: skip


def launch(count, folder, *more):
    pytest.importorskip("mpi4py")
    if MPIRUN is None:
        pytest.skip("needs mpirun: pip install 'mgcbook[mpi]'")
    command = [MPIRUN, "--allow-run-as-root", "--oversubscribe", "-n", str(count), sys.executable, "-m", "mgcbook", "train"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_", "PRTE_"))}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment}
    return subprocess.Popen([*command, "--run", str(folder), *OPTIONS, *more], **options)


@pytest.mark.slow
def test_two_processes_find_the_losses_of_one(tmp_path):
    for count in (1, 2):
        process = launch(count, tmp_path / str(count))
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    assert "shared by 2 processes" in said
    one, two = (read_metrics(tmp_path / str(count)) for count in (1, 2))
    assert [report["step"] for report in two] == [1, 2, 3]
    for ours, theirs in zip(one, two, strict=True):
        assert theirs["losses"]["total"] == pytest.approx(ours["losses"]["total"], rel=1e-5)
        assert theirs["losses"]["pixel"] == pytest.approx(ours["losses"]["pixel"], rel=1e-5)
    assert len(list((tmp_path / "2" / "checkpoints").iterdir())) == 1


@pytest.mark.slow
def test_a_killed_process_ends_the_run_with_a_checkpoint(tmp_path):
    process = launch(2, tmp_path / "run", "--steps", "100000", "--checkpoint-every", "100000", "--report-every", "1")
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 200
    while not (metrics.exists() and metrics.read_bytes().count(b"\n") > 2):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.1)
    workers = subprocess.run(["pgrep", "-f", f"mgcbook train --run {tmp_path / 'run'}"], capture_output=True, text=True).stdout
    ranked = [pid for pid in workers.split() if b"PMIX_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes()]
    assert len(ranked) == 1, workers
    os.kill(int(ranked[0]), signal.SIGKILL)
    said, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "SIGTERM" in said or "has another process ended" in said
    assert checkpoint.latest(tmp_path / "run" / "checkpoints")[1].step >= 2

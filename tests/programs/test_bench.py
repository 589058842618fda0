"""The table of benchmarks: what a row says, and that every group can be found; nothing here depends on how fast a machine is."""

import json
import sys

import numpy as np
import pytest

from mgcbook.errors import ResourceError, UsageError
from mgcbook.programs import bench
from mgcbook.programs.timing import Row, Timing, row_of, single, take_turns


def test_a_ratio_is_judged_by_its_goal_and_a_bare_value_by_itself():
    slow, fast = Timing("slow", (4.0, 5.0, 9.0)), Timing("fast", (2.0, 2.5, 3.0))
    assert Row("g", "x", fast, slow, goal=0.5).reached
    assert not Row("g", "x", fast, slow, goal=0.49).reached
    assert Row("g", "x", slow, goal=5.0, unit="s").reached
    assert not Row("g", "x", slow, goal=5.1, unit="x", at_least=True).reached
    assert Row("g", "x", slow, fast).reached is None
    assert Row("g", "x", slow, fast).ratio == 2.0


def test_ours_is_compared_with_the_fastest_of_the_others():
    timings = {name: single(name, value) for name, value in {"ours": 3.0, "a": 6.0, "b": 4.0}.items()}
    row = row_of("g", "x", timings, goal=0.8)
    assert (row.peer.name, row.ratio, row.reached) == ("b", 0.75, True)
    assert row_of("g", "x", {"ours": timings["ours"]}, goal=0.8).reached is None


def test_the_table_names_what_was_missed():
    slow = Row("raster", "forward", single("ours", 2.0), single("peer", 1.0), goal=0.9)
    rows = [slow, Row("start", "import", single("t", 0.1))]
    assert bench.line(rows[0]).split()[-4:] == ["2.00", "<=", "0.9", "NO"]
    assert bench.verdict(rows).strip() == "0 of 1 goals reached; missed: raster: forward"


def test_sides_take_turns_and_each_starts_a_round():
    order = []
    timings = take_turns({name: lambda name=name: order.append(name) for name in "abc"}, rounds=3, warm_up=1)
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert [len(timing.samples) for timing in timings.values()] == [3, 3, 3]


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder of benchmarks, importable."""
    monkeypatch.setattr(sys, "path", [str(bench.find_benchmarks()), *sys.path])
    return bench.find_benchmarks()


def test_every_group_has_a_table(benchmarks):
    assert [name for name in bench.GROUPS if not (benchmarks / f"table_{name}.py").is_file()] == []
    with pytest.raises(UsageError, match="speed"):
        bench.run(bench.BenchOptions(only=("speed",)))


def test_without_a_gpu_nothing_is_measured_on_one(monkeypatch):
    monkeypatch.setattr("mgcbook.arrays._missing_for_cuda", lambda: "no card: pip install 'mgcbook[cuda13]'")
    with pytest.raises(ResourceError, match=r"^device='cuda': no card: pip install 'mgcbook\[cuda13\]'$"):
        bench.run(bench.BenchOptions(device="cuda"))
    with pytest.raises(UsageError, match="only: groups are of the processor"):
        bench.run(bench.BenchOptions(device="cuda", only=("tape",)))


def test_rows_of_a_gpu_stand_beside_pytorch_at_the_same_precision(benchmarks, monkeypatch, tmp_path, capsys):
    import gpu_common
    import table_cuda

    found = {
        **{name: {"graph tf32": 4.0, "graph bf16": 3.0, "eager tf32": 9.0} for name in table_cuda.STEPS},
        "PyTorch, whole step": {"eager tf32": 12.0, "channels-last tf32": 8.0, "graph tf32": 1.0, "channels-last bf16": 2.0},
        "rasterizer": {"rasterizer": 0.2}, "one photograph": {"graph": 1.0, "eager": 5.0},
    }  # fmt: skip

    def check(name):
        def function(sizes):
            assert name in found, "a wrong number"
            return "", found[name]

        return gpu_common.Check("speed", name, function, 1.0)

    monkeypatch.setattr(gpu_common, "CHECKS", {name: check(name) for name in gpu_common.CHECKS})
    monkeypatch.setattr("gpu_torch.torch_here", lambda: sys)
    monkeypatch.setattr("mgcbook.programs.bench.check_device", lambda device: None)
    monkeypatch.setattr(table_cuda, "_known", {})
    assert bench.run(bench.BenchOptions(device="cuda", rounds=1, out=tmp_path / "cuda.json")) == 0
    said = capsys.readouterr().out
    rows = {row["name"]: row for row in json.loads((tmp_path / "cuda.json").read_text())["rows"]}
    whole = rows["whole step, graph tf32"]
    assert (whole["peer"]["name"], whole["ratio"], whole["reached"]) == ("PyTorch channels-last tf32", 0.5, True)
    assert not rows["whole step, graph bf16"]["reached"] and "goal" not in rows["whole step, eager tf32"]
    assert "peer" not in rows["network step, small batch, graph tf32"] and not rows["rasterizer"]["reached"]
    assert "PyTorch, network step, small batch: a wrong number" in said and "pictures that the GPU draws: a wrong" in said
    assert "2 of 4 goals reached" in said


def test_a_group_is_measured_printed_and_written(benchmarks, tmp_path, capsys):
    assert bench.run(bench.BenchOptions(rounds=1, only=("tape",), out=tmp_path / "figures.json")) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["machine"]["threads"] == "2"
    row = figures["rows"][0]
    assert row["peer"]["name"] == "HIPS autograd"
    assert row["ratio"] == pytest.approx(row["ours"]["median"] / row["peer"]["median"])
    assert "goals reached" in capsys.readouterr().out


def test_the_plain_rasterizer_finds_what_ours_finds(benchmarks):
    import table_raster
    from bench_raster import faces
    from raster_baseline import Baseline, clip_coordinates

    from mgcbook.face.raster import rasterize
    from mgcbook.kernels import twins

    points, triangles, camera = faces("light", 2, 48)
    fragments = rasterize(points, triangles, camera)
    gradient = np.random.default_rng(0).normal(size=fragments.barycentric.shape).astype(np.float32)
    hits = points, triangles, fragments.triangle, fragments.barycentric, gradient
    slope = twins.barycentric_gradient(*hits, camera.focal, camera.center)
    baseline = Baseline(clip_coordinates(points, camera), triangles, 48, 48)
    table_raster.check(baseline, fragments, slope, gradient.reshape(2, -1, 3).copy(), camera)
    with pytest.raises(AssertionError):
        table_raster.check(baseline, fragments, 1.1 * slope, gradient.reshape(2, -1, 3).copy(), camera)


def test_the_step_in_pytorch_agrees_with_ours(benchmarks):
    pytest.importorskip("torch")
    import table_step

    table_step.torch_sides(table_step.OurStep())

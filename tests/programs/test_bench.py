"""The table of benchmarks: what a row says, and that every group can be found; nothing here depends on how fast a machine is."""

import json
import sys

import numpy as np
import pytest

from mgcbook.errors import UsageError
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

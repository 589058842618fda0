"""ResNet-50 against PyTorch: training steps and inference, and what the second thread brings."""

from bench_network import all_sides
from common import both_on, on_threads

from mgcbook.programs.timing import Row, row_of, single, take_turns

GOALS = {("5x224", "step"): 1.0, ("15x64", "step"): 0.8, ("5x224", "inference"): 1.0, ("15x64", "inference"): 1.0}
NAMES = {"step": "forward, backward, Adam", "inference": "forward in eval mode"}


def rows(rounds, threads):
    """Rows of the table."""
    for shape, kind in GOALS:
        with both_on(threads):
            sides = all_sides(*map(int, shape.split("x")), kind)
            timings = take_turns(sides, max(3, rounds * 5 // 7), pause=0.005)
        name = f"ResNet-50, {shape.replace('x', ' x ')}, {NAMES[kind]}"
        yield row_of("network", name, timings, GOALS[shape, kind], ours="mgcbook")
        if kind == "step":
            turns = {count: on_threads(count, sides["mgcbook"]) for count in (1, 2)}
            timings = take_turns(turns, max(3, rounds // 2), warm_up=0)
            gain = single("gain", timings[1].median / timings[2].median)
            yield Row("network", "  the same, one thread / two threads", gain, None, 1.6, "x", at_least=True)

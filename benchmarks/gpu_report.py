"""What `make gpu-check` has found, as a Markdown table: checks, times beside PyTorch, and which goals are met."""

from dataclasses import dataclass

BOUNDS = {
    ("small", "tf32"): 3.1, ("small", "bf16"): 1.6, ("small", "float32"): 7.9,
    ("large", "tf32"): 18.8, ("large", "bf16"): 9.5, ("large", "float32"): 49.6,
}  # fmt: skip
"""Milliseconds below which no H200 does a step of ResNet-50, batch 15 and 96: for each layer the larger of its arithmetic (395,
790, 60 TFLOP/s) and its traffic (4.3 TB/s), added up. A model, not a measurement."""
STEPS = {"small": "network step, small batch", "large": "network step, large batch"}


@dataclass(frozen=True)
class Goal:
    """Something that should be at most (or at least) so much."""

    name: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def reached(self):
        """Whether it is."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_dict(self):
        """For JSON files."""
        return {"name": self.name, "value": self.value, "limit": self.limit, "at least": self.at_least, "reached": self.reached}


def goals(results, device, full=True):
    """The goals that can be judged by what was measured.

    Args:
        results: name -> result, with its numbers.
        device: name of the GPU: the bound is known for an H200 only.
        full: sizes are those of the goals.
    """
    numbers = {name: result.get("numbers") or {} for name, result in results.items()}
    if not full:
        return []
    found = []
    add = lambda name, value, limit, **more: value is not None and found.append(Goal(name, value, limit, **more))
    add("rasterizer, ms", numbers.get("rasterizer", {}).get("rasterizer"), 0.1)
    add("one photograph, ms", numbers.get("one photograph", {}).get("graph"), 2.0)
    add("GPU busy in training", numbers.get("some minutes of the preset paper", {}).get("busy"), 0.9, at_least=True)
    for size, name in STEPS.items():
        ours, theirs = numbers.get(name, {}), numbers.get(f"PyTorch, {name}", {})
        for precision in ("tf32", "bf16"):
            compiled = numbers.get(f"PyTorch, compiled {precision}, {size} batch", {})
            mine = ours.get(f"graph {precision}")
            eager = [theirs[way] for way in (f"eager {precision}", f"channels-last {precision}") if way in theirs]
            fast = f"graph {precision}", f"compile {precision}"
            best = [times[way] for times in (theirs, compiled) for way in fast if way in times]
            if mine and eager:
                add(f"{name}, {precision}: ours / PyTorch eager", mine / min(eager), 1.0)
            if mine and best:
                add(f"{name}, {precision}: ours / PyTorch compiled or graph", mine / min(best), 1.25)
            if mine and "H200" in device:
                add(f"{name}, {precision}: part of the bound", BOUNDS[size, precision] / mine, 0.6, at_least=True)
    ours, theirs = numbers.get("whole step", {}), numbers.get("PyTorch, whole step", {})
    for precision in ("tf32", "bf16"):
        if f"graph {precision}" in ours and f"channels-last {precision}" in theirs:
            ratio = ours[f"graph {precision}"] / theirs[f"channels-last {precision}"]
            add(f"whole step, {precision}: ours / PyTorch eager", ratio, 1.0)
    return found


def markdown(machine, results, found):
    """The table; results: name -> result, in order."""
    done = sum(result["ok"] for result in results.values())
    rest = ", ".join(f"{name} {value}" for name, value in machine.items() if name != "device")
    passed = f"{done} of {len(results)} checks passed. Written by `make gpu-check`."
    lines = [f"# {machine['device']}", "", f"{rest}.", passed, ""]
    if found:
        lines += ["| goal | found | wanted | reached |", "|---|---|---|---|"]
        for goal in found:
            sign = "at least" if goal.at_least else "at most"
            lines.append(f"| {goal.name} | {goal.value:.3g} | {sign} {goal.limit:g} | {'yes' if goal.reached else 'no'} |")
        lines.append("")
    lines += ["| section | check | passed | found |", "|---|---|---|---|"]
    for name, result in results.items():
        text = " ".join(result["text"].split()).replace("|", "/")[:600]
        lines.append(f"| {result['section']} | {name} | {'yes' if result['ok'] else 'NO'} | {text} |")
    return "\n".join(lines) + "\n"

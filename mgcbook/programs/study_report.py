"""`mgcbook study report`: tables and sentences from the numbers of the study. No number is written here by hand."""

import os
import re
from pathlib import Path

from mgcbook.data.protocols.tables import published
from mgcbook.errors import DataError
from mgcbook.files import atomic_write
from mgcbook.programs.study_cells import against, mean_and_deviation, number
from mgcbook.programs.study_files import fingerprint, read_json
from mgcbook.programs.study_fits import fits_sentences, fits_table
from mgcbook.programs.study_settings import BASELINE, WARMUP
from mgcbook.programs.study_statistics import Ablation
from mgcbook.programs.trained import shipped_weights

BEGIN, END = "<!-- study: written by mgcbook study report -->", "<!-- end of study -->"
TABLE = {"plane_mm": "shape, mm (ICP)", "vertex_scaled_mm": "shape, mm (scaled)", "depth_mm": "depth, mm",
         "rotation_degrees": "pose, °", "nme_percent": "landmarks, %", "epipolar_px": "epipolar, px",
         "spread_mm": "spread, mm"}  # fmt: skip
"""Columns of the ablation: metric -> heading."""
IN_README = "figure-6", "figure-7b"
"""Figures that the README shows; study.md shows all."""
BENCHMARK = {"nme_percent": "landmarks, %", "plane_mm": "shape, mm (ICP)", "vertex_mm": "shape, mm (rigid)",
             "vertex_scaled_mm": "shape, mm (scaled)", "depth_mm": "depth, mm", "rotation_degrees": "pose, °"}  # fmt: skip


def load_results(folder, scale="minutes"):
    """The numbers that are there; -> {"benchmark", "ablation", "photographs", "fits": dict}, less those that are missing."""
    names = {"benchmark": "benchmark.json", "ablation": f"ablation-{scale}.json", "photographs": "photographs.json",
             "fits": "fits.json"}  # fmt: skip
    return {part: read_json(Path(folder) / name) for part, name in names.items() if (Path(folder) / name).is_file()}


def benchmark_table(content):
    """The test sets as Markdown: found / mean face for each measure."""
    lines = ["| set | " + " | ".join(BENCHMARK.values()) + " | spread, mm |", "|" + "---|" * (len(BENCHMARK) + 2)]
    for name, entry in content["sets"].items():
        cells = [against(entry["summary"][metric], entry["mean_face"][metric]) for metric in BENCHMARK]
        cells += [number(entry["summary"]["spread_mm"])]
        lines.append(f"| {name}, {entry['faces']} faces | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ablation_table(content):
    """Rows of Table 3 as Markdown: mean and standard deviation over seeds; the mean face as a last row."""
    study = Ablation(content)
    lines = ["| losses | seeds | " + " | ".join(TABLE.values()) + " |", "|" + "---|" * (len(TABLE) + 2)]
    for row in (*([WARMUP] if study.seeds(WARMUP) else []), *study.rows):
        cells = [mean_and_deviation(study.values(row, metric)) for metric in TABLE]
        name = "what all rows begin with" if row == WARMUP else row
        lines.append(f"| {name} | {len(study.seeds(row))} | " + " | ".join(cells) + " |")
    nothing = content["mean_face"][study.first]["summary"]
    return "\n".join([*lines, "| the mean face | | " + " | ".join(number(nothing[metric]) for metric in TABLE) + " |"])


def loss_shares(content):
    """How much each loss is of the total at the end of the trainings, a sentence for each row with multi-view losses."""
    study, said = Ablation(content), []
    for row in study.rows:
        weights = next(run["config"]["weights"] for run in content["runs"] if run["row"] == row)
        on = content["rows"][row]["losses"]
        if on:
            total = study.loss(row, "total")
            parts = [f"{name} {100 * weights['multi_view'] * weights[name] * study.loss(row, name) / total:.1f} %" for name in on]
            said.append(f"{row}: {', '.join(parts)} of the loss")
    return said


def photographs_table(content):
    """Landmark errors on photographs beside the published rows, as Markdown."""
    known = published()["aflw2000"]
    lines = ["| method | " + " | ".join(known["columns"]) + " |", "|" + "---|" * (len(known["columns"]) + 1)]
    rows = {**{f"{name} (published, all 2000)": numbers for name, numbers in known["rows"].items()},
            **{f"**{name}**, here": entry["numbers"] for name, entry in content["methods"].items()}}  # fmt: skip
    return "\n".join([*lines, *(f"| {name} | " + " | ".join(map(number, numbers)) + " |" for name, numbers in rows.items())])


def drawn(folder, beside, names=None):
    """Links to the figures that are in a folder, for a Markdown file in the folder `beside`; -> list of lines.

    Args:
        folder: with the figures.
        beside: folder of the file that shows them.
        names: which of `study_figures.CAPTIONS`; None: all.
    """
    from mgcbook.programs.study_figures import CAPTIONS

    paths = {name: Path(folder) / f"{name}.png" for name in names or CAPTIONS}
    return [f"![{CAPTIONS[name]}]({Path(os.path.relpath(path, beside)).as_posix()})\n\n*{CAPTIONS[name]}.*"
            for name, path in paths.items() if path.is_file()]  # fmt: skip


def is_of_shipped(content):
    """Whether numbers were measured with the weights that come with this installation."""
    path = shipped_weights()
    return path is not None and content["weights"]["sha256"] == fingerprint(path)


def report(results, pictures=()):
    """All of it as Markdown; results: as `load_results` gives, pictures: as `drawn` gives."""
    blocks = ["# The study", "Written by `mgcbook study report` from the JSON files beside it."]
    if "benchmark" in results:
        content = results["benchmark"]
        blocks += ["## Three test sets", _made(content), "Found / mean face, and the change. (ICP): root mean square distance of "
                   "point to plane, 95 mm around the nose. (scaled): after the size is taken out, which a photograph does not "
                   "show.", benchmark_table(content)]  # fmt: skip
    if "ablation" in results:
        blocks += [*_ablation_blocks(results["ablation"]), *pictures]
    if "photographs" in results:
        content = results["photographs"]
        blocks += ["## Photographs", _made(content), f"{content['count']} pictures of AFLW2000-3D ({_bins(content)}). "
                   f"{content['protocol']}", photographs_table(content)]  # fmt: skip
    if "fits" in results:
        blocks += _fits_blocks(results["fits"])
    if len(blocks) == 2:
        blocks.append("Nothing is measured yet.")
    return "\n\n".join(blocks) + "\n"


def _ablation_blocks(content):
    study = Ablation(content)
    faces = ", ".join(f"{count} of {name}" for name, count in content["faces"].items())
    listed = lambda lines: "\n".join(f"- {line}" for line in lines)
    budget = (f"Scale `{content['scale']}`: {content['about']}. Of each seed {content['warmup_steps']} steps with 2D losses, "
              f"then from these weights {content['branch_steps']} steps for every row; faces measured: {faces}.")  # fmt: skip
    return ["## The losses one by one (Table 3)", _made(content), budget, ablation_table(content),
            f"Against row {BASELINE}, error of the shape (point to plane):", listed(study.sentences()),
            "All losses against 2D losses only:", listed(study.geometry()),
            "How much the multi-view losses were of the sum, at the end:", listed(loss_shares(content))]  # fmt: skip


def _fits_blocks(content):
    return [
        "## From the network to a fitted face",
        _made(content),
        "Fitted from where the network is, without any given landmark: found / mean face, and the change.",
        fits_table(content),
        "\n".join(f"- {line}" for line in fits_sentences(content)),
    ]


def _bins(content):
    return ", ".join(f"{count} at {name} degrees" for name, count in content["bins"].items())


def _made(content):
    versions = ", ".join(f"{name} {version}" for name, version in content["versions"].items())
    weights = content.get("weights")
    of = f"; weights {weights['file']} ({weights['sha256']}, step {weights['step']})" if weights else ""
    return f"{content['date']}; {versions}{of}."


def _whose(content):
    if is_of_shipped(content):
        return "The network that comes with the package"
    return f"Another network ({content['weights']['file']})"


def readme_block(results, pictures=()):
    """What stands between the marks of the README; short. Arguments as for `report`."""
    parts = []
    if "benchmark" in results:
        content = results["benchmark"]
        parts += [f"{_whose(content)} on made-up faces it has never seen, found / mean face:", benchmark_table(content)]
    if "photographs" in results:
        content = results["photographs"]
        rows = [f"{name} {number(entry['numbers'][-1])} %" for name, entry in content["methods"].items()]
        bins = ", ".join(f"{count} at {name}°" for name, count in content["bins"].items())
        best = min(published()["aflw2000"]["rows"].items(), key=lambda row: row[1][-1])
        parts.append(f"{_whose(content)} on {content['count']} photographs of AFLW2000-3D ({bins}) from a face box alone, "
                     f"landmark error, mean of the bins of yaw: {', '.join(rows)}; the best published row, {best[0]} on all "
                     f"2000: {number(best[1][-1])} %.")  # fmt: skip
    if "fits" in results:
        parts += ["Fitted from there without landmarks, found / mean face:", *_fits_blocks(results["fits"])[3:]]
    if "ablation" in results:
        content = results["ablation"]
        study = Ablation(content)
        parts += [f"Table 3 of the paper in small ({content['about']}; {len(content['seeds'])} seeds, mean ± deviation):",
                  ablation_table(content),
                  "\n".join(f"- {line}" for line in [*study.sentences(), *study.geometry()]), *pictures]  # fmt: skip
    return "\n\n".join(parts or ["Nothing is measured yet."])


def with_block(text, block):
    """The README with its block replaced.

    Raises:
        DataError: if the marks are not there, once each and in order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise DataError(f"readme: expected one line {BEGIN!r} and one {END!r} after it")
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n{block}\n{END}", text, flags=re.S)


def run_report(options):
    """Write study.md, the figures, the README's block, and the model card of the weights that come with the package."""
    results, weights = load_results(options.results, options.scale), shipped_weights()
    if not results and weights is None:
        raise DataError(f"{options.results}: no results there; mgcbook study benchmark, ablation and photographs make them")
    if options.figures:
        from mgcbook.programs.study_figures import write_figures

        for path in write_figures(results, options.results):
            print(path)
    if results:
        _write(options.results / "study.md", report(results, drawn(options.results, options.results)), ", ".join(results))
    if options.readme is not None and options.readme.is_file():
        block = readme_block(results, drawn(options.results, options.readme.parent, IN_README))
        text = with_block(options.readme.read_text(encoding="utf-8"), block)
        _write(options.readme, text, "the block between the marks")
    if options.card is not None and options.card.parent.is_dir() and weights is not None:
        from mgcbook.programs.model_card import model_card

        _write(options.card, model_card(weights, results), "the model card")


def _write(path, text, about):
    with atomic_write(path) as file:
        file.write(text.encode())
    print(f"{path}: {about}")

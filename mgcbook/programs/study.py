"""`mgcbook study`: does it work? A benchmark with truth, the paper's ablation with seeds and spread, and photographs.

    mgcbook study benchmark                 the network on three sets of made-up faces, beside the mean face
    mgcbook study ablation --scale minutes  Table 3 of the paper: the losses one by one, several seeds, resumable
    mgcbook study photographs --data FOLDER landmarks on AFLW2000-3D from a face box alone
    mgcbook study fits                      what fitting adds to the network, with one picture and with three of a person
    mgcbook study report                    tables, figures, the README's block and the model card, from the numbers
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import OmitSubcommandPrefixes, subcommand

from mgcbook.arrays import check_device
from mgcbook.data.benchmark import COUNT
from mgcbook.programs.config import at_least
from mgcbook.programs.study_files import RESULTS


@dataclass(frozen=True)
class Benchmark:
    """Measure a network on the three test sets."""

    weights: Path | None = None
    """Folder of a training run, or one of its checkpoints; by default the weights that come with the package."""
    count: int = COUNT
    """Faces of each set."""
    out: Path = RESULTS / "benchmark.json"
    """JSON file for every number."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network is computed."""

    def __post_init__(self):
        at_least(self, 1, "count")


@dataclass(frozen=True)
class Ablation:
    """Train with and without each loss (Table 3, Table 1a), several seeds; finished trainings are not repeated, an interrupted
    one goes on."""

    scale: str = "minutes"
    """Which settings of mgcbook/programs/study.json: toy (seconds, for tests), minutes, shipped (minutes, from the
    weights that come with the package), or full (a GPU)."""
    runs: Path = Path("runs/study")
    """Folder of the training runs."""
    out: Path | None = None
    """JSON file for every number; by default ablation-SCALE.json in benchmarks/study."""
    only: int | None = None
    """Stop after so many trainings; the same command goes on."""
    seed: int | None = None
    """Only the trainings of this seed: several such commands may run side by side in one folder."""

    def __post_init__(self):
        at_least(self, 1, "only")


@dataclass(frozen=True)
class Photographs:
    """Landmark error on AFLW2000-3D: the network alone from a face box, then network and fit; no true landmark helps."""

    data: Path
    """Folder of AFLW2000-3D, or of a part of it."""
    weights: Path | None = None
    """Folder of a training run, or one of its checkpoints; by default the weights that come with the package."""
    count: int | None = None
    """Only the first so many."""
    fit: bool = True
    """Also fit each photograph from where the network is; seconds each."""
    out: Path = RESULTS / "photographs.json"
    """JSON file for every number."""

    def __post_init__(self):
        at_least(self, 1, "count")


@dataclass(frozen=True)
class Fits:
    """Fit made-up faces from where the network is: each picture by itself, then the three of a person together."""

    weights: Path | None = None
    """Folder of a training run, or one of its checkpoints; by default the weights that come with the package."""
    count: int = 40
    """Faces of each set; about fifteen seconds each."""
    out: Path = RESULTS / "fits.json"
    """JSON file for every number."""

    def __post_init__(self):
        at_least(self, 2, "count")


@dataclass(frozen=True)
class Report:
    """Write the tables, the figures, the README's block and the model card from the numbers of the other parts."""

    results: Path = RESULTS
    """Folder of their JSON files; study.md and the figures go there as well."""
    readme: Path | None = Path("README.md")
    """File whose block between the marks is replaced."""
    scale: str = "minutes"
    """Which ablation."""
    figures: bool = True
    """Also draw the figures."""
    card: Path | None = Path("mgcbook/weights/README.md")
    """Model card of the weights that come with the package; written if they and its folder are there."""


PARTS = {"benchmark": Benchmark, "ablation": Ablation, "photographs": Photographs, "fits": Fits, "report": Report}


def parse(args):
    """Command line -> the options of one part."""
    import tyro

    kinds = [Annotated[kind, subcommand(name)] for name, kind in PARTS.items()]
    union = kinds[0] | kinds[1] | kinds[2] | kinds[3] | kinds[4]
    return tyro.cli(union, args=args, prog="mgcbook study", description=__doc__,
                    config=(tyro.conf.FlagCreatePairsOff, OmitSubcommandPrefixes))  # fmt: skip


def run(options):
    """Run one part; returns its exit code."""
    check_device(getattr(options, "device", "cpu"))
    if isinstance(options, Benchmark):
        from mgcbook.programs.study_benchmark import run_benchmark

        return run_benchmark(options)
    if isinstance(options, Ablation):
        from mgcbook.programs.study_ablation import run_ablation

        return run_ablation(options)
    if isinstance(options, Photographs):
        from mgcbook.programs.study_photographs import run_photographs

        return run_photographs(options)
    if isinstance(options, Fits):
        from mgcbook.programs.study_fits import run_fits

        return run_fits(options)
    from mgcbook.programs.study_report import run_report

    return run_report(options)

"""`mgcbook study ablation`: Table 3 of the paper on faces whose truth is known, with several seeds.

Each training is a usual one in a folder of its own (runs/study/SCALE/SEED/ROW): `mgcbook plot` draws its losses. What is
measured of it lies beside as measured.json; both are skipped when they are there, so the command goes on where it was stopped.
"""

import numpy as np

from mgcbook.data import builtin
from mgcbook.data.benchmark import benchmark_faces
from mgcbook.errors import DataError, UsageError
from mgcbook.learning.weights import save_weights
from mgcbook.programs import checkpoint
from mgcbook.programs.config import from_dict, to_dict
from mgcbook.programs.interrupt import Interrupt
from mgcbook.programs.metrics import read_metrics
from mgcbook.programs.study_files import RESULTS, about, read_json, write_json
from mgcbook.programs.study_measure import METRICS, TestSet
from mgcbook.programs.study_settings import BASELINE, FULL, WARMUP, folder_of, load_scale
from mgcbook.programs.train import CHECKPOINTS, open_data, train
from mgcbook.programs.trained import Trained, shipped_weights

MEASURED, START = "measured.json", "weights.safetensors"
EXAMPLES = {"in-domain": (0, 1, 4), "extreme": (0, 1)}
"""Faces whose coefficients are kept for the figures, of the rows EXAMPLE_ROWS and the first seed."""
EXAMPLE_ROWS = (BASELINE, FULL)


class Study:
    """All trainings of a scale, in order, and what is measured of them.

    Args:
        scale: a Scale.
        folder: of the training runs.
        stop: called after each step; True ends the study, which can go on later.
        say: called with a line of text now and then.
    """

    def __init__(self, scale, folder, *, stop=lambda: False, say=print):
        self._folder, self._stop, self._say = folder / scale.name, stop, say
        self._data, self._tests, self._start = (None, None), None, None
        if scale.start:
            self._start, config = checkpoint.load(_shipped())
            scale = scale.like(to_dict(from_dict(config)))
        self.scale = scale

    def jobs(self):
        """(row or None for the warm-up, seed) of every training, in the order in which they are done."""
        return [(row, seed) for seed in self.scale.seeds for row in (None, *self.scale.rows)]

    def place(self, row, seed):
        """The folder of a training."""
        return self._folder / f"seed-{seed}" / (WARMUP if row is None else folder_of(row.name))

    def is_done(self, row, seed):
        """Whether a training and its measurement are finished."""
        return (self.place(row, seed) / MEASURED).is_file()

    def do(self, row, seed):
        """Train, or go on with it, then measure; -> False if it was stopped."""
        place = self.place(row, seed)
        config = self.scale.warmup(seed) if row is None else self.scale.branch(row, seed, self.place(None, seed) / START)
        if row is None and self._start:
            self._say(f"seed {seed}: the weights that come with the package")
            place.mkdir(parents=True, exist_ok=True)
            self._finish(row, seed, self._start, config, [])
            return True
        self._say(f"seed {seed}, {WARMUP if row is None else row.name}: {config.steps} steps")
        seconds = [report.seconds for report in train(config, self._faces(config), place, stop=self._stop)]
        _, state, _ = checkpoint.latest(place / CHECKPOINTS)
        if state.step < config.steps:
            return False
        self._finish(row, seed, state, config, seconds)
        return True

    def _finish(self, row, seed, state, config, seconds):
        """Measure a training that is done and write what was found; of the warm-up also the weights for the rows."""
        place, start = self.place(row, seed), self.place(None, seed) / START
        if row is None:
            params = {name: np.asarray(array, np.float32) for name, array in state.params.items()}
            save_weights(start, params, state.batch_norm)
        found = self._measure(Trained(state, config), row, seed)
        losses = {} if row is None and self._start else self._losses(place)
        write_json(place / MEASURED, {"config": to_dict(config), "seconds_a_step": float(np.median(seconds)) if seconds else None,
                                      "losses": losses, **found})  # fmt: skip
        first = next(iter(self.scale.sets))
        self._say("  " + ", ".join(f"{name} {_short(found['sets'][first]['summary'][name])}" for name in METRICS))

    def _faces(self, config):
        """What is learned from; made once for all trainings of a seed."""
        key = config.seed, config.image_size, config.triples, config.data
        if self._data[0] != key:
            self._data = key, open_data(config)
        return self._data[1]

    def _losses(self, place):
        """Mean of each loss over the last tenth of a training."""
        reports = read_metrics(place)
        reports = reports[-max(len(reports) // 10, 1) :]
        return {name: float(np.mean([report["losses"][name] for report in reports])) for name in reports[-1]["losses"]}

    def _measure(self, network, row, seed):
        if self._tests is None:
            model = builtin.load_generator(network.config.face)
            self._tests = {name: TestSet(benchmark_faces(name, network.decoder.camera.width, model), network.decoder, count,
                                         icp_views=3, keep=True) for name, count in self.scale.sets.items()}  # fmt: skip
        sets, nothing, examples = {}, {}, {}
        for name, test in self._tests.items():
            found, mean_face = test.measure(network)
            sets[name] = {"summary": found.summary(), "pictures": found.pictures, "of_faces": found.faces}
            nothing[name] = {"summary": mean_face.summary(), "pictures": mean_face.pictures}
            if row is not None and row.name in EXAMPLE_ROWS and seed == self.scale.seeds[0]:
                wanted = [index for index in EXAMPLES.get(name, ()) if index < test.count]
                examples[name] = {str(index): _rounded(network(test.faces.item(index)["images"])) for index in wanted}
        return {"sets": sets, "mean_face": nothing, "examples": examples}

    def gather(self):
        """What is measured so far; -> dict for JSON."""
        runs, rows = [], {row.name: row for row in self.scale.rows}
        mean_face, examples = {}, {}
        for row, seed in self.jobs():
            if not self.is_done(row, seed):
                continue
            measured = read_json(self.place(row, seed) / MEASURED)
            name = WARMUP if row is None else row.name
            mean_face = mean_face or measured["mean_face"]
            if measured["examples"]:
                examples[name] = measured["examples"]
            kept = {key: measured[key] for key in ("seconds_a_step", "losses", "sets", "config")}
            for entry in kept["sets"].values():  # the same for all: once, with the mean face, is enough
                entry["pictures"].pop("yaw_degrees")
            runs.append({"row": name, "seed": seed, **kept})
        if not runs:
            raise DataError("study: no training is finished yet")
        scale = self.scale
        settings = {"scale": scale.name, "about": scale.about, "seeds": scale.seeds, "faces": scale.sets,
                    "warmup_steps": scale.warmup_steps, "branch_steps": scale.branch_steps}  # fmt: skip
        table = {name: {"paper": row.paper, "losses": row.losses} for name, row in rows.items()}
        return {**about(), **settings, "metrics": METRICS, "rows": table, "mean_face": mean_face, "runs": runs,
                "examples": examples}  # fmt: skip


def run_ablation(options):
    """Do the trainings that are left, then write what all of them say; returns the exit code."""
    scale = load_scale(options.scale)
    if options.seed is not None and options.seed not in scale.seeds:
        raise UsageError(f"seed: the scale {scale.name} has {', '.join(map(str, scale.seeds))}, got {options.seed}")
    path = options.out or RESULTS / f"ablation-{scale.name}.json"
    with Interrupt() as interrupt:
        study = Study(scale, options.runs, stop=lambda: interrupt.name)
        jobs = [job for job in study.jobs() if options.seed in (None, job[1])]
        left = [job for job in jobs if not study.is_done(*job)]
        print(f"{scale.name}: {scale.about}; {len(left)} of {len(jobs)} trainings left", flush=True)
        for row, seed in left[: options.only]:
            if not study.do(row, seed):
                print("stopped with a checkpoint; the same command goes on")
                return 128 + interrupt.number
    write_json(path, study.gather())
    print(f"every number: {path}; tables and figures: mgcbook study report --scale {scale.name}")
    return 0


def _shipped():
    path = shipped_weights()
    if path is None:
        raise UsageError("scale: this one begins with the weights that come with the package, and this installation brings none")
    return path


def _rounded(coefficients):
    return [[float(f"{value:.4g}") for value in row] for row in np.asarray(coefficients, float)]


def _short(value):
    return "-" if value is None else f"{value:.3g}"

"""What happens when a number stops being finite: the first one is named, and the batch is kept to look at it again.

`check` is called after every step. `replay` (for `mgcbook doctor --replay FILE`) runs a kept batch through the stages of a step
and says for each tensor whether it is finite.
"""

import json
import shlex
from pathlib import Path

import numpy as np

from mgcbook.errors import DataError, NumericalError
from mgcbook.programs.checkpoint import read_tensors, write_tensors
from mgcbook.programs.config import from_dict, to_dict

NAME = "bad-step-{:08d}.safetensors"


def first_bad(**groups):
    """Name of the first array that holds a NaN or an infinity: "loss pixel"; None where all are finite.

    Args:
        groups: name of a group -> array, or dict of arrays, looked through in the order given.
    """
    for group, arrays in groups.items():
        for name, array in (arrays if isinstance(arrays, dict) else {"": arrays}).items():
            if not _is_finite(array):
                return f"{group.replace('_', ' ')} {name}".strip()
    return None


def _is_finite(array):
    array = np.asarray(array)
    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def check(run_folder, config, step, state, batch, result):
    """Raise if the result of a step is not finite, after keeping the batch and the weights that it came from.

    Args:
        run_folder, config, step: of the run.
        state: the TrainingState before the step.
        batch: the batch of the step, host arrays.
        result: dict of what the step computed, in order: coefficients, losses, gradients ...; arrays or dicts of arrays.
    Raises:
        NumericalError: naming the first bad tensor, the step and the file with the batch.
    """
    bad = first_bad(batch=batch, **result)
    if bad is None:
        return
    path = Path(run_folder) / NAME.format(step)
    groups = {"batch": batch, "params": state.params, "batch_norm": state.batch_norm}
    tensors = {
        f"{group}/{name}": np.ascontiguousarray(array) for group, arrays in groups.items() for name, array in arrays.items()
    }
    write_tensors(path, tensors, {"config": json.dumps(to_dict(config)), "step": str(step), "bad": bad})
    raise NumericalError(f"step {step}: {bad} is not finite; {_how(run_folder, step)}")


def check_together(comm, run_folder, config, step, state, batch, result):
    """`check` on each of several processes, when one of them at least has found a number that is not finite; always raises.

    What is bad in one process soon is in all of them, through sums over the batch. The one whose bad number comes earliest in
    the order of a step keeps its batch, and the others wait until it is written: whoever ends first ends all.

    Raises:
        NumericalError: on every process, naming the file.
    """
    groups = {"batch": batch, **result}
    bad = [first_bad(**{name: group}) is not None for name, group in groups.items()]
    own = bad.index(True) if any(bad) else len(bad)
    places = comm.sum(np.where(np.arange(comm.size) == comm.rank, own, 0).astype(np.float32))
    first = int(np.argmin(places))
    try:
        if comm.rank == first:
            check(run_folder, config, step, state, batch, result)
    finally:
        comm.sum(np.zeros(1, np.float32))  # here all have come when the file is written
    if places[first] == len(bad):
        raise NumericalError(f"step {step}: a sum over the {comm.size} processes is not finite, though what each adds is")
    raise NumericalError(f"step {step}: process {first} found a number that is not finite; {_how(run_folder, step)}")


def _how(run_folder, step):
    """Where the batch is kept, and what to do with it."""
    path = Path(run_folder) / NAME.format(step)
    return f"the batch is kept: mgcbook doctor --replay {shlex.quote(str(path))}"


def load_bad_batch(path):
    """Read what `check` kept: (configuration, step, what was bad, {"batch": ..., "params": ..., "batch_norm": ...}).

    Raises:
        DataError: if the file is not one of these.
    """
    tensors, about = read_tensors(path)
    if set(about) != {"config", "step", "bad"}:
        raise DataError(f"{path}: not a batch that a training run has kept; those are called {NAME.format(0)} and so on")
    groups = {"batch": {}, "params": {}, "batch_norm": {}}
    for name, array in tensors.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = array
    return from_dict(json.loads(about["config"]), path), int(about["step"]), about["bad"], groups


def replay(path, learner=None):
    """Run a kept batch again and list what each stage gives; a generator of (stage, tensor, what was found).

    Args:
        path: the file that `check` wrote.
        learner: the network and losses; None builds them from the configuration in the file.
    """
    config, step, bad, kept = load_bad_batch(path)
    yield "kept", f"step {step}", f"first bad tensor then: {bad}"
    if learner is None:
        from mgcbook.programs.learner import Learner

        learner = Learner(config)
    for stage, arrays in (*kept.items(), *learner.stages(kept["params"], kept["batch_norm"], kept["batch"])):
        for name, array in (arrays if isinstance(arrays, dict) else {"": arrays}).items():
            if stage in kept and stage != "batch" and _is_finite(array):
                continue  # hundreds of weights: only the bad ones are of interest
            yield stage, name, describe(array)


def describe(array):
    """Shape, range and the number of bad entries of an array, as text."""
    array = np.asarray(array)
    if not array.size:
        return f"{array.shape} empty"
    finite = array[np.isfinite(array)]
    span = f"{finite.min():.4g} .. {finite.max():.4g}" if finite.size else "no finite value"
    bad = array.size - finite.size
    where = f"; {bad} of {array.size} not finite, first at {_first_place(array)}" if bad else ""
    return f"{array.shape} {span}{where}"


def _first_place(array):
    place = np.unravel_index(np.argmin(np.isfinite(array)), array.shape)
    return tuple(map(int, place))

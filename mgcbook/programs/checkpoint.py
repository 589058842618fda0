"""Checkpoints of a training run: complete or absent, and never in place of a good one.

A file is a safetensors file, readable without this package: the tensors are `params/...`, `adam/m/...`, `adam/v/...` and
`batch_norm/...`; the text beside them is the format's number, the step, the state of the random numbers, the configuration,
the model it belongs to, a score, and a checksum. It is written under another name, forced to the disk and then renamed, so
a crash, a full disk or a lost permission leaves the checkpoints before it as they were.
"""

import contextlib
import json
import os
import re
import warnings
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mgcbook.errors import DataError, ResourceError

FORMAT = 1
NAME = "step-{:08d}.safetensors"
_PATTERN = re.compile(r"step-(\d+)\.safetensors")


@dataclass(frozen=True)
class TrainingState:
    """Everything that the next step of a training run depends on, except the data."""

    step: int
    """Steps that are done."""
    params: dict
    """Name -> array: the weights of the network."""
    adam: dict
    """The optimiser's state: dicts of arrays ("m", "v") and plain numbers (the count of its steps)."""
    batch_norm: dict
    """Name -> array: the running means and variances of the network's batch normalisation."""
    rng: dict = field(default_factory=dict)
    """What the random numbers of the next step follow from; plain numbers and text."""


def save(folder, state, *, config, model, score=None, keep=2):
    """Write one checkpoint and remove those that are neither among the newest `keep` nor the best; returns its path.

    Args:
        folder: the folder of the checkpoints; made if it is missing.
        state: TrainingState with host arrays.
        config: the configuration, a dict that JSON can hold.
        model: what the weights belong to, a flat dict: "face", "network", "outputs" ...; compared when loading.
        score: smaller is better; the best checkpoint is kept beside the newest ones.
    Raises:
        ResourceError: if the file cannot be written; the earlier checkpoints are as they were.
    """
    folder = Path(folder)
    tensors = {name: np.ascontiguousarray(array) for name, array in _flatten(state).items()}
    about = {
        "step": state.step,
        "rng": state.rng,
        "config": config,
        "model": model,
        "score": score,
        "adam": {name: value for name, value in state.adam.items() if not isinstance(value, dict)},
    }
    path = folder / NAME.format(state.step)
    write_whole(path, tensors, about)
    _prune(folder, keep)
    return path


def write_whole(path, tensors, about):
    """Write tensors and what `save` says about them, with a new checksum. Raises ResourceError, see `write_tensors`."""
    about = {**about, "checksum": _checksum(tensors)}
    write_tensors(path, tensors, {"format": str(FORMAT), **{name: json.dumps(value) for name, value in about.items()}})


def read_whole(path):
    """The tensors of a checkpoint by their names in the file, and what is said about them: (dict, dict).

    Raises:
        DataError: if the file is missing, damaged or of another format.
    """
    tensors, text = read_tensors(path)
    about = _about(path, text)
    if about["checksum"] != _checksum(tensors):
        raise DataError(f"{path}: its numbers do not fit its checksum, so the file is damaged")
    return tensors, about


def write_tensors(path, tensors, about):
    """Write a safetensors file that is complete or absent.

    Args:
        path: the file; its folder is made if it is missing.
        tensors: name -> contiguous NumPy array.
        about: name -> text, the file's metadata.
    Raises:
        ResourceError: naming the file and the reason.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata=about)
        os.chmod(temporary, path.parent.stat().st_mode & 0o666)  # who may read the folder may read the file
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or _reason(error)
        raise ResourceError(f"{path}: cannot be written ({reason}); what was saved before is unchanged") from error


def _reason(error):
    """What safetensors says of the system: "No space left on device"; its wording differs between versions."""
    said = re.search(r'I/O error: (.*?) \(os error|message: "(.*?)"', str(error))
    return (said[1] or said[2]) if said else str(error)


def read_tensors(path):
    """All tensors and the metadata of a safetensors file: ({name: array}, {name: text}).

    Raises:
        DataError: if the file is missing, cut short or not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a complete safetensors file ({error})") from error


def load(path, model=None):
    """Read one checkpoint: (TrainingState, configuration as a dict).

    Args:
        path: the file.
        model: what the reader has built, as given to `save`; None accepts any model.
    Raises:
        DataError: if the file is damaged, or belongs to another model; the message says what differs.
    """
    state, about = _read(path)
    _refuse_another(path, about["model"], model)
    return state, about["config"]


def latest(folder, model=None):
    """The newest checkpoint that is whole: (path, TrainingState, configuration), or None where there is none.

    A damaged one is passed over with a warning that names it and the one that is used instead.

    Raises:
        DataError: if it belongs to another model, or if there are checkpoints and all of them are damaged.
    """
    damaged = []
    for path in reversed(checkpoints(folder)):
        try:
            state, about = _read(path)
        except DataError as error:
            damaged.append(str(error))
            continue
        _refuse_another(path, about["model"], model)
        if damaged:
            warnings.warn(f"{'; '.join(damaged)}; going on from {path.name} instead", stacklevel=2)
        return path, state, about["config"]
    if damaged:
        raise DataError(f"no checkpoint in {folder} can be used: {'; '.join(damaged)}")
    return None


def best(folder):
    """Path of the checkpoint with the smallest score, or None where none has one."""
    scores = {path: score for path in checkpoints(folder) if (score := _score(path)) is not None}
    return min(scores, key=scores.get) if scores else None


def checkpoints(folder):
    """The checkpoints in a folder, oldest first (damaged ones too)."""
    folder = Path(folder)
    found = [path for path in folder.iterdir() if _PATTERN.fullmatch(path.name)] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(_PATTERN.fullmatch(path.name)[1]))


def differences(theirs, ours):
    """One phrase for each entry in which two flat dicts differ: "network: 'resnet50' there, 'resnet18' here"."""
    names = sorted(set(theirs) | set(ours))
    return [
        f"{name}: {theirs.get(name)!r} there, {ours.get(name)!r} here" for name in names if theirs.get(name) != ours.get(name)
    ]


def _read(path):
    tensors, about = read_whole(path)
    groups = {}
    for name, array in tensors.items():
        head, _, rest = name.partition("/")
        if head == "adam":
            moment, _, rest = rest.partition("/")
            head = f"adam/{moment}"
        groups.setdefault(head, {})[rest] = array
    moments = {head.removeprefix("adam/"): arrays for head, arrays in groups.items() if head.startswith("adam/")}
    adam = {**about["adam"], **moments}
    return TrainingState(about["step"], groups.get("params", {}), adam, groups.get("batch_norm", {}), about["rng"]), about


def _refuse_another(path, theirs, ours):
    different = [] if ours is None else differences(theirs, json.loads(json.dumps(ours)))
    if different:
        raise DataError(f"{path}: a checkpoint of another model ({'; '.join(different)})")


def _flatten(state):
    groups = {"params": state.params, "batch_norm": state.batch_norm}
    groups |= {f"adam/{name}": value for name, value in state.adam.items() if isinstance(value, dict)}
    return {f"{group}/{name}": np.asarray(array) for group, arrays in groups.items() for name, array in arrays.items()}


def _checksum(tensors):
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].reshape(-1).view(np.uint8), zlib.crc32(name.encode(), value))
    return value


def _about(path, text):
    if text.get("format") != str(FORMAT):
        raise DataError(
            f"{path}: expected a checkpoint of format {FORMAT}, got {text.get('format', 'a file without a format number')}"
        )
    try:
        about = {name: json.loads(value) for name, value in text.items()}
        missing = {"step", "rng", "config", "model", "score", "adam", "checksum"} - set(about)
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: its metadata cannot be read ({error})") from error
    if missing:
        raise DataError(f"{path}: its metadata lacks {', '.join(sorted(missing))}")
    return about


def _metadata(path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: not a complete safetensors file ({error})") from error


def _score(path):
    try:
        return _about(path, _metadata(path))["score"]
    except DataError:
        return None


def _prune(folder, keep):
    stay = {*checkpoints(folder)[-keep:], best(folder)}
    unneeded = [path for path in checkpoints(folder) if path not in stay]
    for path in [*unneeded, *folder.glob("*.tmp"), *folder.glob(".tmp*")]:  # the last two: left by a process that was killed
        with contextlib.suppress(OSError):
            path.unlink()


def _sync_folder(folder):
    if os.name == "posix":  # makes the new name itself survive a power cut; Windows has no such call
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

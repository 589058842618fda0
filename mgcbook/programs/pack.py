"""`mgcbook pack RUN FILE`: the weights of a training run as one small file, to give away.

A checkpoint without the state of the optimiser, which nobody needs who does not go on training, and with half as many bits a
number: the weights are rounded to 11 binary digits, which moves predictions by less than a thousandth. The file also says on
which day the checkpoint was written.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from mgcbook.errors import DataError
from mgcbook.programs import checkpoint
from mgcbook.programs.train import CHECKPOINTS


def pack(source, path):
    """Write the weights of a run folder (its newest checkpoint) or of a checkpoint into one file; -> its size in bytes.

    `mgcbook.programs.trained.open_trained` reads it as it reads a checkpoint.

    Raises:
        DataError: if there is no checkpoint, or a weight is too large for 16 bits.
        ResourceError: if the file cannot be written.
    """
    source, path = Path(source), Path(path)
    if source.is_dir():
        source = next(reversed(checkpoint.checkpoints(source / CHECKPOINTS)), None) or source / CHECKPOINTS
    tensors, about = checkpoint.read_whole(source)
    kept = {name: _half(name, array) for name, array in tensors.items() if not name.startswith("adam/")}
    checkpoint.write_whole(path, kept, {"date": _day_of(source), **about, "adam": {}})
    return path.stat().st_size


def _day_of(path):
    """When a file was last written, as YYYY-MM-DD, UTC."""
    return datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).strftime("%Y-%m-%d")


def _half(name, array):
    """Parameters in 16 bits; running statistics as they are: variances may be tiny."""
    if not name.startswith("params/"):
        return array
    if not np.abs(array).max(initial=0) < np.finfo(np.float16).max:
        raise DataError(f"{name}: holds numbers that are too large for 16 bits, or not finite; this network cannot be packed")
    return array.astype(np.float16)


@dataclass(frozen=True)
class PackOptions:
    """Write trained weights into one small file that reconstruct, evaluate and fit read like a run folder."""

    run: Positional[Path]
    """Folder of a training run, or one of its checkpoints."""
    file: Positional[Path]
    """The file to write, by custom network.safetensors."""


def run(options: PackOptions):
    """Pack and say how large the file became."""
    size = pack(options.run, options.file)
    print(f"{options.file}: {size / 1e6:.1f} MB")

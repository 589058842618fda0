"""Reading and checking data sets of faces on disk; the format is described in mgcbook.data.dataset_format.

    faces = FaceDataset("faces")              # reads dataset.json only
    batch = faces.batch([3, 1, 4])            # reads these items only; the same dict as SyntheticFaces.batch gives
    problems = validate("faces")              # [] or lines that name file, field and what is wrong
"""

from itertools import accumulate
from pathlib import Path

import numpy as np

from mgcbook.data.dataset_format import DESCRIPTION, decode, digest_of, read_description
from mgcbook.errors import DataError

FLAGS = 0, 1, 2
FAR_OUTSIDE = 4.0
"""Landmarks further from the picture than this many widths are a mistake; in profile some lie a little outside."""


class FaceDataset:
    """A data set on disk. Opening it reads the description; items are read when they are asked for.

    Args:
        folder: where dataset.json lies.
        truth: also read the truth, if the data set has it.
    Raises:
        DataError: if the folder holds no complete data set of this format and version.
    """

    def __init__(self, folder, *, truth=True):
        self.folder = Path(folder)
        self.description = read_description(folder)
        self.camera = self.description.camera
        self.fields = {name: field for name, field in self.description.fields.items() if truth or not name.startswith("truth/")}
        self._ends = list(accumulate(shard["count"] for shard in self.description.shards))
        for shard in self.description.shards:
            _check_size(self.folder / shard["file"], shard["bytes"])

    def __len__(self):
        return self.description.count

    def describe(self):
        """What made the data set; -> dict."""
        return self.description.source

    def item(self, index):
        """One item, as a dict without the first axis of a batch; `flag` is an int.

        Raises:
            IndexError: for a number that the data set does not have.
            DataError: if its file is damaged.
        """
        batch = self.batch([index])
        flag = int(batch.pop("flags")[0])
        return {**_first(batch), "flag": flag}

    def batch(self, indices):
        """Items stacked along a first axis; -> {images (B, N, H, W, 3), landmarks, skin, flags (B,), truth {...}}."""
        indices = [self._checked(index) for index in indices]
        shards = np.searchsorted(self._ends, indices, side="right")
        arrays = {name: np.empty((len(indices), *shape), dtype) for name, (dtype, shape) in self.fields.items()}
        for number in np.unique(shards):
            start = self._ends[number] - self.description.shards[number]["count"]
            places = np.flatnonzero(shards == number)
            rows = [indices[place] - start for place in places]
            for name, values in self._read(number, rows).items():
                arrays[name][places] = values
        return decode(arrays)

    def _checked(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"index: this data set has the items 0 to {len(self) - 1}, got {index}")
        return int(index)

    def _read(self, number, rows):
        shard = self.description.shards[number]
        path = self.folder / shard["file"]
        arrays = read_rows(path, self.fields, shard["count"], rows)
        if not np.isfinite(arrays["landmarks"]).all():
            raise DataError(f"{path}: landmarks: not finite; run `validate` on the data set to see where")
        if not np.isin(arrays["flags"], FLAGS).all():
            raise DataError(f"{path}: flags: expected 0, 1 or 2")
        return arrays


def open_dataset(folder, size):
    """A data set to train on, without its truth, checked to hold pictures of size x size pixels; -> FaceDataset.

    Raises:
        DataError: if it holds pictures of another size, or is no complete data set.
    """
    data = FaceDataset(folder, truth=False)
    if (data.camera.width, data.camera.height) != (size, size):
        raise DataError(f"{folder}: pictures of {data.camera.width} x {data.camera.height} pixels, expected {size} x {size}")
    return data


def _first(tree):
    if isinstance(tree, dict):
        return {name: _first(value) for name, value in tree.items()}
    return tuple(map(_first, tree)) if isinstance(tree, tuple) else tree[0]


def _check_size(path, expected):
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); the data set is not complete") from error
    if size != expected or not path.is_file():
        raise DataError(f"{path}: expected {expected} bytes, found {size}; the file is damaged, write the data set again")


def read_rows(path, fields, count, rows):
    """Some items of a shard; only their bytes are read; -> {name: (len(rows), ...)}.

    Args:
        fields: name -> (dtype, shape of one item), what the file must hold.
        count: how many items the file must hold.
        rows: which of them.
    Raises:
        DataError: if the file is not a shard with these fields.
    """
    from safetensors import SafetensorError, safe_open

    kinds = {"uint8": "U8", "float32": "F32"}
    try:
        with safe_open(path, framework="numpy") as file:
            stored = set(file.keys())
            missing = [name for name in fields if name not in stored]
            if missing:
                raise DataError(f"{path}: {missing[0]}: missing")
            arrays = {}
            for name, (dtype, shape) in fields.items():
                values = file.get_slice(name)
                if values.get_shape() != [count, *shape] or values.get_dtype() != kinds[dtype]:
                    found = f"{values.get_dtype()} {values.get_shape()}"
                    raise DataError(f"{path}: {name}: expected {kinds[dtype]} {[count, *shape]}, found {found}")
                if not shape:
                    arrays[name] = values[0:count][rows]
                else:
                    arrays[name] = np.concatenate([np.empty((0, *shape), dtype), *(values[row : row + 1] for row in rows)])
            return arrays
    except (SafetensorError, OSError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a readable shard ({str(error)[:120]})") from error


def validate(folder):
    """Every problem of a data set, each as one line "file: field: what is wrong"; [] for a good one.

    Reads everything once, one item at a time: sizes, checksums, types, shapes, and the values of every field.
    """
    try:
        description = read_description(folder)
    except DataError as error:
        return [str(error)]
    problems = []
    for shard in description.shards:
        path = Path(folder) / shard["file"]
        try:
            _check_size(path, shard["bytes"])
            if digest_of(path) != shard["sha256"]:
                problems.append(f"{path}: sha256 differs from {DESCRIPTION}: the file was changed or damaged")
            for row in range(shard["count"]):
                arrays = read_rows(path, description.fields, shard["count"], [row])
                problems += [f"{path}: {problem}, item {row}" for problem in _value_problems(arrays, description.camera)]
        except DataError as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(f"{path}: cannot be read ({error.strerror})")
    known = {DESCRIPTION, *(shard["file"] for shard in description.shards)}
    extra = [entry.name for entry in Path(folder).glob("shard-*") if entry.name not in known]
    return problems + [f"{Path(folder) / name}: belongs to no data set of {DESCRIPTION}" for name in sorted(extra)]


def _value_problems(arrays, camera):
    for name, values in arrays.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            yield f"{name}: {int((~np.isfinite(values)).sum())} values are not finite"
    landmarks = np.nan_to_num(arrays["landmarks"])
    size = max(camera.width, camera.height)
    if (np.abs(landmarks - np.array(camera.center, np.float32)) > FAR_OUTSIDE * size).any():
        yield "landmarks: far outside the picture"
    if (np.ptp(landmarks, axis=-2) <= 0).any():
        yield "landmarks: all in one place"
    if arrays["flags"][0] not in FLAGS:
        yield f"flags: expected 0, 1 or 2, found {arrays['flags'][0]}"
    if not arrays["skin"].any():
        yield "skin: 0 everywhere, so no pixel would count"
    if (arrays["images"].min((-3, -2, -1)) == arrays["images"].max((-3, -2, -1))).any():
        yield "images: a picture of one flat value"
    if (arrays.get("truth/depth", np.zeros(1)) < 0).any():
        yield "truth/depth: negative"
    if (arrays.get("truth/covisible", np.zeros(1, np.uint8)) > 1).any():
        yield "truth/covisible: expected 0 or 1"

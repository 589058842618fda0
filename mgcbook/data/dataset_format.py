"""The data sets of mgcbook on disk: what the files of a folder hold, stated once for reader, writer and validator.

    FOLDER/dataset.json               what is in the shards (below)
    FOLDER/shard-00000.safetensors    the first items, every field an array with the items along its first axis
    FOLDER/shard-00001.safetensors    ...

dataset.json: {"format": "mgcbook-dataset", "version": 1, "count": items, "camera": {"focal", "width", "height", "center"},
"units": {...}, "source": {...}, "fields": {name: {"dtype", "shape" of one item}}, "shards": [...]}, each shard as
{"file", "count", "bytes", "sha256"}.

| field     | of one item  | type    | meaning                                                                             |
|-----------|--------------|---------|-------------------------------------------------------------------------------------|
| images    | (N, H, W, 3) | uint8   | red green blue, 255 = 1; view 0 is the target, the others are sources               |
| skin      | (N, H, W)    | uint8   | weight of the render loss, 255 = 1                                                  |
| landmarks | (N, 68, 2)   | float32 | x, y in pixels; the centre of pixel (row r, column c) is (c + 0.5, r + 0.5)         |
| flags     | ()           | uint8   | 0: photographs of different moments; 1: pixel and depth losses; 2: epipolar as well |
| truth/... |              | float32 | optional, see mgcbook.data.synthetic; truth/covisible is uint8, 1 = covisible       |

Nothing in it can run code. A data set is complete when dataset.json is there; it is written last.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mgcbook.errors import DataError
from mgcbook.face.camera import Camera

FORMAT, VERSION = "mgcbook-dataset", 1
DESCRIPTION, PLAN = "dataset.json", "dataset.part.json"
MAX_DESCRIPTION = 64 * 2**20
"""Bytes; a larger dataset.json is refused before it is read."""
UNITS = {"length": "mm", "angle": "radian", "landmarks": "pixel; centre of row r, column c at (c + 0.5, r + 0.5)",
         "images": "1/255", "skin": "1/255"}  # fmt: skip
SCALES = {"images": 255, "skin": 255, "flags": 1, "truth/covisible": 1}
"""Fields stored in eight bits: stored = round(value * scale). All others are float32."""
REQUIRED = {"images": 4, "skin": 3, "landmarks": 3, "flags": 0}
"""Fields that every data set has, and how many axes one item of each has."""


@dataclass(frozen=True)
class Description:
    """What dataset.json says."""

    count: int
    camera: Camera
    source: dict
    """What made the data set."""
    fields: dict
    """Name -> (dtype, shape of one item)."""
    shards: list
    """Of dicts {"file", "count", "bytes", "sha256"}."""

    def to_json(self):
        """The text of dataset.json, the same for the same content; -> bytes."""
        camera = {name: getattr(self.camera, name) for name in ("focal", "width", "height", "center")}
        fields = {name: {"dtype": dtype, "shape": list(shape)} for name, (dtype, shape) in self.fields.items()}
        content = {"format": FORMAT, "version": VERSION, "count": self.count, "camera": camera, "units": UNITS,
                   "source": self.source, "fields": fields, "shards": self.shards}  # fmt: skip
        return json.dumps(content, indent=1).encode() + b"\n"


def shard_name(number):
    """File name of a shard."""
    return f"shard-{number:05d}.safetensors"


def read_description(folder):
    """Read and check dataset.json; folder -> Description.

    Raises:
        DataError: if there is none, if it is of another format or version, or says impossible things.
    """
    path = Path(folder) / DESCRIPTION
    content = _read_json(path)
    if content.get("format") != FORMAT:
        raise DataError(f"{path}: expected the format {FORMAT!r}, found {str(content.get('format'))[:40]!r}")
    if content.get("version") != VERSION:
        raise DataError(f"{path}: version {str(content.get('version'))[:40]!r}; this mgcbook reads version {VERSION}")
    try:
        description = Description(
            count=_whole(content["count"], 0, 2**32),
            camera=_camera(content["camera"]),
            source=_dict(content["source"]),
            fields={name: _field(name, field) for name, field in _dict(content["fields"]).items()},
            shards=[_shard(number, shard) for number, shard in enumerate(content["shards"])],
        )
        _check_together(description)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise DataError(f"{path}: {reason}") from error
    return description


def _read_json(path):
    try:
        if path.stat().st_size > MAX_DESCRIPTION:
            raise DataError(f"{path}: too large for a description ({path.stat().st_size} bytes)")
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        part = path.with_name(PLAN)
        hint = "; its writing was interrupted: write it again with the same settings to complete it" if part.exists() else ""
        raise DataError(f"{path}: not found, so {path.parent} is not a complete data set{hint}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({str(error)[:100]})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object")
    return content


def _dict(value):
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, got {str(value)[:40]!r}")
    return value


def _whole(value, low, high):
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"expected a whole number from {low} to {high}, got {str(value)[:40]!r}")
    return value


def _camera(content):
    numbers = [content["focal"], *content["center"]]
    if len(numbers) != 3 or any(isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x) for x in numbers):
        raise ValueError("camera: focal and center: expected three finite numbers")
    width, height = (_whole(content[name], 1, 2**16) for name in ("width", "height"))
    return Camera(float(numbers[0]), width, height, tuple(map(float, numbers[1:])))


def _field(name, content):
    dtype = "uint8" if name in SCALES else "float32"
    shape = tuple(_whole(n, 0, 2**32) for n in content["shape"])
    if content["dtype"] != dtype or len(shape) > 6:
        raise ValueError(f"fields: {str(name)[:40]}: expected {dtype} of at most six axes, got {str(content)[:80]}")
    if name not in REQUIRED and not re.fullmatch(r"truth(/[a-z0-9_]+){1,3}", name):
        raise ValueError(f"fields: {str(name)[:40]!r} is unknown")
    return dtype, shape


def _shard(number, content):
    digest = content["sha256"]
    if content["file"] != shard_name(number):  # never a path of the file's choosing
        raise ValueError(f"shards: expected {shard_name(number)!r} in place {number}, got {str(content['file'])[:60]!r}")
    if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
        raise ValueError(f"shards: {shard_name(number)}: sha256: expected 64 hexadecimal digits")
    sizes = {"count": _whole(content["count"], 1, 2**32), "bytes": _whole(content["bytes"], 1, 2**50)}
    return {"file": content["file"], **sizes, "sha256": digest}


def _check_together(description):
    fields, camera = description.fields, description.camera
    missing = set(REQUIRED) - set(fields)
    if missing:
        raise ValueError(f"fields: {', '.join(sorted(missing))} missing")
    views = fields["images"][1][:1]
    expected = {"images": (*views, camera.height, camera.width, 3), "skin": (*views, camera.height, camera.width),
                "landmarks": (*views, 68, 2), "flags": ()}  # fmt: skip
    for name, shape in expected.items():
        if fields[name][1] != shape:
            raise ValueError(f"fields: {name}: expected the shape {list(shape)}, got {list(fields[name][1])}")
    total = sum(shard["count"] for shard in description.shards)
    if total != description.count:
        raise ValueError(f"count: the shards hold {total} items together, but count is {description.count}")


def encode(batch):
    """A batch of items as the arrays of a shard: nested names joined by "/", eight bits where the format says so; -> dict."""
    arrays = {}
    for name, values in _flat(batch):
        scale = SCALES.get(name)
        stored = np.round(np.asarray(values) * scale) if scale else values
        arrays[name] = np.ascontiguousarray(stored, dtype=np.uint8 if scale else np.float32)
    return arrays


def decode(arrays):
    """The inverse of `encode`: dict of arrays -> batch with float32 values, flags (B,) int64, truth nested again."""
    batch = {}
    for name, stored in arrays.items():
        scale = SCALES.get(name)
        values = stored.astype(np.float32) / np.float32(scale) if scale else stored
        *path, last = name.split("/")
        place = batch
        for step in path:
            place = place.setdefault(step, {})
        place[last] = values.astype(np.int64) if name == "flags" else values
    return _with_tuples(batch)


def _flat(tree, prefix=""):
    pairs = enumerate(tree) if isinstance(tree, tuple) else tree.items()
    for key, value in pairs:
        if isinstance(value, dict | tuple):
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", value


def _with_tuples(tree):
    if not isinstance(tree, dict):
        return tree
    values = {key: _with_tuples(value) for key, value in tree.items()}
    return tuple(values[str(i)] for i in range(len(values))) if set(values) == {str(i) for i in range(len(values))} else values


def digest_of(path):
    """SHA-256 of a file, read in pieces; -> 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""From a data set of photographs to the package's own: every view aligned, cut out, with its skin map, as shards on disk.

Work is cut into runs of items. Each run makes one part, a shard without its bad items and a note that names them; at the end the
parts are put in order. A part that is there is never made again, so a preparation that was killed goes on where it was and ends
with the same bytes as one that was not.

    DST/parts/00007.safetensors, 00007.json  ->  DST/shard-00007.safetensors, ..., items.jsonl, skipped.jsonl, dataset.json
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data.align import align, warp_image
from mgcbook.data.dataset_format import DESCRIPTION, Description, digest_of, encode, read_description, shard_name
from mgcbook.data.finders import FINDERS
from mgcbook.data.skin import skin_weight
from mgcbook.errors import DataError, ResourceError, UsageError
from mgcbook.files import atomic_write

PARTS, ITEMS, SKIPPED = "parts", "items.jsonl", "skipped.jsonl"


class Summary(NamedTuple):
    """What a preparation gave."""

    description: Description
    skipped: list
    """Dicts {"item": number, "views": keys, "reason": text}."""


class Preparation:
    """Makes items of a data set ready for training.

    Args:
        source: a `mgcbook.data.sources.Source`.
        template: (68, 2) where an aligned face has its landmarks, see `alignment_template`.
        camera: sees the aligned face; its width and height are those of the pictures.
        views: pictures of an item; None: as usual for the data set.
        limit: only the first so many items.
        rng: for data sets that combine at random; None: a generator with seed 0.
        find: who finds landmarks in the pictures, instead of the data set's own (`mgcbook.data.finders.Finder`).
        skin: which colours are skin where the data set itself does not say, one of `mgcbook.data.skin.MIXTURES`.
    Raises:
        DataError: if the data set gives no item of so many views.
    """

    def __init__(self, source, template, camera, *, views=None, limit=None, rng=None, find=None, skin="jones-rehg"):
        if (views is not None and views < 1) or (limit is not None and limit < 1):
            raise UsageError(f"prepare: expected views and limit of at least 1, got {views} and {limit}")
        self.source, self.template, self.camera = source, template, camera
        self.views, self.find, self.skin = views or source.views, find, skin
        self.items = source.items(self.views, rng)[:limit]
        if not self.items:
            raise DataError(f"{source.folder}: {len(source)} pictures, but no item of {self.views} views; try fewer views")

    def make(self, number):
        """One item as a batch of one, in eight bits as on disk, and what is known of its views.

        Raises:
            DataError: if a picture or its labels cannot be used.
        """
        keys, flag = self.items[number]
        views, known = [], []
        for key in keys:
            sample = self.source.sample(key)
            views.append(self.view(sample))
            known.append({"key": key, "yaw_degrees": sample.yaw_degrees, "subject": sample.subject})
        images, landmarks, skin = (np.stack(parts)[None] for parts in zip(*views, strict=True))
        batch = encode({"images": images, "landmarks": landmarks, "skin": skin, "flags": np.array([flag])})
        return batch, {"item": number, "flag": flag, "views": known}

    def view(self, sample):
        """Picture, landmarks and skin map of one sample, aligned; -> (H, W, 3), (68, 2), (H, W).

        Skin weighs nothing beyond the photograph's border, where the crop only repeats the last pixels.
        """
        photo = None if self.find is None else sample.read_image()
        landmarks = sample.landmarks if self.find is None else self.find(photo, sample.key)
        if landmarks is None or len(landmarks) != 68:
            found = "no landmarks" if landmarks is None else f"{len(landmarks)} landmarks"
            raise DataError(f"{sample.key}: training needs 68 landmarks, found {found}; lay its landmark file of the same "
                            "name beside it (.pts, .txt, .npy, .json, .mat), or give --landmarks FOLDER, or the name of who "
                            f"finds them: {', '.join(('network', *FINDERS))}")  # fmt: skip
        photo = sample.read_image() if photo is None else photo
        aligned = align(photo, landmarks, self.template, self.camera)
        own = sample.read_skin()
        if own is None:
            skin = skin_weight(aligned.image, mixture=self.skin)
        elif own.shape != photo.shape[:2]:
            raise DataError(f"{sample.skin}: expected {photo.shape[:2]} like the picture, found {own.shape}")
        else:
            skin = warp_image(own[..., None], aligned.crop_from_photo, self.camera.height, self.camera.width)[0][..., 0]
            skin = np.where(skin > 0.5, 1, skin)
        skin = skin * aligned.inside
        if not (skin > 1 / 255).any():
            raise DataError(f"{sample.key}: no skin in the aligned picture; do the landmarks belong to it?")
        return np.clip(aligned.image, 0, 1), aligned.landmarks, np.clip(skin, 0, 1)


def prepare(folder, preparation, about, *, shard_size=64, workers=1, progress=None):
    """Write a data set; goes on with one that was interrupted; -> Summary.

    Args:
        folder: made if it does not exist.
        about: dict for JSON, what the data set was made from; noted in dataset.json.
        shard_size: items of a part.
        workers: parts in the making at the same time; the result does not depend on it.
        progress: called as progress(items done, items in all), from any thread.
    Raises:
        DataError: if the folder holds another data set, or if every item is bad.
        ResourceError: if it cannot be written; what is complete stays.
    """
    if shard_size < 1 or workers < 1:
        raise UsageError(f"prepare: shard_size and workers must be at least 1, got {shard_size} and {workers}")
    folder = Path(folder)
    keys = hashlib.sha256(json.dumps([[list(keys), int(flag)] for keys, flag in preparation.items]).encode()).hexdigest()[:16]
    plan = {"about": about, "items": len(preparation.items), "keys": keys, "views": preparation.views, "shard_size": shard_size}
    if (folder / DESCRIPTION).exists():
        return _complete(folder, plan)
    parts = folder / PARTS
    _begin(folder, parts, plan)
    total, done = len(preparation.items), [0]
    starts = range(0, total, shard_size)

    def make(number):
        note = _read_note(parts, number)
        if note is None:
            note = _write_part(parts, number, preparation, range(starts[number], min(starts[number] + shard_size, total)))
        done[0] += len(note["items"]) + len(note["skipped"])
        if progress is not None:
            progress(min(done[0], total), total)
        return note

    workers = 1 if getattr(preparation.source, "is_sequential", False) else workers
    with ThreadPoolExecutor(workers) as pool:
        try:
            notes = list(pool.map(make, range(len(starts))))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return _finish(folder, parts, preparation.camera, plan, notes)


def _begin(folder, parts, plan):
    """Note the plan, or see that the one in the folder is the same, and remove what a killed process left half written."""
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{parts}: cannot be made ({error.strerror or error})") from error
    for left in (*folder.glob(".*.tmp"), *parts.glob(".*.tmp")):
        left.unlink()
    path = parts / "plan.json"
    content = json.dumps(plan, sort_keys=True).encode()
    if path.exists() and path.read_bytes() != content:
        raise DataError(f"{folder}: holds a part of another data set; choose another folder, or remove this one first")
    if not path.exists():
        _write(path, content)


def _complete(folder, plan):
    """A data set that is finished already, if it is the one that was asked for."""
    description = read_description(folder)
    if description.source != plan:
        raise DataError(f"{folder}: holds another data set; choose another folder, or remove this one first")
    _remove_parts(folder)
    return Summary(description, [json.loads(line) for line in (folder / SKIPPED).read_text(encoding="utf-8").splitlines()])


def _read_note(parts, number):
    path = parts / f"{number:05d}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _write_part(parts, number, preparation, numbers):
    """One part and, when it is complete, its note; -> the note."""
    from safetensors.numpy import save

    batches, note = [], {"items": [], "skipped": []}
    for item in numbers:
        try:
            batch, known = preparation.make(item)
        except DataError as error:
            note["skipped"].append({"item": item, "views": list(preparation.items[item].keys), "reason": str(error)})
            continue
        batches.append(batch)
        note["items"].append(known)
    if batches:
        path = parts / f"{number:05d}.safetensors"
        arrays = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
        _write(path, save(arrays))
        note |= {"bytes": path.stat().st_size, "sha256": digest_of(path),
                 "fields": {name: [values.dtype.name, values.shape[1:]] for name, values in sorted(arrays.items())}}  # fmt: skip
    _write(parts / f"{number:05d}.json", json.dumps(note).encode())
    return json.loads(json.dumps(note))


def _finish(folder, parts, camera, plan, notes):
    """Put the parts in their places, then the lists, the description last; every step may have been done before."""
    skipped = [one for note in notes for one in note["skipped"]]
    good = [(number, note) for number, note in enumerate(notes) if note["items"]]
    if not good:
        _remove_parts(folder)  # notes of what was bad would be believed when it is mended
        raise DataError(f"{folder}: none of {len(skipped)} items can be used; the first: {skipped[0]['reason']}")
    shards = []
    for place, (number, note) in enumerate(good):
        part, shard = parts / f"{number:05d}.safetensors", folder / shard_name(place)
        if part.exists():
            part.replace(shard)
        elif not shard.exists():
            raise DataError(f"{part}: lost; remove {folder} and prepare it again")
        shards.append({"file": shard.name, "count": len(note["items"]), "bytes": note["bytes"], "sha256": note["sha256"]})
    items = [known for _, note in good for known in note["items"]]
    _write(folder / ITEMS, "".join(json.dumps(item) + "\n" for item in items).encode())
    _write(folder / SKIPPED, "".join(json.dumps(one) + "\n" for one in skipped).encode())
    fields = {name: (dtype, tuple(shape)) for name, (dtype, shape) in good[0][1]["fields"].items()}
    description = Description(len(items), camera, plan, fields, shards)
    _write(folder / DESCRIPTION, description.to_json())
    _remove_parts(folder)
    return Summary(description, skipped)


def _remove_parts(folder):
    for path in sorted((folder / PARTS).glob("*")):
        path.unlink()
    if (folder / PARTS).is_dir():
        (folder / PARTS).rmdir()


def _write(path, content):
    with atomic_write(path) as file:
        file.write(content)

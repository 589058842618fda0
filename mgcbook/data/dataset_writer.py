"""Writing data sets of faces; the format is described in mgcbook.data.dataset_format.

Shards are written whole or not at all, the description last. An interrupted write that is started again with the same settings
keeps the shards that are done and ends with the same bytes as one that was never interrupted.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mgcbook.data.dataset import read_rows
from mgcbook.data.dataset_format import DESCRIPTION, PLAN, Description, digest_of, encode, read_description, shard_name
from mgcbook.errors import DataError, UsageError
from mgcbook.files import atomic_write


def write_dataset(folder, source, count, *, shard_size=64, workers=1, progress=None):
    """Write the items 0 to count - 1 of a source to a folder; -> Description.

    Args:
        folder: made if it does not exist; an interrupted data set in it is completed, a complete one with the same content kept.
        source: has `batch(indices)`, `describe()` and `camera`: SyntheticFaces, or FaceDataset to copy one.
        count: how many items.
        shard_size: items in one file.
        workers: shards in the making at the same time; their content does not depend on it.
        progress: called as progress(shards done, shards in all) after each shard.
    Raises:
        DataError: if the folder holds another data set.
        ResourceError: if the disk is full or the folder cannot be written; what is complete stays.
    """
    if count < 1 or shard_size < 1 or workers < 1:
        raise UsageError(f"write_dataset: count, shard_size and workers must be at least 1, got {count}, {shard_size}, {workers}")
    folder = Path(folder)
    first = encode(source.batch([0]))
    fields = {name: (values.dtype.name, values.shape[1:]) for name, values in sorted(first.items())}
    starts = range(0, count, shard_size)
    planned = [{"file": shard_name(number), "count": min(shard_size, count - start)} for number, start in enumerate(starts)]
    plan = Description(count, source.camera, source.describe(), fields, planned)
    complete = _begin(folder, plan)
    if complete is not None:
        return complete

    def make(number):
        _write_shard(folder, plan, number, source, starts[number])
        path = folder / planned[number]["file"]
        return planned[number] | {"bytes": path.stat().st_size, "sha256": digest_of(path)}

    shards = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for shard in pool.map(make, range(len(planned))):
                shards.append(shard)
                if progress is not None:
                    progress(len(shards), len(planned))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    description = Description(count, source.camera, plan.source, fields, shards)
    with atomic_write(folder / DESCRIPTION) as file:
        file.write(description.to_json())
    (folder / PLAN).unlink(missing_ok=True)
    return description


def _begin(folder, plan):
    """Note what is going to be written, or see that the folder holds the same already; -> Description if it is complete."""
    if (folder / DESCRIPTION).exists():
        complete = read_description(folder)
        outline = [{"file": shard["file"], "count": shard["count"]} for shard in complete.shards]
        if Description(complete.count, complete.camera, complete.source, complete.fields, outline).to_json() != plan.to_json():
            raise DataError(f"{folder}: holds another data set; choose another folder, or remove this one first")
        return complete
    path = folder / PLAN
    if path.exists() and path.read_bytes() != plan.to_json():
        raise DataError(f"{folder}: holds a part of another data set; choose another folder, or remove this one first")
    with atomic_write(path) as file:
        file.write(plan.to_json())
    return None


def _write_shard(folder, plan, number, source, start):
    from safetensors.numpy import save

    shard = plan.shards[number]
    path = folder / shard["file"]
    if path.exists():
        try:
            read_rows(path, plan.fields, shard["count"], [])
            return  # shards appear whole, so this one is done
        except DataError:
            pass  # damaged since: made again
    arrays = encode(source.batch(range(start, start + shard["count"])))
    with atomic_write(path) as file:
        file.write(save(arrays))

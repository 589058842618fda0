"""The records that MGCNet was trained on: three aligned views in one strip, their landmarks in a text file.

    train.txt             flag subfolder id               flag 0, 1 or 2 as in Eq. 6
    <sub>/<id>.jpg        224 x 672: first source, TARGET, second source, from left to right
    <sub>/<id>_skin.jpg   the same for the probability of skin
    <sub>/<id>_cam.txt    3 lines K (x,y,z), perhaps 3 lines of a pose, then for TARGET, first, second source (not the strip's
                          order): a line with the number of points and 68 lines x,y

Trap: MGCNet's loader cuts the last character off every id, so the list must end with the end of a line; written so, read both
ways. Points count pixels from 0.
"""

import re
from pathlib import Path

import numpy as np

from mgcbook.data.images import to_uint8
from mgcbook.data.sources.sample import Item, Sample, Source, inside, numbers, pixels, read_text
from mgcbook.errors import DataError, ResourceError
from mgcbook.files import atomic_write

LIST = "train.txt"
STRIP = 1, 0, 2
"""Place in the strip of the target, the first and the second source."""
LARGEST = 10_000_000
SAFE = re.compile(r"[^/\\\0]+(/[^/\\\0]+)*")


class MGCNetRecords(Source):
    """Records of MGCNet; each view is a sample, <sub>/<id>/0 is the target."""

    layout = "train.txt with lines `flag subfolder id` beside the subfolders"

    def __init__(self, folder, *, landmarks=None, size=224):
        self.size = size
        super().__init__(folder, landmarks=landmarks)

    def _list(self):
        path = self.folder / LIST
        self._flags = {}
        for number, line in enumerate(read_text(inside(self.folder, path)).splitlines(), 1):
            words = line.replace(",", " ").split()
            if not words:
                continue
            if len(words) != 3 or words[0] not in ("0", "1", "2") or len(self._flags) >= LARGEST:
                raise DataError(f"{path}: line {number}: expected `flag subfolder id` with a flag 0, 1 or 2, found {line[:60]!r}")
            self._flags[f"{words[1]}/{words[2]}"] = int(words[0])
        return [f"{record}/{view}" for record in self._flags for view in range(3)]

    def _read(self, key):
        record, _, view = key.rpartition("/")
        view = int(view)
        image, skin = (inside(self.folder, self.folder / f"{record}{end}") for end in (".jpg", "_skin.jpg"))
        points = read_camera_file(inside(self.folder, self.folder / f"{record}_cam.txt"))[view]
        start = STRIP[view] * self.size
        return Sample(key, image, columns=(start, start + self.size), skin=skin if skin.is_file() else None, landmarks=points,
                      subject=record, group=record)  # fmt: skip

    def items(self, views=None, rng=None):
        """The records as they are: target, first and second source."""
        views = min(views or 3, 3)
        return [Item(tuple(f"{record}/{view}" for view in range(views)), flag if views > 1 else 0)
                for record, flag in self._flags.items()]  # fmt: skip


def read_camera_file(path):
    """Landmarks of a _cam.txt, target first; -> (views, 68, 2) in continuous pixels.

    Raises:
        DataError: if it is cut short or holds something else.
    """
    rows = [line.replace(",", " ").split() for line in read_text(path, largest=1_000_000).splitlines() if line.strip()]
    starts = [i for i, row in enumerate(rows) if len(row) == 1]
    if not starts or starts[0] not in (3, 6):
        raise DataError(f"{path}: expected 3 lines of K, perhaps 3 of a pose, then the number of points")
    views, place = [], starts[0]
    while place < len(rows):
        if rows[place] != ["68"]:
            raise DataError(f"{path}: view {len(views)}: expected a line `68`, found {' '.join(rows[place])[:40]!r}")
        body = rows[place + 1 : place + 69]
        if len(body) != 68 or any(len(row) != 2 for row in body):
            raise DataError(f"{path}: view {len(views)}: expected 68 lines x,y, found {len(body)}")
        values = numbers(path, [word for row in body for word in row], f"view {len(views)}", 136)
        views.append(pixels(values.reshape(68, 2), 0, f"{path}: view {len(views)}"))
        place += 69
    if len(views) != 3:
        raise DataError(f"{path}: expected 3 views, found {len(views)}")
    return np.stack(views)


def write_records(folder, data, *, subfolder="faces", progress=None):
    """Write items of three views as records that MGCNet's own loader reads.

    Args:
        folder: made if it does not exist.
        data: has `item(index)`, `__len__` and `camera`: a FaceDataset.
        progress: called as progress(records done, records in all).
    Raises:
        DataError: if items have other than three views, or the subfolder's name leads elsewhere.
        ResourceError: if a file cannot be written.
    """
    folder = Path(folder)
    if not SAFE.fullmatch(subfolder) or ".." in subfolder.split("/") or " " in subfolder:
        raise DataError(f"subfolder: expected a plain name, got {subfolder!r}")
    lines = []
    for index in range(len(data)):
        item = data.item(index)
        if len(item["images"]) != 3:
            raise DataError(f"records hold three views, these items have {len(item['images'])}")
        name = f"{index:08d}"
        place = folder / subfolder / name
        strip = [item["images"][STRIP.index(column)] for column in range(3)]
        skin = [item["skin"][STRIP.index(column)] for column in range(3)]
        _write_jpeg(place.with_name(f"{name}.jpg"), np.concatenate(strip, axis=1))
        _write_jpeg(place.with_name(f"{name}_skin.jpg"), np.concatenate(skin, axis=1))
        with atomic_write(place.with_name(f"{name}_cam.txt")) as file:
            file.write(_camera_text(data.camera, item["landmarks"]).encode())
        lines.append(f"{item['flag']} {subfolder} {name}\n")
        if progress is not None:
            progress(index + 1, len(data))
    with atomic_write(folder / LIST) as file:
        file.write("".join(lines).encode())


def _camera_text(camera, landmarks):
    lines = [",".join(f"{x:g}" for x in row) for row in camera.matrix]
    for points in landmarks:
        lines += ["68", *(f"{x:.4f},{y:.4f}" for x, y in np.asarray(points, np.float64) - 0.5)]
    return "\n".join(lines) + "\n"


def _write_jpeg(path, image):
    from PIL import Image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{path.parent}: cannot be made ({error.strerror or error})") from error
    with atomic_write(path) as file:
        Image.fromarray(to_uint8(image)).save(file, "JPEG", quality=98, subsampling=0)

"""CelebA: 202,599 photographs of 10,177 people; three of one person make an item without any common moment (Sec. 4.1).

    celeba/Anno/identity_CelebA.txt              000001.jpg 2880
    celeba/Anno/list_landmarks_align_celeba.txt  count, names, then name and ten whole numbers
    celeba/Eval/list_eval_partition.txt          0 train, 1 validation, 2 test; may be missing
    celeba/img_align_celeba/000001.jpg           178 x 218

Its five points say "left" for left in the picture. Training needs 68: give a folder of files, 000001.pts and so on.
"""

from collections import defaultdict

import numpy as np

from mgcbook.data.sources.sample import ALONE, Item, Sample, Source, inside, numbers, pixels, read_text
from mgcbook.errors import DataError, UsageError

PARTS = {"train": "0", "validation": "1", "test": "2"}
PICTURES = {"img_align_celeba": "list_landmarks_align_celeba.txt", "img_celeba": "list_landmarks_celeba.txt"}
LARGEST = 1_000_000


class CelebA(Source):
    """CelebA.

    Args:
        part: "train", "validation", "test" or None for all.
    """

    layout = "CelebA: Anno/identity_CelebA.txt, Anno/list_landmarks_align_celeba.txt and img_align_celeba/"

    def __init__(self, folder, *, landmarks=None, part="train"):
        if part is not None and part not in PARTS:
            raise UsageError(f"part: expected one of {', '.join(PARTS)}, got {part!r}")
        self.part = part
        super().__init__(folder, landmarks=landmarks)

    def _list(self):
        self._pictures = next((self.folder / name for name in PICTURES if (self.folder / name).is_dir()), None)
        if self._pictures is None:
            raise DataError(f"{self.folder}: no folder {' or '.join(PICTURES)}; expected {self.layout}")
        self._people = _table(self._file("identity_CelebA.txt"))
        self._points = self._landmark_table(PICTURES[self._pictures.name])
        parts = _table(self._file("list_eval_partition.txt")) if self._has("list_eval_partition.txt") else {}
        wanted = None if self.part is None or not parts else PARTS[self.part]
        return sorted(name.rsplit(".", 1)[0] for name in self._people if wanted is None or parts.get(name) == wanted)

    def _has(self, name):
        return any((self.folder / place / name).is_file() for place in ("Anno", "Eval", "."))

    def _file(self, name):
        paths = [self.folder / place / name for place in ("Anno", "Eval", ".")]
        return inside(self.folder, next((path for path in paths if path.is_file()), paths[0]))

    def _landmark_table(self, name):
        path = self._file(name)
        lines = read_text(path).splitlines()
        if len(lines) < 3 or not lines[0].strip().isdecimal() or len(lines[0].strip()) > 7:
            raise DataError(f"{path}: expected the number of pictures, a line of names, then one line for each picture")
        rows = [line.split() for line in lines[2:] if line.strip()]
        if len(rows) != int(lines[0]):
            raise DataError(f"{path}: the first line says {int(lines[0])} pictures, found {len(rows)}; the file is cut short")
        return {row[0]: row[1:] for row in rows}

    def _read(self, key):
        name = f"{key}.jpg"
        if name not in self._points:
            raise DataError(f"{self.folder}: {name}: has no landmarks in {PICTURES[self._pictures.name]}")
        values = numbers(self._file(PICTURES[self._pictures.name]), self._points[name], name, 10)
        image = inside(self._pictures, self._pictures / name)
        return Sample(key, image, pixels(values.reshape(5, 2), 0, name), subject=self._people[name])

    def items(self, views=None, rng=None):
        """Photographs of one person, drawn at random; each photograph is in at most one item."""
        rng = np.random.default_rng(0) if rng is None else rng
        people = defaultdict(list)
        for key in self._keys:
            people[self._people[f"{key}.jpg"]].append(key)
        views, items = views or self.views, []
        for keys in people.values():
            order = rng.permutation(len(keys))
            for start in range(0, len(keys) - views + 1, views):
                items.append(Item(tuple(keys[i] for i in order[start : start + views]), ALONE))
        return items


def _table(path):
    """Lines of a name and a value; -> dict."""
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    bad = next((row for row in rows if len(row) != 2), None)
    if bad is not None or len(rows) > LARGEST:
        found = " ".join(bad or ["too many lines"])[:60]
        raise DataError(f"{path}: expected a picture and a number in each line, found {found!r}")
    return dict(rows)

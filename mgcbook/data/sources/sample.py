"""What every data set turns into: samples, and items of several of them that a network is trained on together.

    for sample in open_source("aflw2000", "AFLW2000"):        # labels are read, pictures only when asked for
        photo = sample.read_image()

A data set is a list of keys, a function that reads the labels of a key, and a rule which samples make an item. Listing is cheap;
nothing else is read before it is needed, so the same classes serve ten samples and a million.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgcbook.data.formats.safe_file import read_bytes
from mgcbook.data.images import read_image
from mgcbook.data.landmarks import FIRST_PIXEL, check_landmarks, read_landmarks
from mgcbook.errors import DataError

ALONE, SAME_MOMENT = 0, 2
"""Flags of an item: 2D losses only, or all of them (Sec. 3.8)."""
LARGEST_NUMBER = 1e12
"""In a text file: its square still has digits to spare."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture or scan and what is known of it; what is not known is None or empty."""

    key: str
    """Its name, unique in the data set."""
    image: Path | np.ndarray | None = None
    """File of the picture, or the picture itself, (H, W, 3) float32 in [0, 1]."""
    landmarks: np.ndarray | None = None
    """(68, 2) or (5, 2) float64 in continuous pixels: the centre of pixel (row r, column c) is (c + 0.5, r + 0.5)."""
    yaw_degrees: float | None = None
    """Positive: the nose points to the left of the picture (the sign of AFLW2000-3D and 300W-LP; not wrapped)."""
    subject: str = ""
    """Who."""
    group: str = ""
    """Samples of one group show one face at one moment, or may be taken so."""
    landmark_depth: np.ndarray | None = None
    """(68,) in pixels up to an offset, larger is nearer."""
    depth: np.ndarray | None = None
    """(H, W) in mm, 0 where unknown."""
    mesh: Path | None = None
    """File of a scan."""
    scan_landmarks: np.ndarray | None = None
    """(L, 3) points on the scan in its own frame and unit."""
    coefficients: dict = field(default_factory=dict)
    """Name -> numbers that the data set gives, in its own model."""
    columns: tuple | None = None
    """First column and the one after the last, if the file shows several views side by side."""
    skin: Path | None = None
    """File with a map of skin as large as the picture's file, white is skin."""

    def read_image(self):
        """The picture; -> (H, W, 3) float32 in [0, 1].

        Raises:
            DataError: if there is none or it cannot be used.
        """
        if self.image is None:
            raise DataError(f"{self.key}: this sample has no picture")
        return self._part(self.image) if isinstance(self.image, Path) else self.image

    def read_skin(self):
        """Where the data set itself sees skin; -> (H, W) float32 in [0, 1], or None if it does not say."""
        return None if self.skin is None else self._part(self.skin)[..., 0]

    def _part(self, path):
        image = read_image(path)
        if self.columns is None:
            return image
        if image.shape[1] < self.columns[1]:
            raise DataError(f"{path}: expected at least {self.columns[1]} columns of views side by side, found {image.shape[1]}")
        return image[:, self.columns[0] : self.columns[1]]


class Item(NamedTuple):
    """Samples that are trained on together: the target first, then the sources."""

    keys: tuple
    flag: int
    """0: photographs of different moments; 2: views of one moment."""


class Source:
    """A data set on disk. Subclasses say which keys there are, read one sample, and may say which samples belong together.

    Args:
        folder: where the data set lies; nothing outside it is opened.
        landmarks: a folder of landmark files, <key>.pts, .npy, .txt or .json, used instead of the data set's own.
    Raises:
        DataError: if the folder does not look like this data set.
    """

    views = 3
    """Pictures of an item as usual for this data set; 1 for test sets."""
    layout = "a folder of pictures"
    """What the folder should hold, for messages."""

    def __init__(self, folder, *, landmarks=None):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise DataError(f"{self.folder}: no such folder; expected {self.layout}")
        self.landmark_folder = None if landmarks is None else Path(landmarks)
        if landmarks is not None and not self.landmark_folder.is_dir():
            raise DataError(f"{landmarks}: no such folder; expected landmark files named like the samples")
        self._keys = list(self._list())
        if not self._keys:
            raise DataError(f"{self.folder}: nothing found; expected {self.layout}")

    def _list(self):
        """All keys in an order that is always the same."""
        raise NotImplementedError

    def _read(self, key):
        """The Sample of a key with the data set's own labels."""
        raise NotImplementedError

    def keys(self):
        """Names of all samples, in a fixed order."""
        return list(self._keys)

    def sample(self, key):
        """The labels of one sample; its picture is read later.

        Raises:
            DataError: if a file is missing or broken; the message names it.
        """
        sample = self._read(key)
        if self.landmark_folder is None:
            return sample
        return Sample(**{**sample.__dict__, "landmarks": self._own_landmarks(key)})

    def _own_landmarks(self, key):
        for suffix in FIRST_PIXEL:
            path = self.landmark_folder / f"{key}{suffix}"
            if path.is_file():
                return read_landmarks(inside(self.landmark_folder, path))
        raise DataError(f"{self.landmark_folder / key}: no landmark file ({', '.join(FIRST_PIXEL)})")

    def items(self, views=None, rng=None):
        """Which samples make an item; -> list of Item, each with `views` keys.

        Args:
            views: pictures of an item; None: as usual for the data set.
            rng: for sets that combine at random; None: a generator with seed 0.
        """
        return alone(self._keys, views or self.views)

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return (self.sample(key) for key in self._keys)


def alone(keys, views):
    """Items of single pictures (flag 0); the last one is filled up from the beginning."""
    return [Item(tuple(keys[(start + i) % len(keys)] for i in range(views)), ALONE) for start in range(0, len(keys), views)]


def neighbours(keys, views):
    """Every run of `views` successive keys as one item of one moment, the middle one the target; [] if there are too few."""
    middle = views // 2
    items = []
    for start in range(len(keys) - views + 1):
        run = list(keys[start : start + views])
        items.append(Item((run.pop(middle), *run), SAME_MOMENT if views > 1 else ALONE))
    return items


def inside(folder, path):
    """The same path if the file it leads to lies in the folder, links followed; -> Path.

    Raises:
        DataError: if it leads out of the folder, as `..` and symbolic links may.
    """
    path = Path(path)
    try:
        real, root = path.resolve(), Path(folder).resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise DataError(f"{path}: cannot be followed ({error})") from error
    if not real.is_relative_to(root):
        raise DataError(f"{path}: leads out of {folder}; only files in the data set itself are read")
    return path


def find(folder, suffixes, *, depth=6):
    """Files under a folder with one of the endings, sorted by name, never following links to folders; -> list of Path."""
    found, level = [], [Path(folder)]
    for _ in range(depth):
        below = []
        for place in level:
            for entry in sorted(place.iterdir()):
                if entry.is_dir() and not entry.is_symlink():
                    below.append(entry)
                elif entry.suffix.lower() in suffixes:
                    found.append(entry)
        level = below
    return sorted(found)


def read_text(path, *, largest=200_000_000):
    """A text file of a data set, refused if too large or not text; -> str.

    Raises:
        DataError: naming the file and what is wrong.
    """
    try:
        return read_bytes(path, most=largest).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: expected text, found other bytes") from None


def numbers(path, words, what, count=None):
    """Words of a text file as finite float64; -> (n,).

    Raises:
        DataError: naming the file, what was expected and what was found.
    """
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise DataError(f"{path}: {what}: expected numbers ({str(error)[:80]})") from None
    if count is not None and len(values) != count:
        raise DataError(f"{path}: {what}: expected {count} numbers, found {len(values)}")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: {what}: found NaN or infinity, expected finite numbers")
    if len(values) and np.abs(values).max() > LARGEST_NUMBER:
        raise DataError(f"{path}: {what}: found {np.abs(values).max():g}; no pixel or mm is that large")
    return values


def pixels(points, first_pixel, source, counts=(5, 68)):
    """Points of a format that gives `first_pixel` to the centre of the first pixel, in continuous pixels and checked."""
    return check_landmarks(np.asarray(points, np.float64) + (0.5 - first_pixel), counts=counts, source=source)

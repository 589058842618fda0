"""A film of one face, with landmarks for its frames; three frames at a distance make an item.

    film.mp4 beside film.npy, (frames, 68, 2), counted from 0; or a folder of landmark files 000000.pts, 000001.pts, ...

Frames are decoded once, from the first to the last. Other films than .gif need a decoder: pip install "imageio[pyav]".
"""

import atexit
from functools import lru_cache
from pathlib import Path

import numpy as np

from mgcbook.data.images import MAX_MEGAPIXELS
from mgcbook.data.landmarks import check_landmarks
from mgcbook.data.sources.sample import ALONE, SAME_MOMENT, Item, Sample, Source
from mgcbook.errors import DataError, UsageError

MOST_FRAMES = 100_000
FILMS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".gif")


class Video(Source):
    """A film.

    Args:
        folder: the film itself.
        step: frames from one picture of an item to the next.
        same_moment: the face keeps its expression while it turns, so that all losses apply.
    """

    layout = f"a film ({', '.join(FILMS)})"
    is_sequential = True
    """Frames are decoded in order, so one worker reads them."""

    def __init__(self, folder, *, landmarks=None, step=10, same_moment=False):
        if step < 1:
            raise UsageError(f"step: expected at least 1, got {step}")
        self.step, self.flag, self.file = step, SAME_MOMENT if same_moment else ALONE, Path(folder)
        if self.file.suffix.lower() not in FILMS or not self.file.is_file():
            raise DataError(f"{self.file}: expected {self.layout}")
        super().__init__(self.file.parent, landmarks=landmarks)

    def _list(self):
        self._table = self._landmark_table() if self.landmark_folder is None else None
        count = sum(1 for _ in frames(self.file)) if self._table is None else len(self._table)
        return [f"{number:06d}" for number in range(count)]

    def _landmark_table(self):
        path = self.file.with_suffix(".npy")
        if not path.is_file():
            return None
        try:
            table = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise DataError(f"{path}: expected an .npy file of numbers ({error})") from error
        if table.ndim != 3 or table.shape[1:] not in ((68, 2), (68, 3)) or table.dtype.kind not in "fiu":
            raise DataError(f"{path}: expected (frames, 68, 2) numbers, found {table.dtype} {table.shape}")
        if not 1 <= len(table) <= MOST_FRAMES:
            raise DataError(f"{path}: {len(table)} frames; expected 1 to {MOST_FRAMES}")
        return table[..., :2].astype(np.float64) + 0.5

    def _read(self, key):
        points = None if self._table is None else check_landmarks(self._table[int(key)], source=f"{self.file}: frame {key}")
        return Sample(key, _frame(self.file, int(key)), points, subject=self.file.stem, group=self.file.stem)

    def items(self, views=None, rng=None):
        """Frames `step` apart, the middle one the target; the next item begins one step later."""
        views = views or self.views
        items = []
        for start in range(0, len(self) - (views - 1) * self.step, self.step):
            run = [self._keys[start + i * self.step] for i in range(views)]
            items.append(Item((run.pop(views // 2), *run), self.flag))
        return items


def frames(path):
    """Pictures of a film one after the other; yields (H, W, 3) uint8.

    Raises:
        DataError: if it cannot be decoded; says what to install.
    """
    import imageio.v3 as iio

    try:
        options = {} if path.suffix.lower() == ".gif" else {"plugin": "pyav"}
        for number, frame in enumerate(iio.imiter(path, **options)):
            if number >= MOST_FRAMES or frame.shape[0] * frame.shape[1] > MAX_MEGAPIXELS * 1e6:
                raise DataError(f"{path}: more than {MOST_FRAMES} frames, or frames of more than {MAX_MEGAPIXELS} megapixels")
            yield np.repeat(frame[..., None], 3, axis=-1) if frame.ndim == 2 else frame[..., :3]
    except ImportError:
        advice = 'pip install "imageio[pyav]", or write its frames as pictures'
        raise DataError(f"{path}: no decoder for this film; {advice}") from None
    except DataError:
        raise
    except Exception as error:  # decoders raise what they like on broken films
        raise DataError(f"{path}: the film cannot be decoded ({str(error)[:100]})") from error


@lru_cache(maxsize=2)
def _open_film(path):
    return _Film(path)


atexit.register(_open_film.cache_clear)  # closes the films while their decoder is still there


def _frame(path, number):
    return _open_film(path).frame(number)


class _Film:
    """The last frames of a film that is read forwards; going back starts it again."""

    KEEP = 64

    def __init__(self, path):
        self.path, self.next, self.kept, self.iterator = path, 0, {}, frames(path)

    def frame(self, number):
        """(H, W, 3) float32 in [0, 1]."""
        if number not in self.kept and number < self.next:
            self.__init__(self.path)
        while self.next <= number:
            frame = next(self.iterator, None)
            if frame is None:
                raise DataError(f"{self.path}: frame {number} does not exist, the film has {self.next}")
            self.kept[self.next] = frame
            self.kept.pop(self.next - self.KEEP, None)
            self.next += 1
        return self.kept[number].astype(np.float32) / 255

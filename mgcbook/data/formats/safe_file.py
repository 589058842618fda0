"""Files from strangers: only plain files inside the folder that was named are opened, and none is larger than it may be.

Every reader of this folder goes through here first, and raises nothing but `DataError` for what is wrong with a file.
"""

from pathlib import Path

from mgcbook.errors import DataError

MOST_BYTES = 2 << 30
"""Largest file that is opened; the Basel Face Models have 0.2 to 0.3 GB."""

_LFS_POINTER = b"version https://git-lfs"


def check_file(path, *, most=MOST_BYTES):
    """The path of a plain file with its data in it; -> Path.

    Raises:
        DataError: if there is none, for a folder, a pipe, more than `most` bytes, an empty file, a git-lfs pointer.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not path.is_file():
            raise DataError(f"{path}: expected a file, found a {'folder' if path.is_dir() else 'pipe or device'}")
        size = path.stat().st_size
        if size > most:
            raise DataError(f"{path}: expected at most {most} bytes, found {size}; is it the right file?")
        with path.open("rb") as file:
            start = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not start:
        raise DataError(f"{path}: the file is empty; copy or download it again")
    if start == _LFS_POINTER:
        raise DataError(f"{path}: found a git-lfs pointer instead of the data; run `git lfs pull` where it came from")
    return path


def read_bytes(path, *, most=MOST_BYTES):
    """All bytes of a checked file.

    Raises:
        DataError: as `check_file`.
    """
    try:
        return check_file(path, most=most).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


class Source:
    """What a user points at, a file or a folder, and the files that belong to it: in that folder, and nowhere else."""

    def __init__(self, path):
        """
        Args:
            path: a file, whose companions lie beside it, or a folder.
        Raises:
            DataError: if there is no such thing.
        """
        self.path = Path(path)
        if not self.path.exists():
            raise DataError(f"{self.path}: no such file or folder")
        self.folder = self.path if self.path.is_dir() else self.path.parent

    def main(self, *names):
        """The file itself, or in a folder the first of these names; -> Path.

        Raises:
            DataError: if the folder has none of them.
        """
        return check_file(self.path) if self.path.is_file() else self.need(*names)

    def find(self, *names):
        """The first of these files that exists; -> Path or None. Names may have folders in them, and * within one of them.

        Raises:
            DataError: if a name leads out of the folder, by `..` or by a symbolic link.
        """
        for name in names:
            for path in sorted(self.folder.glob(name)) if "*" in name else [self.folder / name]:
                if path.is_symlink() or path.exists():
                    self._check_inside(path)
                    return check_file(path)
        return None

    def need(self, *names, why="the model"):
        """As `find`, for a file that must be there.

        Raises:
            DataError: if there is none.
        """
        found = self.find(*names)
        if found is None:
            raise DataError(f"{self.folder}: expected {' or '.join(names)} for {why}, found none; copy it there")
        return found

    def _check_inside(self, path):
        inside = self.folder.resolve()
        if not path.resolve().is_relative_to(inside):
            raise DataError(f"{path}: leads out of {self.folder} (to {path.resolve()}); copy the file itself into the folder")

"""Files that were computed once and can be computed again: where they live.

The folder is $MGCBOOK_CACHE, else the user's cache directory. It may be read-only or full: then one warning is given, and a
folder among the temporary files takes its place.
"""

import contextlib
import hashlib
import os
import sys
import warnings
from pathlib import Path

from mgcbook.files import spare_folder

_warned = set()  # folders


def cache_dir():
    """Folder for computed files; it need not exist yet."""
    if os.environ.get("MGCBOOK_CACHE"):
        return Path(os.environ["MGCBOOK_CACHE"]).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "mgcbook"


def source_hash(*files, length=16):
    """Name for what these source files compute: the first hexadecimal digits of SHA-256 over their bytes."""
    digest = hashlib.sha256()
    for file in sorted(map(Path, files), key=lambda path: path.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:length]


def cached(name, build, load, save, *, outdated=None):
    """What `load` reads from the file `name` of the cache, or what `build` makes, kept by `save` for the next time.

    A file that `load` cannot read (ValueError, OSError) is built again.

    Args:
        name: file name; put a hash of the source into it.
        build: () -> value.  load: (path) -> value.  save: (value, path), writes atomically.
        outdated: pattern of file names; when something new was kept, the other files of that pattern are removed.
    """
    path = cache_dir() / name
    for place in (path, *_spare(cache_dir(), name)):
        try:
            if place.is_file():
                return load(place)
        except (ValueError, OSError) as error:
            warnings.warn(f"{place}: cannot be read ({error}); it is built again", stacklevel=3)
    value = build()
    try:
        save(value, path)
    except OSError as error:
        _warn_once(cache_dir(), error)
        for place in _spare(cache_dir(), name):
            with contextlib.suppress(OSError):
                save(value, place)
        return value
    for old in path.parent.glob(outdated) if outdated else ():
        if old != path:
            with contextlib.suppress(OSError):
                old.unlink()
    return value


def _spare(folder, name):
    """Where a file is kept if it cannot be kept in the folder, [path] or []; a folder that can be written has no need of it."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if there.is_dir() and os.access(there, os.W_OK):
        return []
    spare = spare_folder()
    return [] if spare is None else [spare / name]


def _warn_once(folder, error):
    if folder not in _warned:
        _warned.add(folder)
        spare = spare_folder()
        instead = "nothing is kept" if spare is None else f"{spare} is used instead"
        warnings.warn(f"cache: {error}; {instead}; set MGCBOOK_CACHE to a folder that can be written", stacklevel=4)

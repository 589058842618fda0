"""Writing files so that an interrupted or failed write leaves what was there before, and a place where that can be done."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from mgcbook.errors import ResourceError


@contextlib.contextmanager
def atomic_write(path):
    """Open a binary file that appears under `path` only when everything is written; otherwise what was there before stays.

    Raises:
        ResourceError: if the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, path.parent.stat().st_mode & 0o666)  # who may read the folder may read the file; mkstemp lets nobody
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        if isinstance(error, OSError) and not isinstance(error, ResourceError):
            raise ResourceError(
                f"{path}: cannot be written ({error.strerror or error}); what was there before is unchanged"
            ) from error
        raise


def spare_folder():
    """A folder among the temporary files that this user alone can write into, for caches that have no other place; or None."""
    path = Path(tempfile.gettempdir()) / f"mgcbook-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError:
        return None
    # Anybody can make a folder of that name there: what lies in somebody else's is not to be trusted.
    is_ours = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
    return path if stat.S_ISDIR(found.st_mode) and is_ours else None

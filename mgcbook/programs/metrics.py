"""What a training run writes while it runs: `metrics.jsonl`, a lock on its folder, and TensorBoard's files if asked for.

`metrics.jsonl` holds one JSON object a line: {"step": 12, "losses": {"total": ...}, "learning_rate": ..., "seconds": ...}.
A line is written at once and whole lines survive whatever ends the run; a cut last line is dropped when the run goes on.
"""

import contextlib
import json
import os
import warnings
from pathlib import Path

from mgcbook.errors import DataError, ResourceError, UsageError
from mgcbook.files import atomic_write

METRICS = "metrics.jsonl"


def read_metrics(path):
    """The reports in a metrics file, or in the run folder that holds one, as a list of dicts; a cut last line is left out.

    Raises:
        DataError: if there is no such file, or if a line before the last one is not a report.
    """
    path = Path(path)
    path = path / METRICS if path.is_dir() else path
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError(f"{path}: no metrics there ({error.strerror}); is this the folder of a training run?") from error
    reports = []
    for number, line in enumerate(lines[:-1], 1):  # what follows the last line's end is empty, or a line that was cut
        report = _parse(line)
        if report is None and number == len(lines) - 1:
            break
        if report is None:
            raise DataError(f"{path}: line {number} is not a report of a training run")
        reports.append(report)
    return reports


def _parse(line):
    try:
        report = json.loads(line)
        return report if isinstance(report, dict) and isinstance(report["step"], int) else None
    except (ValueError, KeyError):
        return None


class MetricsLog:
    """Appends reports to `metrics.jsonl` of a run folder, after cutting back what came after the step to go on from.

    Args:
        folder: the run folder.
        step: reports of later steps are removed: the run repeats them.
        tensorboard: also write TensorBoard's event files (needs the extra `tensorboard`).
    """

    def __init__(self, folder, step=0, tensorboard=False):
        self.path = Path(folder) / METRICS
        if self.path.exists():
            self._cut_back(step)
        self._events = _event_writer(folder, step) if tensorboard else None
        try:
            self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise ResourceError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _cut_back(self, step):
        kept = [report for report in read_metrics(self.path) if report["step"] <= step]
        content = b"".join(map(_line, kept))
        if content != self.path.read_bytes():
            with atomic_write(self.path) as file:
                file.write(content)

    def append(self, report):
        """Write one report: a dict with "step" and "losses" (name -> number).

        Raises:
            ResourceError: if it cannot be written, for instance on a full disk.
        """
        try:
            self._file.write(_line(report))
        except OSError as error:
            raise ResourceError(f"{self.path}: cannot be written ({error.strerror})") from error
        if self._events:
            for name, value in report["losses"].items():
                self._events.add_scalar(f"losses/{name}", value, report["step"])
            self._events.add_scalar("learning_rate", report["learning_rate"], report["step"])

    def sync(self):
        """Force what was appended to the disk: a checkpoint that is written next must not be ahead of it."""
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(self._file.fileno())

    def close(self):
        """Close the files."""
        self._file.close()
        if self._events:
            self._events.close()


def _line(report):
    return json.dumps(report, allow_nan=False).encode() + b"\n"


def _event_writer(folder, step):
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise UsageError("tensorboard: needs tensorboardX: pip install 'mgcbook[tensorboard]'") from None
    return SummaryWriter(str(Path(folder) / "tensorboard"), purge_step=step + 1)


class RunLock:
    """Holds a run folder for one process: `with RunLock(folder): ...`. The system lets go of it when the process ends.

    Raises:
        ResourceError: if another process holds the folder, or if it cannot be written.
    """

    def __init__(self, folder):
        self.path = Path(folder) / "run.lock"

    def __enter__(self):
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ResourceError(f"{self.path.parent}: cannot be written ({error.strerror}); choose another run folder") from error
        try:
            _lock(self._handle)
        except (BlockingIOError, PermissionError):
            owner = os.pread(self._handle, 100, 1).decode(errors="replace").strip() if hasattr(os, "pread") else ""
            os.close(self._handle)
            who = f"process {owner}" if owner else "another process"
            message = f"{self.path.parent}: {who} is writing into this run folder; wait for it, or choose another folder"
            raise ResourceError(message) from None
        except OSError as error:  # some network file systems have no locks
            warnings.warn(f"{self.path}: cannot be locked ({error.strerror}); do not start a second run there", stacklevel=2)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f" {os.getpid()}\n".encode())  # byte 0 is what is locked; Windows keeps others from reading it
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            os.ftruncate(self._handle, 0)  # the file stays: removing it would let two others lock two files of one name
            _unlock(self._handle)
            os.close(self._handle)


def _lock(handle):
    if os.name == "nt":
        import msvcrt

        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(handle):
    if os.name == "nt":
        import msvcrt

        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

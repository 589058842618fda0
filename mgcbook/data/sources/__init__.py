"""Data sets that researchers have on their disks, each read into samples of one kind (see mgcbook.data.sources.sample)."""

import importlib

from mgcbook.data.sources.sample import Item, Sample, Source, inside
from mgcbook.errors import UsageError

KINDS = {
    "folder": ("folder", "Folder", "pictures with landmark files of the same name"),
    "video": ("video", "Video", "a film with landmarks for its frames"),
    "300w-lp": ("w300lp", "W300LP", "300W across large poses"),
    "multipie": ("multipie", "MultiPIE", "CMU Multi-PIE (with --landmarks)"),
    "celeba": ("celeba", "CelebA", "CelebA (with --landmarks)"),
    "ls3d-w": ("ls3dw", "LS3DW", "LS3D-W, and AFLW2000-3D annotated again"),
    "mgcnet": ("mgcnet_records", "MGCNetRecords", "records that MGCNet was trained on (train.txt)"),
    "aflw2000": ("aflw2000", "AFLW2000", "AFLW2000-3D"),
    "micc": ("micc", "MICC", "MICC Florence: scans and films"),
    "bu3dfe": ("bu3dfe", "BU3DFE", "BU-3DFE: expressions"),
    "frgc": ("frgc", "FRGC", "FRGC v2: range scans"),
    "now": ("now", "NoW", "NoW challenge"),
}
"""Name -> (module, class, what it is)."""


def open_source(kind, folder, **options):
    """Open a data set by the name of its kind; -> Source.

    Raises:
        UsageError: for an unknown kind.
        DataError: if the folder does not look like this data set.
    """
    if kind not in KINDS:
        raise UsageError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    module, name, _ = KINDS[kind]
    return getattr(importlib.import_module(f"mgcbook.data.sources.{module}"), name)(folder, **options)


__all__ = ["KINDS", "Item", "Sample", "Source", "inside", "open_source"]

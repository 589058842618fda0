"""Fixtures of the tests of data."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def realkit():
    """Folder of real samples that may not be redistributed: $MGCBOOK_REALKIT, else ../shared/realkit beside the project."""
    folder = Path(os.environ.get("MGCBOOK_REALKIT") or Path(__file__).parents[2] / ".." / "shared" / "realkit")
    if not folder.is_dir():
        pytest.skip("needs a folder of real samples: set MGCBOOK_REALKIT")
    return folder


@pytest.fixture(scope="session")
def generator():
    """The built-in face model that makes synthetic faces, 4K vertices."""
    from mgcbook.data import builtin

    return builtin.load_generator("light")

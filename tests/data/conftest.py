"""Fixtures of the tests of data."""

import pytest


@pytest.fixture(scope="session")
def generator():
    """The built-in face model that makes synthetic faces, 4K vertices."""
    from mgcbook.data import builtin

    return builtin.load_generator("light")

"""Fixtures of the tests that open pages."""

import pytest

from tests.book import chrome


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for the whole run; the tests that ask for it are skipped where there is none."""
    driver, chromium = chrome.launch()
    yield chromium
    chromium.close()
    driver.stop()

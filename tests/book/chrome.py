"""A headless Chromium for the tests of pages: the one of the system, driven by playwright, which never downloads another."""

import os
import shutil

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader"]  # fmt: skip


def launch():
    """A running (playwright, browser); skips the test where either is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: make setup EXTRAS=test,notebooks,book")
    if CHROMIUM is None:
        pytest.skip("needs Chromium, for example Debian's package; or say where it is: CHROMIUM=/path/to/it")
    driver = playwright.sync_playwright().start()
    return driver, driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


class Faults:
    """What a page should not do: errors in its console or scripts, and requests to other hosts."""

    def __init__(self, page, home):
        self.found = []
        page.on("console", lambda message: message.type == "error" and self.found.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.found.append(f"script: {error}"))
        # What is still loading when the reader leaves the page is aborted, and no fault.
        page.on("requestfailed", lambda request: "ABORTED" in request.failure or self.found.append(f"failed: {request.url}"))
        page.on("request", lambda request: self._own(request.url, home) or self.found.append(f"asks another host: {request.url}"))

    @staticmethod
    def _own(url, home):
        return url.startswith((home, "data:", "blob:", "about:"))

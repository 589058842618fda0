"""Chapters in a real JupyterLab, in a headless Chromium: they run from the top, and dragging a slider changes the picture.

Skipped where a system Chromium or playwright is missing (see chrome.py).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from mgcbook.book.build import notebooks_folder

pytest.importorskip("jupyterlab")
pytestmark = pytest.mark.slow

LIMIT_S = 300
CHAPTERS = ("04_the_camera.ipynb", "05_light.ipynb", "08_what_both_cameras_see.ipynb")
RUN_ALL = """async (limit) => {
    const widget = jupyterapp.shell.currentWidget;
    await widget.revealed; await widget.context.ready; await widget.sessionContext.ready;
    const late = new Promise((_, no) => setTimeout(() => no(new Error('cells still running')), limit * 1000));
    await Promise.race([jupyterapp.commands.execute('notebook:run-all-cells'), late]);
    const bad = [];
    widget.content.widgets.filter(cell => cell.model.type === 'code').forEach((cell, i) => {
        if (cell.model.executionCount !== i + 1) bad.push([i, 'not run', cell.model.executionCount]);
        for (let k = 0; k < cell.model.outputs.length; k++) {
            const output = cell.model.outputs.get(k).toJSON();
            if (output.output_type === 'error') bad.push([i, output.ename, output.evalue]);
            if (output.name === 'stderr') bad.push([i, 'stderr', output.text]);
        }
    });
    return bad;
}"""


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    """The address of a JupyterLab that sees copies of the notebooks and none of the user's settings."""
    base = tmp_path_factory.mktemp("lab")
    shutil.copytree(notebooks_folder(), base / "notebooks", ignore=shutil.ignore_patterns("src", ".*"))
    settings = base / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)  # without the pop-up about news
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_WORKSPACES_DIR"]
    environment = dict(os.environ, JUPYTERLAB_SETTINGS_DIR=str(base / "settings"), MGCBOOK_FAST="1")
    environment |= {name: str(base / name.lower()) for name in own}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), environment.get("PYTHONPATH", "")])
    environment.pop("MGCBOOK_STRICT", None)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command += [f"--ServerApp.root_dir={base / 'notebooks'}", "--LabApp.expose_app_in_browser=True"]
    url, start = f"http://127.0.0.1:{port}", time.monotonic()
    with open(base / "server.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            while not answers(url):
                assert server.poll() is None and time.monotonic() - start < 120, (base / "server.log").read_text()
                time.sleep(0.2)
            yield url
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
                server.wait(15)


def answers(url):
    try:
        return urllib.request.urlopen(url + "/api/status", timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture
def chapter(lab, browser, tmp_path):
    """chapter(name) opens it in a page of its own, runs all cells and gives the page; a picture of it stays in tmp_path."""
    pages = []

    def open_and_run(name):
        page = browser.new_page(viewport={"width": 1200, "height": 1500})
        page.requests, page.errors = [], []
        pages.append(page)
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{lab}/lab/tree/{name}?reset", timeout=120_000)
        opened = "name => window.jupyterapp?.shell.currentWidget?.context?.path === name"
        page.wait_for_function(opened, arg=name, timeout=120_000)
        assert page.evaluate(RUN_ALL, LIMIT_S) == []
        return page

    yield open_and_run
    for i, page in enumerate(pages):
        page.screenshot(path=tmp_path / f"page{i}.png")
        page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
        page.close()
    asked = [url for page in pages for url in page.requests if url.startswith("http") and not url.startswith(lab)]
    assert asked == [], "a page asked another host"
    assert [error for page in pages for error in page.errors] == []


def handles(page):
    """The sliders of the page that move a picture."""
    return page.locator(".widget-slider [role=slider]")


def drag(page, handle, pixels):
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + pixels, y, steps=6)
    page.mouse.up()


def picture_of(page, number):
    """The picture below the slider of this number."""
    return page.locator(".widget-vbox", has=page.locator(".widget-slider")).nth(number).locator("img")


@pytest.mark.parametrize("name", CHAPTERS)
def test_runs_and_its_sliders_redraw(chapter, name):
    page = chapter(name)
    assert handles(page).count() >= 1
    for number in range(handles(page).count()):
        handle, picture = handles(page).nth(number), picture_of(page, number)
        handle.scroll_into_view_if_needed()
        page.wait_for_timeout(500)  # pictures above may still be taking their places
        before, stood = picture.screenshot(), float(handle.get_attribute("aria-valuenow"))
        drag(page, handle, 40)
        assert float(handle.get_attribute("aria-valuenow")) > stood
        wait_until(page, lambda picture=picture, before=before: picture.screenshot() != before)


def wait_until(page, condition, seconds=60):
    """Look again and again; fails when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the picture has not changed"
        page.wait_for_timeout(200)


def test_the_viewer_turns(chapter):
    page = chapter("03_the_morphable_model.ipynb")
    page.locator(".mesh-viewer").first.scroll_into_view_if_needed()
    canvas = page.wait_for_selector(".mesh-viewer canvas[data-view]")  # drawn once it is in sight
    canvas.focus()
    before, view = canvas.screenshot(), canvas.get_attribute("data-view")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    wait_until(page, lambda: canvas.screenshot() != before, seconds=10)
    assert canvas.get_attribute("data-view") != view

"""The HTML book: what it is made from, and, for `make book-check`, every page of it in a browser.

The second half opens build/book through a local server in Chromium, with axe-core for accessibility; it runs only if
MGCBOOK_BOOK_CHECK is set, since it takes minutes.
"""

import ast
import functools
import http.server
import importlib
import json
import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mgcbook.book import build, paper
from mgcbook.errors import UsageError
from tests.book.chrome import Faults

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "build" / "book"
AXE = ROOT / "build" / "axe-core" / "axe.min.js"


@pytest.fixture
def docs(monkeypatch):
    """Modules of docs/book can be imported."""
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "book"))
    yield importlib.import_module
    for name in ("make", "docstrings", "mathml", "gallery"):
        sys.modules.pop(name, None)


# ---------------------------------------------------------------- paper to code


def test_the_whole_paper_is_in_the_table():
    names = [place.name for place in paper.PLACES]
    numbered = [f"Eq. {n}" for n in range(1, 7)] + [f"Fig. {n}" for n in (1, 2, 3, 4, 5, 6, "7a", "7b")]
    assert {*numbered, "Tab. 1a", "Tab. 1b", "Tab. 2a", "Tab. 2b", "Tab. 3"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("place", paper.PLACES, ids=lambda place: place.name)
def test_what_the_table_names_exists(place):
    for name in place.code:
        module, _, inner = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), inner)), name
    chapters = {int(path.stem[:2]) for path in build.sources()}
    for chapter in place.chapters:
        assert chapter in chapters or (chapter <= 14 and len(chapters) < 15), f"chapter {chapter} does not exist"
    for test in place.tests:
        path, _, function = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_a_place_is_found_by_its_name():
    assert paper.where("Eq. 3").code[0] == "mgcbook.learning.losses.pixel_loss"
    with pytest.raises(UsageError, match=r"Eq. 7.*Eq. 1, "):
        paper.where("Eq. 7")


def test_the_page_links_what_is_written():
    page = paper.as_markdown()
    assert "[3](chapters/03_the_morphable_model.ipynb)" in page
    assert page.count("\n* - **") == len(paper.PLACES)
    for target in re.findall(r"\]\(chapters/([^)]+)\)", page):
        assert (build.notebooks_folder() / target).exists()


# ---------------------------------------------------------------- sources of the pages


@pytest.mark.parametrize(
    "plain, marked",
    [("Mean |I~ - I| (Eq. 3)", r"Mean \|I~ - I\| (Eq. 3)"), ("x_ and *y", r"x\_ and \*y"), ("a `x = 1`s", r"a ``x = 1``\ s"),
     ("a lone ` sign", r"a lone \` sign"), ("see `nowhere`", "see ``nowhere``"),
     ("(V, 3) -> (F,)", "(V, 3) → (F,)")],
)  # fmt: skip
def test_docstrings_are_plain_text(docs, plain, marked):
    assert docs("docstrings").escape(plain, "mgcbook.book.paper") == marked


def test_names_in_docstrings_become_links_to_where_they_are_documented(docs):
    import mgcbook.face.render

    target_of = docs("docstrings").target_of
    assert target_of("antialias", "mgcbook.face.render.render") == "mgcbook.face.antialias.antialias"
    assert target_of("Camera.resized", "mgcbook.face.camera") == "mgcbook.face.camera.Camera.resized"
    assert target_of("camera", "mgcbook.face.render.render") == ""
    assert mgcbook.face.render


def test_an_indented_block_is_shown_as_it_stands_and_sections_are_not(docs):
    lines = ["What it is.", "", "    S = a * b_", "    T = *S*", "", "More:", "", "Args:", "    x: a *number*.", "", "    y: 1."]
    rst = docs("docstrings").to_rst(lines)
    assert rst[2:6] == ["::", "", "    S = a * b_", "    T = *S*"]
    assert rst[-3:] == [r"    x: a \*number\*.", "", "    y: 1."]


def test_formulas_of_all_chapters_become_mathml(docs):
    pytest.importorskip("latex2mathml", reason="needs the extra 'book'")
    mathml, count = docs("mathml").mathml, 0
    for path in build.sources():
        for cell in build.read(path).cells:
            text = re.sub(r"`[^`]*`", "", cell.source) if cell.cell_type == "markdown" else ""
            for block, line in re.findall(r"\$\$(.+?)\$\$|\$([^$]+?)\$", text, re.S):
                made = mathml(re.sub(r"\\tag\{\d\}", "", block or line), "block" if block else "inline")
                assert made.startswith("<math") and "\\" not in made, made
                count += 1
    assert count > 100
    assert mathml("p'^T").count("<msup>") == 1 and "&#x02032;" in mathml("p'^T")


def test_a_picture_without_words_is_refused(docs):
    make, path = docs("make"), build.target_of(build.sources()[0])
    notebook = json.loads(make.staged_notebook(path, path.read_text(encoding="utf-8")))
    alts = [cell["metadata"]["mystnb"]["image"]["alt"] for cell in notebook["cells"] if "mystnb" in cell["metadata"]]
    assert len(alts) >= 3 and all(alts)
    assert f'href="../notebooks/{path.name}"' in notebook["cells"][0]["source"]
    mute = path.read_text(encoding="utf-8").replace(json.dumps(alts[0])[1:-1], "")
    with pytest.raises(ValueError, match="alternative text"):
        make.staged_notebook(path, mute)


def test_every_public_module_has_a_page(docs):
    make = docs("make")
    paged = {name for parts in make.FLOORS.values() for name in make.modules_of(parts)}
    assert {"mgcbook.face.camera", "mgcbook.learning.losses", "mgcbook.book.viewer", "mgcbook.tape", "mgcbook.cli"} <= paged
    assert not [name for name in paged if "checks" in name or name.endswith("__init__")]
    assert make.first_line("mgcbook.tape")


def test_the_pictures_of_the_readme_are_in_the_chapters(docs):
    gallery = docs("gallery")
    files = {path.stem: path for path in (ROOT / "docs" / "gallery").glob("*.jpg")}
    assert set(files) == set(gallery.CHOSEN)
    for name, source in gallery.CHOSEN.items():
        assert gallery.picture(*source)[0][:2] == files[name].read_bytes()[:2] == b"\xff\xd8"
    assert sum(path.stat().st_size for path in files.values()) < 300_000
    with pytest.raises(LookupError, match="no picture"):
        gallery.picture("04", "nothing of the kind")


# ---------------------------------------------------------------- the built book in a browser


checked = pytest.mark.skipif("MGCBOOK_BOOK_CHECK" not in os.environ, reason="opens every page: make book-check")


def all_pages():
    if "MGCBOOK_BOOK_CHECK" not in os.environ or not BOOK.is_dir():
        return []
    return sorted(path.relative_to(BOOK).as_posix() for path in BOOK.rglob("*.html"))


@pytest.fixture(scope="module")
def home():
    """The address of a server of the built book."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    if not (BOOK / "index.html").exists():
        pytest.skip("needs the built book: make book")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(BOOK)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def opened(browser, home):
    """opened(name, **options) opens a page; afterwards nothing was asked of another host and no console holds an error."""
    pages, faults = [], []

    def open_page(name, **options):
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        pages.append(page)
        faults.append(Faults(page, home))
        page.goto(home + name)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert [fault for one in faults for fault in one.found] == []


VIOLATIONS = """async ([where, rules]) => (await axe.run(where, {resultTypes: ['violations'], ...rules})).violations.map(
    one => `${one.id} (${one.impact}): ${one.nodes.length} x ${one.nodes[0].html.slice(0, 160)}`)"""
WAYS = (  # what can differ in the dark, and on a phone, where boxes scroll and targets shrink
    ("light", 1280, {}),
    ("dark", 1280, {"runOnly": ["color-contrast"]}),
    ("light", 375, {"runOnly": ["scrollable-region-focusable", "target-size", "meta-viewport", "page-has-heading-one"]}),
)


@checked
@pytest.mark.parametrize("name", all_pages())
def test_a_page_can_be_read_by_everyone(opened, name):
    """Light and dark at a desk and on a phone: no violation that axe-core knows, nothing wider than the page."""
    page = opened(name)
    assert page.title()
    page.add_script_tag(path=AXE)
    # The list of all pages is the same on each: it is looked at on the others, since it takes most of the time.
    where = {"exclude": [".sidebar-drawer"]} if name.startswith(("_modules/", "api/mgcbook")) else {"include": ["html"]}
    found = {}
    for theme, width, rules in WAYS:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("theme => { document.body.dataset.theme = theme }", theme)
        page.wait_for_timeout(30)  # the script that makes scrolling boxes reachable answers a change of size
        sideways = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sideways <= 0, f"{sideways} px too wide at {width}"
        found[theme, width] = page.evaluate(VIOLATIONS, [where, rules])
    assert not any(found.values()), found
    mute = page.evaluate("[...document.images].filter(i => !i.alt && !i.closest('a')).length")
    assert mute == 0, "a picture without an alternative text"


def picture(page, selector):
    import io

    import imageio.v3 as iio

    return np.asarray(iio.imread(io.BytesIO(page.locator(selector).first.screenshot())), float)[..., :3] / 255


@checked
def test_navigation(opened):
    page = opened("index.html")
    page.get_by_role("link", name="3 · The morphable model").first.click()
    page.wait_for_url("**/chapters/03_the_morphable_model.html")
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**/chapters/04_the_camera.html")
    page.get_by_role("link", name="Paper to code").first.click()
    page.get_by_role("link", name="losses.pixel_loss").first.click()
    page.wait_for_url("**/api/mgcbook.learning.losses.html#*")
    page.locator("#mgcbook\\.learning\\.losses\\.pixel_loss .viewcode-link").click()
    page.wait_for_url("**/_modules/mgcbook/learning/losses.html#*")


@checked
def test_search(opened, home):
    page = opened("index.html")
    page.get_by_role("textbox").first.fill("epipolar")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=epipolar*")
    page.wait_for_selector("#search-results li a")
    links = page.locator("#search-results li a").evaluate_all("found => found.map(link => link.href)")
    assert any("chapters/" in link for link in links) and any("losses" in link for link in links)


@checked
def test_search_from_disk(browser):
    if not (BOOK / "index.html").exists():
        pytest.skip("needs the built book: make book")
    page = browser.new_page()
    faults = Faults(page, "file:")
    page.goto((BOOK / "search.html").as_uri() + "?q=epipolar")
    page.wait_for_selector("#search-results li a")
    page.close()
    assert faults.found == []


@checked
def test_a_slider_plays_its_pictures(opened):
    page = opened("chapters/04_the_camera.html")
    slider, shown = page.locator("figure.scrubber input").first, page.locator("figure.scrubber img").first
    slider.scroll_into_view_if_needed()
    before, box = shown.get_attribute("src"), slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    dragged = shown.get_attribute("src")
    assert dragged != before
    page.keyboard.press("ArrowLeft")
    assert shown.get_attribute("src") not in (before, dragged)


@checked
def test_the_mesh_turns(opened):
    page = opened("chapters/03_the_morphable_model.html")
    canvas = page.locator(".mesh-viewer canvas")
    page.locator(".mesh-viewer").scroll_into_view_if_needed()
    page.wait_for_selector(".mesh-viewer canvas[data-view]")
    canvas.focus()
    page.keyboard.press("0")  # as it is, with the ring of the focus
    page.wait_for_timeout(200)
    before, view = picture(page, ".mesh-viewer canvas"), canvas.first.get_attribute("data-view")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert canvas.first.get_attribute("data-view") != view and np.abs(picture(page, ".mesh-viewer canvas") - before).mean() > 0.02


@checked
def test_dark_is_dark_and_stays(opened):
    page = opened("index.html", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    toggle = page.get_by_role("button", name="Toggle Light / Dark").last
    for _ in range(3):
        toggle.click()
        if page.evaluate("document.body.dataset.theme") == "dark":
            break
    levels = lambda: [int(x) for x in re.findall(r"\d+", page.evaluate(background))[:3]]
    assert page.evaluate(background) != light and max(levels()) < 60
    page.get_by_role("link", name="Paper to code").first.click()
    page.wait_for_url("**/paper.html")
    assert max(levels()) < 60

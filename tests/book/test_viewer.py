"""The mesh viewer: what it packs is the mesh, its picture is that of the book's rasterizer, and keys, mouse and wheel turn it."""

import base64
import io
import re
import zlib

import imageio.v3 as iio
import numpy as np
import pytest

from mgcbook.book import viewer
from mgcbook.book.viewer import mesh_viewer
from mgcbook.data import builtin
from mgcbook.errors import DataError
from tests.book.chrome import Faults

TRIANGLE = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]])
HEIGHT, WIDTH = 240, 320


@pytest.fixture(scope="module")
def face():
    model = builtin.load("light")
    return model.mean.astype(np.float64), model.triangles, model.albedo_mean


@pytest.fixture(scope="module")
def shown(face):
    return mesh_viewer(*face, alt='The "mean" face', height=HEIGHT)


def unpack(page):
    """What the script does first: -> triangles (F, 3), steps (V, 3) int16, colours (V, 3) uint8."""
    count, corners = (int(number) for number in re.search(r"const N=(\d+),M=(\d+)", page).groups())
    data = zlib.decompress(base64.b64decode(re.search(r"atob\('([^']+)'\)", page)[1]))
    triangles = np.frombuffer(data, "<u2", corners)
    low, high = np.frombuffer(data, "u1", 6 * count, 2 * corners).reshape(2, 3, count)
    tints = np.frombuffer(data, "u1", -1, 2 * corners + 6 * count).reshape(3, count)
    steps = np.int16(low) | np.int16(high) << 8
    sums = lambda rows, kind: np.cumsum(rows, axis=-1, dtype=kind).T
    return sums(triangles, "u2").reshape(-1, 3), sums(steps, "i2"), sums(tints, "u1")


def test_the_payload_is_the_mesh(shown, face):
    vertices, triangles, colors = face
    corners, steps, tints = unpack(shown.html)
    assert np.array_equal(corners, triangles)
    middle, longest = (vertices.min(0) + vertices.max(0)) / 2, np.ptp(vertices, axis=0).max()
    off = steps / viewer.STEPS * longest / 2 + middle - vertices
    assert np.abs(off).max() <= longest / 65534 / 2 * (1 + 1e-9)
    assert np.abs(tints / 255 - colors).max() <= 0.5 / 255 + 1e-6


def test_the_output_is_small_and_asks_nobody(shown):
    payload = re.search(r"atob\('([^']+)'\)", shown.html)[1]
    script = re.search(r"<script>(.*)</script>", shown.html, re.S)[1]
    assert len(script) - len(payload) < 4800
    assert len(shown.html) < 42_000
    assert "http" not in shown.html and "@" not in shown.html
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"} and bundle["text/plain"] == shown.alt
    assert bundle["text/html"] == shown._repr_html_()


def test_it_has_a_name_and_a_picture_for_where_nothing_runs(shown):
    assert 'aria-label="The &quot;mean&quot; face. Arrow keys' in shown.html and 'tabindex="0"' in shown.html
    still, alt = re.search(r'<img src="data:image/jpeg;base64,([^"]+)" alt="([^"]+)"', shown.html).groups()
    picture = iio.imread(base64.b64decode(still))
    assert picture.shape == (HEIGHT, WIDTH, 3) and alt == "The &quot;mean&quot; face"
    assert picture.std() > 20


def test_without_colours_it_is_clay():
    _, _, tints = unpack(mesh_viewer(*TRIANGLE, alt="a triangle").html)
    assert np.allclose(tints / 255, viewer.CLAY, atol=0.5 / 255)


@pytest.mark.parametrize(
    "vertices, triangles, colors, alt, says",
    [(np.zeros((2, 4, 3)), TRIANGLE[1], None, "x", "no batch"),
     (TRIANGLE[0], TRIANGLE[1], np.zeros((2, 3)), "x", "colors"),
     (np.zeros((70000, 3)), TRIANGLE[1], None, "x", "coarser"),
     (TRIANGLE[0] * np.nan, TRIANGLE[1], None, "x", "NaN"),
     (TRIANGLE[0] * 0, TRIANGLE[1], None, "x", "all the same"),
     (TRIANGLE[0], TRIANGLE[1] + 1, None, "x", "triangles"),
     (*TRIANGLE, None, "", "cannot see")],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused(vertices, triangles, colors, alt, says):
    with pytest.raises(DataError, match=says):
        mesh_viewer(vertices, triangles, colors, alt=alt)


# ---------------------------------------------------------------- in a browser


@pytest.fixture
def page(browser, shown, tmp_path):
    """The viewer in a page of its own, drawn once, with room below to scroll it away."""
    path = shown.save(tmp_path / "face.html")
    path.write_text(path.read_text(encoding="utf-8").replace("</main>", '</main><p style="height:3000px">end</p>'))
    page = browser.new_page(viewport={"width": 500, "height": 500})
    faults = Faults(page, "file:")
    page.goto(path.as_uri())
    page.wait_for_selector("canvas[data-view]")
    yield page
    page.close()
    assert faults.found == []


def view(page):
    return [float(number) for number in page.locator("canvas").get_attribute("data-view").split(",")]


def picture(page):
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return iio.imread(io.BytesIO(page.locator("canvas").screenshot()))[..., :3] / 255


def test_the_browser_draws_what_our_rasterizer_draws(page, face):
    page.keyboard.press("Tab")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    page.evaluate("document.activeElement.blur()")  # the ring of the focus is no part of the picture
    live = picture(page)
    yaw, pitch, _ = view(page)
    assert yaw == pytest.approx(0.45 - 0.8) and pitch == pytest.approx(0.1)
    ours = viewer.still_picture(*face, WIDTH, HEIGHT, yaw, pitch)
    background = np.abs(ours - ours[0, 0]).max(-1) < 0.004
    assert np.abs(live[background] - 1).mean() < 0.01, "a white page around it"
    assert np.abs(live - ours)[~background].mean() < 0.012


def test_keys_turn_zoom_and_go_back(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", "the focus is seen"
    before, start = picture(page), view(page)
    for key, place, sign in (("ArrowRight", 0, 1), ("ArrowLeft", 0, -1), ("ArrowDown", 1, 1), ("ArrowUp", 1, -1), ("+", 2, 1),
                             ("-", 2, -1)):  # fmt: skip
        page.keyboard.press("0")
        assert np.array_equal(picture(page), before) and view(page) == start
        page.keyboard.press(key)
        assert np.abs(picture(page) - before).mean() > 0.003, key
        changed = np.sign(np.array(view(page)) - start)
        assert changed[place] == sign and np.count_nonzero(changed) == 1, key
    assert page.evaluate("scrollY") == 0


def test_keys_stay_inside_but_shortcuts_of_the_browser_do_not(page):
    page.evaluate("() => { window.heard = []; document.onkeydown = event => { heard.push(event.key) } }")
    page.keyboard.press("Tab")
    for key in ("ArrowDown", "d", "Control+s", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("heard") == ["Tab", "Control", "s", "Escape"]


def test_the_mouse_turns_and_the_wheel_zooms_after_a_click_only(page):
    before, start = picture(page), view(page)
    page.mouse.move(160, 120)
    page.mouse.wheel(0, 50)
    page.wait_for_function("() => scrollY == 50")  # without the focus the page scrolls
    page.evaluate("scrollTo(0, 0)")
    assert view(page) == start
    page.mouse.down()
    page.mouse.move(220, 100, steps=4)
    page.mouse.up()
    page.mouse.move(100, 100)
    assert np.abs(picture(page) - before).mean() > 0.003
    assert view(page) == pytest.approx([start[0] + 0.6, start[1] - 0.2, start[2]])
    page.mouse.wheel(0, -100)
    picture(page)
    assert view(page)[2] > start[2] and page.evaluate("scrollY") == 0


def test_nothing_is_drawn_while_nothing_moves(page):
    page.evaluate("""() => { window.frames_ = 0; const ask = window.requestAnimationFrame;
        window.requestAnimationFrame = f => { frames_++; return ask(f) } }""")
    page.wait_for_timeout(200)
    assert page.evaluate("frames_") == 0
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("frames_") == 1


LOST = "() => document.querySelector('canvas').getContext('webgl2').isContextLost()"


def test_out_of_sight_it_gives_its_memory_back_and_draws_again_when_seen(page):
    before = picture(page)
    page.evaluate("scrollTo(0, 2000)")
    page.wait_for_function(LOST)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function("() => document.querySelector('img').style.visibility == 'hidden'")
    assert np.array_equal(picture(page), before)


def test_removed_it_ends_its_context(page):
    page.evaluate("window.gl_ = document.querySelector('canvas').getContext('webgl2'); document.querySelector('figure').remove()")
    page.wait_for_function("() => gl_.isContextLost()")


def test_without_webgl_the_picture_stays(browser, shown, tmp_path):
    page = browser.new_page()
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    faults = Faults(page, "file:")
    page.goto(shown.save(tmp_path / "face.html").as_uri())
    page.wait_for_timeout(300)
    assert page.locator("img").is_visible() and not page.locator("canvas").is_visible()
    assert not page.locator("figcaption").is_visible()
    page.close()
    assert faults.found == []

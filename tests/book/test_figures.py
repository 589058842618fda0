"""Figures put things where the coordinates say; sliders, strips and scrubbers show the pictures of one draw function."""

import base64
import io
import json
import re
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest

from mgcbook.book import figures, widgets
from mgcbook.book.scene import Scene
from mgcbook.face.camera import Camera


def drawn(figure):
    """The figure as pixels, and a function from the data of its first axes to (row, column)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255.0

    def place(u, v):
        x, y = figure.axes[0].transData.transform((u, v))
        return int(pixels.shape[0] - y), int(x)

    return pixels, place


def grey(value):
    """A draw function: a small even picture."""
    return np.full((8, 12, 3), value)


def test_loading_the_tools_loads_no_matplotlib_and_no_widgets():
    code = "import sys, mgcbook.book.figures, mgcbook.book.widgets, mgcbook.book.scene, mgcbook.book.exercises\n"
    code += "assert not {'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules), 'loaded too early'"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pixel_centres_are_at_the_halves():
    image = np.zeros((4, 6, 3))
    image[1, 4] = 1.0
    pixels, place = drawn(figures.image_row([image], width=4, nearest=True))
    assert pixels[place(4.5, 1.5)].min() == 1.0  # the middle of row 1, column 4
    for u, v in ((3.5, 1.5), (5.5, 1.5), (4.5, 0.5), (4.5, 2.5)):
        assert pixels[place(u, v)].max() == 0.0


def test_points_land_on_their_pixels():
    figure = figures.image_row([np.ones((10, 10, 3))], width=3)
    figures.points(figure.axes[0], np.array([[2.5, 7.5]]), "#000000", size=40)
    pixels, place = drawn(figure)
    assert pixels[place(2.5, 7.5)].max() < 0.1 and pixels[place(7.5, 2.5)].min() > 0.9


def test_a_window_shows_a_part_and_the_coordinates_stay():
    image = np.zeros((10, 20, 3))
    image[6, 15] = 1.0
    figure = figures.image_row([image], width=3, window=(12, 4, 18, 8), nearest=True)
    pixels, place = drawn(figure)
    assert pixels[place(15.5, 6.5)].min() == 1.0
    assert figure.axes[0].get_xlim() == (12, 18) and figure.axes[0].get_ylim() == (8, 4)


def test_a_figure_shows_itself_as_one_slim_jpeg():
    figure = figures.image_row([grey(0.2), grey(0.7)], ["dark", "light"], ["0.2", "0.7"], width=5)
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/jpeg", "text/plain"}
    picture = iio.imread(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    shown = metadata["image/jpeg"]
    assert shown["width"] == 500 and shown["alt"] == data["text/plain"] == "dark; light"
    assert abs(picture.shape[1] / picture.shape[0] - shown["width"] / shown["height"]) < 0.02
    assert picture.shape[1] > shown["width"], "sharper than the page, for fine screens"


def test_figures_leave_no_trace():
    from matplotlib import _pylab_helpers, rcParams

    before = dict(rcParams)
    figures.image_row([grey(0.5)])._repr_mimebundle_()
    assert dict(rcParams) == before and not _pylab_helpers.Gcf.figs


def test_the_same_figure_twice_is_the_same_bytes():
    assert figures.image_row([grey(0.5)], ["a"]).jpeg() == figures.image_row([grey(0.5)], ["a"]).jpeg()


def test_near_is_bright_in_a_depth_picture():
    depth = np.array([[0.0, 900.0, 1000.0, 1100.0]])
    picture = figures.depth_picture(depth)
    assert np.allclose(picture[0, 0], figures.paper(1, 1)[0, 0])
    assert picture[0, 1].sum() > picture[0, 2].sum() > picture[0, 3].sum()


# ---------------------------------------------------------------- scenes


SQUARE = np.array([[-50.0, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]]), np.array([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("z, hidden", [(-40.0, True), (40.0, False)])
def test_a_line_behind_a_mesh_is_faint(z, hidden):
    scene = Scene()
    scene.mesh(*SQUARE, np.ones((4, 3)))
    scene.line(np.array([[-30.0, 0, z], [30, 0, z]]))
    lines = [line for line in scene.picture(width=2).axes[0].lines if np.isfinite(line.get_xdata()).any()]
    assert [line.get_alpha() < 1 for line in lines] == [hidden]


def test_a_camera_stands_where_its_pose_says():
    rotation = np.diag([1.0, -1.0, -1.0])[None]
    scene = Scene()
    scene.camera((rotation, np.array([[10.0, 20.0, 500.0]])), Camera(focal=100.0, width=64, height=64), 200.0)
    eye = (scene._lines[-1][0][0] - scene._pose[1][0]) @ scene._pose[0][0]  # back in the model's axes
    assert np.allclose(eye, [-10, 20, 500])  # -R^T t
    base = (scene._lines[0][0] - scene._pose[1][0]) @ scene._pose[0][0]
    assert np.allclose(base[:, 2], 300)  # 200 mm before it, towards the face
    assert np.allclose(np.ptp(base[:, 0]), 128)  # 64 px at 200 mm and f = 100 px


def test_up_is_up():
    scene = Scene()
    scene.mesh(*SQUARE, np.array([[0.0, 0, 0]] * 2 + [[1, 1, 1]] * 2))  # bright above
    pixels, _ = drawn(scene.picture(width=2))
    middle = pixels[:, pixels.shape[1] // 2, 0]
    inside = middle[len(middle) // 4 : -len(middle) // 4]
    assert inside[0] > 0.6 and inside[-1] < 0.4


# ---------------------------------------------------------------- widgets


def test_strip_draws_the_function_at_its_values():
    asked = []
    figure = widgets.strip(lambda level: asked.append(level) or grey(level), level=(0.1, 0.5, 0.9), unit=" m")
    assert asked == [0.1, 0.5, 0.9]
    assert [text.get_text() for text in figure.texts] == ["0.1 m", "0.5 m", "0.9 m"]
    assert figure.alt == "level: 0.1 m, 0.5 m, 0.9 m"


@pytest.mark.parametrize("values", [{}, {"a": (0, 1), "b": (0, 1)}])
def test_one_argument_varies(values):
    for show in (widgets.strip, widgets.slider):
        with pytest.raises(ValueError, match="one argument"):
            show(grey, **values)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_moving_the_slider_redraws(logarithmic):
    slider = widgets.slider(grey, value=(0.1, 0.9, 0.2), logarithmic=logarithmic, frames=3)
    before = slider.png
    assert (slider.image.layout.width, slider.image.layout.height) == ("12px", "8px")
    slider.value = 0.7
    assert np.all(iio.imread(before) == round(0.2 * 255)) and np.all(iio.imread(slider.png) == round(0.7 * 255))


def test_a_slider_shows_the_live_form_and_a_still_one():
    asked = []
    draw = lambda value: asked.append(value) or grey(value)
    slider = widgets.slider(draw, value=(0.25, 1.0), unit=" m", logarithmic=True, frames=3, alt="grey")
    data = slider._repr_mimebundle_()
    assert {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"} == set(data)
    assert np.allclose(asked[-3:], [0.25, 0.5, 1.0])
    assert " at 0x" not in data["text/plain"]
    sources, texts = json.loads(re.search(r"<script[^>]*>(.*)</script>", data["text/html"], re.S)[1])
    assert len(sources) == 3 and texts == ["0.25 m", "0.50 m", "1.00 m"]


def test_a_scrubber_needs_no_network_and_has_names():
    page = widgets.scrubber([grey(0.2), grey(0.4), grey(0.6)], "<yaw>", ["-1", "</script>", "1"], 'a "face"')
    assert "http" not in page and "&lt;yaw&gt;" in page and 'alt="a &quot;face&quot;"' in page
    assert page.count("</script>") == 1 and 'type="range" min="0" max="2" value="1"' in page
    shown = re.search(r'<img src="data:image/webp;base64,([^"]+)"', page)[1]
    assert np.abs(iio.imread(base64.b64decode(shown), extension=".webp").astype(int) - round(0.4 * 255)).max() < 4

"""Pictures that move: sliders over a draw function, static strips by the same function, and scrubbers for pages without a kernel.

    def draw(yaw): ...                      # -> an image (H, W, 3) in [0, 1]

    strip(draw, yaw=(-60, 0, 60))           # three pictures; what a page on GitHub shows
    slider(draw, yaw=(-90, 90), unit="°")   # a slider where a kernel runs, prerendered frames where none does

The pictures come from the draw function alone, often from the book's own rasterizer; no plotting library stands between.
"""

import base64
import html
import json

import numpy as np

from mgcbook.arrays import to_host
from mgcbook.book import figures

FRAMES = 13
"""Pictures of a scrubber: 13 of 224 x 224 pixels are about 60 kB in a notebook."""


def strip(draw, *, unit="", notes=None, width=figures.WIDTH, alt=None, **values):
    """The pictures draw(name=value) side by side, for one named argument; -> Picture.

    Args:
        draw: (name=number) -> image (H, W, 3) in [0, 1].
        unit: written after each value, for example "°" or " m".
        values: name=(number, number, ...).
    """
    name, numbers = _only(values)
    titles = [f"{number:g}{unit}" for number in numbers]
    alt = alt or f"{name.replace('_', ' ')}: {', '.join(titles)}"
    return figures.image_row([draw(**{name: number}) for number in numbers], titles, notes, width=width, alt=alt)


def slider(draw, *, unit="", logarithmic=False, frames=FRAMES, alt="", **ranges):
    """A slider that redraws draw(name=value) as it moves, for one named argument; -> Slider, shown as the value of a cell.

    Args:
        draw: (name=number) -> image (H, W, 3) in [0, 1].
        unit: written after the value.
        logarithmic: equal steps multiply the value.
        frames: how many pictures the saved notebook keeps, for readers without a kernel.
        alt: what the picture shows, for those who cannot see it.
        ranges: name=(least, greatest) or (least, greatest, first).
    """
    name, numbers = _only(ranges)
    return Slider(draw, name, *numbers[:2], numbers[2] if len(numbers) > 2 else None, unit, logarithmic, frames, alt)


def _only(named):
    """The one argument that varies."""
    if len(named) != 1:
        raise ValueError(
            f"expected one argument of the draw function to vary, like yaw=(-60, 0, 60); got {list(named) or 'none'}"
        )
    return next(iter(named.items()))


class Slider:
    """A live slider and, for a page without a kernel, its scrubber. `.value` moves it and `.png` is the picture shown."""

    def __init__(self, draw, name, least, greatest, first, unit, logarithmic, frames, alt):
        import ipywidgets

        self._draw, self._name, self._unit, self._alt = draw, name, unit, alt
        space = np.geomspace if logarithmic else np.linspace
        self.values = space(least, greatest, frames)
        first = self.values[frames // 2] if first is None else first
        self._first = int(np.argmin(np.abs(self.values - first)))
        self.label = name.replace("_", " ")
        described = f"{self.label} ({unit.strip()})" if unit else self.label
        layout = dict(description=described, readout_format=".2f", style={"description_width": "initial"})
        if logarithmic:
            low, high = np.log10(least), np.log10(greatest)
            self.control = ipywidgets.FloatLogSlider(first, base=10, min=low, max=high, step=(high - low) / 100, **layout)
        else:
            self.control = ipywidgets.FloatSlider(first, min=least, max=greatest, step=(greatest - least) / 100, **layout)
        image = draw(**{name: float(first)})
        size = {"width": f"{image.shape[1]}px", "height": f"{image.shape[0]}px"}  # a box would stretch it to its own width
        self.image = ipywidgets.Image(format="png", value=encode(image, ".png"), layout=size)
        self.control.observe(self._moved, "value")
        self.box = ipywidgets.VBox([self.control, self.image])

    def _png(self, value):
        return encode(self._draw(**{self._name: float(value)}), ".png")

    def _moved(self, change):
        self.image.value = self._png(change["new"])

    @property
    def value(self):
        """Where the slider stands."""
        return self.control.value

    @value.setter
    def value(self, value):
        self.control.value = value

    @property
    def png(self):
        """The picture shown, as the bytes of a PNG file."""
        return bytes(self.image.value)

    def _repr_mimebundle_(self, **kwargs):
        live = self.box._repr_mimebundle_(**kwargs) or {}
        images = [self._draw(**{self._name: float(value)}) for value in self.values]
        texts = [f"{value:.2f}{self._unit}" for value in self.values]
        still = scrubber(images, self.label, texts, self._alt, first=self._first)
        return {**live, "text/html": still, "text/plain": f"a slider: {self.label}"}


def scrubber(images, label, texts, alt="", *, first=None):
    """HTML of a slider over pictures drawn beforehand, which needs no kernel and no network; -> str.

    Args:
        images: (N, H, W, 3) in [0, 1].
        label: what the slider changes.
        texts: N texts, shown beside the label.
        alt: what the pictures show.
        first: number of the picture shown at first; None: the middle one.
    """
    sources = [f"data:image/webp;base64,{base64.b64encode(encode(image, '.webp')).decode()}" for image in images]
    first = len(sources) // 2 if first is None else first
    height, width = np.shape(images[0])[:2]
    move = (
        "const figure = this.closest('figure'), [sources, texts] = JSON.parse(figure.querySelector('script').textContent);"
        "figure.querySelector('img').src = sources[this.value]; figure.querySelector('output').textContent = texts[this.value]"
    )
    label, alt = html.escape(label), html.escape(alt)
    data = json.dumps([sources, list(texts)]).replace("<", "\\u003c")
    # Without onkeydown JupyterLab takes the arrow keys for itself and moves to another cell.
    return f"""<figure class="scrubber" style="margin:0"><label>{label} <output>{html.escape(texts[first])}</output><br>
<input type="range" min="0" max="{len(sources) - 1}" value="{first}" style="width:{width}px"
 aria-label="{label}" oninput="{move}" onkeydown="event.stopPropagation()"></label><br>
<img src="{sources[first]}" width="{width}" height="{height}" alt="{alt}">
<script type="application/json">{data}</script></figure>"""


def encode(image, extension):
    """An image (H, W, 3) in [0, 1] as the bytes of a file of this kind, ".png" or ".webp"."""
    import imageio.v3 as iio

    pixels = np.uint8(np.round(255 * np.clip(np.asarray(to_host(image)), 0, 1)))
    return iio.imwrite("<bytes>", pixels, extension=extension, **({"quality": 80} if extension == ".webp" else {}))

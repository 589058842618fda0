"""A matplotlib figure that shows itself in a notebook as one slim JPEG with a width and an alternative text.

The figures of the book do not pass through pyplot: nothing is registered, so nothing has to be closed, and no setting of the
reader's is touched. Imported by `mgcbook.book.figures` when the first figure is drawn, since matplotlib is slow to load.
"""

import base64
import io

import matplotlib
from matplotlib.figure import Figure

PAPER = "#faf9f5"
INK = "#2c2c34"
MUTED = "#6f6f7a"
LINE = "#d9d6cd"

STYLE = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "font.size": 9.5,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}
"""The look of every figure: a card of warm white, which sits well on a light page and does not glare on a dark one."""

PIXELS_PER_INCH = 100
"""On the page; the JPEG has SHARPNESS times as many."""
SHARPNESS = 1.4
QUALITY = 75


class Picture(Figure):
    """A figure in the book's style; as the last value of a cell it is shown, `.savefig(path)` writes it."""

    def __init__(self, width, height, *, alt=""):
        with matplotlib.rc_context(STYLE):
            super().__init__(figsize=(width, height))
        self.alt = alt

    def add_axes(self, *args, **kwargs):
        """Figure.add_axes in the book's style."""
        with matplotlib.rc_context(STYLE):
            return super().add_axes(*args, **kwargs)

    def jpeg(self):
        """The bytes of the figure as JPEG."""
        buffer = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            pil = {"quality": QUALITY, "optimize": True}
            self.savefig(buffer, format="jpeg", dpi=PIXELS_PER_INCH * SHARPNESS, pil_kwargs=pil)
        return buffer.getvalue()

    def _repr_mimebundle_(self, include=None, exclude=None):
        width, height = (round(float(side) * PIXELS_PER_INCH) for side in self.get_size_inches())
        data = {"image/jpeg": base64.b64encode(self.jpeg()).decode(), "text/plain": self.alt or "figure"}
        return data, {"image/jpeg": {"width": width, "height": height, "alt": self.alt}}

"""Build the HTML book: `python docs/book/make.py` writes build/book/index.html. No network is used.

The sources are staged in build/book-source: this folder, the committed notebooks as they are, one page for each module, and the
table of the paper. Only what changed is written, so that Sphinx reads only what changed; --fresh starts anew.
"""

import argparse
import base64
import html
import io
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STAGE, TREES, BOOK = (ROOT / "build" / name for name in ("book-source", "book-doctrees", "book"))
FLOORS = {
    "Floor 0: arrays and files": ("arrays", "errors", "files", "kernels.about", "kernels.twins"),
    "Floor 1: gradients": ("tape",),
    "Floor 2: face": ("face",),
    "Floor 3: learning": ("learning",),
    "Floor 4: data": ("data",),
    "Floor 5: programs": ("programs", "cli"),
    "Floor 6: book": ("book",),
}
INNER = re.compile(r"\.(__main__|__init__)$|^mgcbook\.book\.(checks|sketches)\b")


class Stage:
    """The staged folder: `write` changes a file only if its content does, and `sweep` removes what was not written this time."""

    def __init__(self, folder):
        self.folder, self.written, self.changed = folder, set(), set()

    def write(self, name, content):
        """Content is text or bytes."""
        data = content.encode() if isinstance(content, str) else content
        path = self.folder / name
        self.written.add(path)
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            self.changed.add(path)

    def sweep(self):
        """Remove files of an earlier build that have no source any more."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path not in self.written:
                path.unlink()


def staged_notebook(path, text):
    """A committed notebook for the book: each picture carries its alternative text, and the page links to the notebook; -> JSON.

    Raises:
        ValueError: for a picture without an alternative text, or two different ones in a cell.
    """
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        alts = {output["metadata"].get("image/jpeg", {}).get("alt", "") for output in cell.get("outputs", [])
                if "image/jpeg" in output.get("data", {})}  # fmt: skip
        if len(alts) > 1 or "" in alts:
            raise ValueError(f"{path.name}, cell {cell['id']}: expected one alternative text for its picture, got {sorted(alts)}")
        if alts:
            cell["metadata"]["mystnb"] = {"image": {"alt": alts.pop()}}
    title, *rest = "".join(notebook["cells"][0]["source"]).split("\n", 1)
    link = f'<a class="notebook" href="../notebooks/{path.name}" download>This chapter as a notebook</a>'
    notebook["cells"][0]["source"] = "\n".join([title, "", link, *rest])
    return json.dumps(notebook)


def card(path, text, stage):
    """One chapter on the first page: its first picture, title and first sentence; -> HTML."""
    from PIL import Image

    notebook = json.loads(text)
    first = "".join(notebook["cells"][0]["source"])
    title = first.split("\n")[0].lstrip("# ")
    prose = re.sub(r"[*`$\\]", "", " ".join(first.split("\n\n")[1].split()))
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    picture = next(output["data"]["image/jpeg"] for output in outputs if "image/jpeg" in output.get("data", {}))
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    image.thumbnail((560, 560))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    stage.write(f"_static/chapters/{path.stem}.jpg", buffer.getvalue())
    sentence = re.split(r"(?<=[.?:!]) ", prose)[0].rstrip(":")
    return (
        f'<li><a href="chapters/{path.stem}.html"><img src="_static/chapters/{path.stem}.jpg" alt="" loading="lazy">'
        f"<b>{html.escape(title)}</b><span>{html.escape(sentence)}</span></a></li>"
    )


def modules_of(parts):
    """Dotted names of the public modules below parts of the package, in order; -> [str]."""
    found = []
    for part in parts:
        place = ROOT / "mgcbook" / part.replace(".", "/")
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
        names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
        if (place / "__init__.py").is_file() and (place / "__init__.py").stat().st_size > 10:
            found.append(f"mgcbook.{part}")
        found += [name for name in names if not INNER.search(name) and not name.split(".")[-1].startswith("_")]
    return found


def first_line(name):
    """The first line of a module's docstring."""
    import ast

    path = ROOT / name.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


def stage_reference(stage):
    """One page for each module, one for each floor, and their index."""
    from docstrings import escape

    floors = []
    for number, (title, parts) in enumerate(FLOORS.items()):
        rows, entries = [], []
        for name in modules_of(parts):
            heading = f"{name}\n{'=' * len(name)}\n"
            stage.write(f"api/{name}.rst", f"{heading}\n.. automodule:: {name}\n")
            rows.append(f"   * - :doc:`{name}`\n     - {escape(first_line(name))}")
            entries.append(f"   {name}")
        listing = ".. list-table::\n   :widths: 35 65\n\n" + "\n".join(rows)
        toctree = ".. toctree::\n   :hidden:\n\n" + "\n".join(entries)
        stage.write(f"api/floor{number}.rst", f"{title}\n{'=' * len(title)}\n\n{listing}\n\n{toctree}\n")
        floors.append(f"floor{number}")
    intro = (
        "# Reference\n\nA file imports only from its own floor or from below. Letters of shapes: B batch, N views, V vertices,\n"
        "F triangles, L landmarks, H W image, C channels, K coefficients. Lengths are in millimetres, angles in radians;\n"
        "images are (B, H, W, 3) in [0, 1], and the pixel in row r and column c has its centre at (c + 0.5, r + 0.5).\n"
    )
    stage.write("api/index.md", intro + "\n```{toctree}\n:maxdepth: 2\n\n" + "\n".join(floors) + "\n```\n")


def stage_book(stage):
    """Everything that Sphinx reads."""
    from mgcbook.book.paper import as_markdown

    for path in sorted(HERE.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path.name not in ("make.py", "index.md", "paper.md"):
            stage.write(path.relative_to(HERE), path.read_bytes())
    stage.write("overview.jpg", (ROOT / "docs" / "overview.jpg").read_bytes())
    cards = []
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        text = path.read_text(encoding="utf-8")
        stage.write(f"chapters/{path.name}", staged_notebook(path, text))
        stage.write(f"extra/notebooks/{path.name}", text)
        cards.append(card(path, text, stage))
    chapters = '<ul class="chapters">\n' + "\n".join(cards) + "\n</ul>"
    stage.write("index.md", (HERE / "index.md").read_text(encoding="utf-8").replace("@CHAPTERS@", chapters))
    stage.write("paper.md", (HERE / "paper.md").read_text(encoding="utf-8").replace("@TABLE@", as_markdown()))
    stage_reference(stage)
    stage.sweep()


MENDED = {
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="All pages">',
    '<aside class="toc-drawer">': '<aside class="toc-drawer" aria-label="On this page">',
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '\n          \n<noscript>\n<div class="admonition error">': '\n<h1>Search</h1>\n<noscript>\n<div class="admonition error">',
}
"""What screen readers miss in the pages of theme and extensions, and what they get instead."""


def mend(folder):
    """Name the parts of each page that have no name."""
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for old, new in MENDED.items():
            text = text.replace(old, new)
        if text != path.read_text(encoding="utf-8"):
            path.write_text(text, encoding="utf-8")


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fresh", action="store_true", help="forget earlier builds")
    options = parser.parse_args(arguments)
    sys.path[:0] = [str(HERE), str(ROOT)]
    os.environ["MGCBOOK_DOCS"] = str(HERE)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    if options.fresh:
        for folder in (STAGE, TREES, BOOK):
            shutil.rmtree(folder, ignore_errors=True)
    start, stage = time.perf_counter(), Stage(STAGE)
    stage_book(stage)
    if any(path.suffix == ".py" for path in stage.changed):
        shutil.rmtree(TREES, ignore_errors=True)  # Sphinx does not see that its extensions changed
    from sphinx.cmd.build import build_main

    code = build_main(["-W", "--keep-going", "-q", "-b", "html", "-d", str(TREES), str(STAGE), str(BOOK)])
    if code == 0:
        mend(BOOK)
        size = sum(path.stat().st_size for path in BOOK.rglob("*") if path.is_file())
        print(f"{(BOOK / 'index.html').relative_to(ROOT)}: {size / 1e6:.1f} MB in {time.perf_counter() - start:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())

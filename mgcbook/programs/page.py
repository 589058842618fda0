"""One HTML page for a run: headings, sentences, tables and pictures; no script, nothing loaded from elsewhere.

A page is a list of blocks made by the functions below, and `write_page` puts them into one file beside the pictures.
"""

import html
import os
from pathlib import Path

STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #5b6670; --line: #d9dee3; --ground: #ffffff; --tint: #f4f6f8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #9aa5af; --line: #363d45; --ground: #15191d; --tint: #1e242a; } }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0 auto;
  padding: 2rem 1rem 4rem; max-width: 60rem; }
h1 { font-size: 1.7rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .5rem; }
p { max-width: 44rem; } .soft { color: var(--soft); }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; border-radius: 6px; display: block; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .3rem; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; } .row figure { margin: 0; flex: 1 1 12rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } th { font-weight: 600; color: var(--soft); }
code { background: var(--tint); padding: .1rem .3rem; border-radius: 4px; }
"""


def heading(text):
    """A section heading."""
    return f"<h2>{html.escape(text)}</h2>"


def sentence(text):
    """A paragraph of plain text; `words between backticks` are set as code."""
    pieces = html.escape(text).split("`")
    return "<p>" + "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces)) + "</p>"


def picture(path, caption, alt=None):
    """A picture with its caption; path relative to the page; `alt` tells those who cannot see it, the caption if not given."""
    source, text = html.escape(str(path)), html.escape(caption)
    return f'<figure><img src="{source}" alt="{html.escape(alt or caption)}"><figcaption>{text}</figcaption></figure>'


def row(pictures):
    """Several pictures side by side, wrapping on a narrow screen."""
    return '<div class="row">' + "".join(pictures) + "</div>"


def table(header, rows):
    """A table of text and numbers; the first column is aligned to the left."""
    cells = lambda tag, values: "<tr>" + "".join(f"<{tag}>{html.escape(str(value))}</{tag}>" for value in values) + "</tr>"
    body = "".join(cells("td", values) for values in rows)
    return f'<div class="scroll"><table><thead>{cells("th", header)}</thead><tbody>{body}</tbody></table></div>'


def write_page(path, title, blocks, subtitle=""):
    """Write the page, complete or not at all; returns its path.

    Args:
        path: the .html file; pictures are named relative to its folder.
        blocks: strings made by `heading`, `sentence`, `picture`, `row` and `table`.
    """
    path = Path(path)
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{STYLE}</style></head>
<body><main><h1>{html.escape(title)}</h1><p class="soft">{html.escape(subtitle)}</p>
{chr(10).join(blocks)}
</main></body></html>
"""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
    return path

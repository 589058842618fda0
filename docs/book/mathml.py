"""Formulas as MathML, written when the book is built: no script runs in the page, and a screen reader can read them.

    html_math_renderer = "mathml"

Every browser of note draws MathML since 2023; `_static/stix-two-math.woff2` (SIL Open Font License, the letters and signs that
formulas use) lets brackets and roots grow with what they hold.
"""

import html
import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.errors import ExtensionError


def mathml(tex, display="inline"):
    """TeX as a MathML element; -> str.

    Raises:
        ExtensionError: if it cannot be read, with the formula.
    """
    try:
        return convert(tex.strip(), display=display)
    except Exception as error:
        raise ExtensionError(f"formula {tex!r}: {error!r}") from error


def visit_math(translator, node):
    """A formula in a line of text."""
    translator.body.append(mathml(node.astext()))
    raise SkipNode


def visit_displaymath(translator, node):
    """A formula of its own, with its number, if it has a \\tag, at the right; it scrolls where the page is narrow."""
    tex = node.astext()
    tag = re.search(r"\\tag\{([^}]*)\}", tex)
    number = f'<span class="eqno">({html.escape(tag[1])})</span>' if tag else ""
    tex = re.sub(r"\\tag\{[^}]*\}", "", tex)
    translator.body.append(f'<div class="math" tabindex="0">{number}{mathml(tex, "block")}</div>\n')
    raise SkipNode


def setup(app):
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

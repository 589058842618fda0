"""The package's docstrings for Sphinx: they are plain text with `code`, formulas like |I~ - I| and indented blocks."""

import re
import sys

HEADER = re.compile(r"\s*(Args|Arguments|Raises|Returns|Yields|Source|Keys|Note|Notes|Example|Examples):\s*$")
NAME = re.compile(r"[A-Za-z_][\w.]*")


def target_of(name, scope):
    """The documented place that `name` means inside `scope`, a dotted name: a neighbour, a member or itself; else ""."""
    parts = scope.split(".")
    for end in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        if module is not None:
            break
    else:
        return ""
    holders = [] if name.startswith("mgcbook.") else [module]
    if len(parts) > end and isinstance(getattr(module, parts[end], None), type):
        holders.insert(0, getattr(module, parts[end]))
    for holder in holders:
        found = holder
        for part in name.split("."):
            found = getattr(found, part, None)
        home, inner = getattr(found, "__module__", None), getattr(found, "__qualname__", None)
        if isinstance(home, str) and home.startswith("mgcbook") and inner and not inner.startswith("_"):
            return f"{home}.{inner}"
    if name.startswith("mgcbook.") and (name in sys.modules or name.rpartition(".")[0] in sys.modules):
        return name
    return ""


def escape(text, scope=""):
    """One line: `names` become links where they lead somewhere, other `code` is literal, and signs of markup are only signs."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a single backtick is no code
        return re.sub(r"([\\*|_`])", r"\\\1", text)
    for i, part in enumerate(parts):
        if i % 2 == 0:
            parts[i] = re.sub(r"([\\*|_])", r"\\\1", part).replace(" -> ", " → ")
        elif part:
            target = target_of(part, scope) if scope and NAME.fullmatch(part) else ""
            parts[i] = f":py:obj:`{part} <{target}>`" if target else f"``{part}``"
            if re.match(r"\w", parts[i + 1]):
                parts[i] += "\\ "
    return "".join(parts)


def indent_of(line):
    """Spaces before the text."""
    return len(line) - len(line.lstrip())


def to_rst(lines, scope=""):
    """Lines of a docstring as reStructuredText: indented blocks after an empty line are shown as they stand; -> list of lines."""
    result, block, before = [], None, ""
    for i, line in enumerate(lines):
        if not line.strip():
            result.append("")
            continue
        indent = indent_of(line)
        if block is not None and indent >= block:
            result.append(line)
            continue
        block = None
        starts = i > 0 and not lines[i - 1].strip() and before.strip()
        if starts and indent > indent_of(before) and not HEADER.match(before) and not before.lstrip().startswith("- "):
            block = indent
            result += [" " * indent_of(before) + "::", "", line]
            continue
        result.append(line if HEADER.match(line) else escape(line, scope))
        before = line
    return result


PLAIN = {}
"""Docstrings of attributes and constants on their way past napoleon, which takes what stands before a colon for a type."""


def process(app, what, name, obj, options, lines):
    """autodoc hands over every docstring before napoleon reads its sections."""
    lines[:] = to_rst(lines, name)
    if what in ("attribute", "data"):
        PLAIN[name] = list(lines)


def restore(app, what, name, obj, options, lines):
    """After napoleon: what it should not have read."""
    lines[:] = PLAIN.pop(name, lines)


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-docstring", restore, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

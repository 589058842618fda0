"""Sphinx configuration of the book. `make book` stages the sources and builds them; see make.py beside this file.

Nothing in the pages comes from another host, and no script is needed to read them: formulas are MathML, pictures lie beside the
pages, and the scripts that search, switch to dark and turn meshes are the theme's and our own.
"""

import os
import sys

HERE = os.environ["MGCBOOK_DOCS"]  # this folder: Sphinx reads a staged copy of it
sys.path[:0] = [HERE, os.path.dirname(os.path.dirname(HERE))]

project = "mgcbook"
author = "The mgcbook authors"
project_copyright = "2026 The mgcbook authors, MIT License"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "mathml", "docstrings"]
exclude_patterns = ["extra"]

nb_execution_mode = "off"  # the notebooks are executed when they are built, and a test says that they are current
nb_merge_streams = True
nb_render_markdown_format = "myst"  # outputs may be tables
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 2
html_math_renderer = "mathml"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_preserve_defaults = True
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = ["Source", ("Keys", "params_style")]
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
add_module_names = False

html_theme = "furo"
html_title = "mgcbook"
html_static_path = ["_static"]
html_extra_path = ["extra"]
html_css_files = ["book.css"]
html_js_files = ["book.js"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005f96", "color-brand-content": "#005f96"},
    "dark_css_variables": {"color-brand-primary": "#6fc1ef", "color-brand-content": "#6fc1ef"},
}
html_favicon = "_static/favicon.svg"


def _levels(app, page, template, context, doctree):
    """The captions of the sidebar are headings without a level, which a screen reader needs."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app):
    """Called by Sphinx."""
    app.connect("html-page-context", _levels, priority=900)

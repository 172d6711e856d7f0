"""Sphinx configuration; everything builds offline."""

from hyperspy_stereo import __version__

project = "hyperspy_stereo"
author = "The hyperspy_stereo developers"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["_build", "jupyter_execute"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"

autosummary_generate = True
autodoc_typehints = "none"
# Signals inherit hundreds of methods; pages show what this package adds.
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "pydata_sphinx_theme"
html_title = "hyperspy_stereo"
html_theme_options = {"navbar_end": ["theme-switcher"], "show_toc_level": 2}
templates_path = ["_templates"]
# Pages show the picture of a 3D view; the view itself needs a running kernel.
nb_mime_priority_overrides = [("html", "image/png", 5)]

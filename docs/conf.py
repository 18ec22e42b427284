"""Sphinx's settings; `python -m sphinx -W -b html docs docs/_build/html` builds the site, which loads nothing."""

import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent / "extensions"))

from matplotlib import animation

import zoo

project = "coinflip-zoo"
author = "the authors of coinflip-zoo"
project_copyright = "the authors of coinflip-zoo, Apache-2.0"
version = release = zoo.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "reference_pages",
    "paper_pages",
    "card_pages",
    "repository_links",
]
exclude_patterns = ["_build", "extensions", "gallery", "requirements.txt"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", "(?!zoo).*")]  # other projects' pages are not at hand
suppress_warnings = ["config.cache"]  # sphinx-gallery's settings hold functions

autodoc_typehints = "none"  # the docstrings say types, with shapes and ranges
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# A film's page would load its buttons' font from elsewhere; `site.css` draws them.
animation.JS_INCLUDE = re.sub(r"<link[^>]*>", "", animation.JS_INCLUDE)

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 0,
    "matplotlib_animations": True,
    "backreferences_dir": None,
    "reset_modules": ("matplotlib",),
}

html_theme = "furo"
html_title = f"coinflip-zoo {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

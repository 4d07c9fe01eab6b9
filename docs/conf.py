"""Sphinx's settings: ``python -m sphinx -W --keep-going -b html docs docs/_build/html``.

Nothing is downloaded. ``MGRES_DOCS_INTERSPHINX=1`` links names of Python, NumPy and SciPy to their
own documentation, for which their inventories are fetched.
"""

import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import mgres

project = "mgres"
author = "The mgres developers"
copyright = "the mgres developers"  # the name that Sphinx asks for
release = version = mgres.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "bare_names",
    "command_help",
    "own_docstrings",
    "repository_files",
]
exclude_patterns = ["_build", "_ext", "_templates", "gallery", "**/GALLERY_HEADER.*"]
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore_regex = [
    # without intersphinx, names of other packages are only text
    (r"py:.*", r"(numpy|scipy|sklearn|torch|matplotlib|collections|dataclasses|json|os)(\..*)?"),
    (r"py:(class|exc)", r"(KeyboardInterrupt|[A-Z][a-z]*Error)"),
]
if os.environ.get("MGRES_DOCS_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
    }

# ---- pages --------------------------------------------------------------------------------------

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4

# ---- reference ----------------------------------------------------------------------------------

autosummary_generate = True
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseException,BaseEstimator,ClassifierMixin,RegressorMixin,Module,"
    "Function,Sequence,Protocol,tuple,dict",
    "member-order": "bysource",
}
autodoc_typehints = "signature"
autodoc_type_aliases = {"Vector": "mgres.mgopt.Vector", "Array": "ndarray"}
autodoc_preserve_defaults = True
autodoc_mock_imports = [name for name in ("torch",) if importlib.util.find_spec(name) is None]
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# ---- examples -----------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    # without PyTorch, which not everyone who builds this has, its example is shown but not run
    "filename_pattern": r"/plot_(?!torch)" if autodoc_mock_imports else r"/plot_",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,
}

# ---- look ---------------------------------------------------------------------------------------

html_theme = "furo"
html_title = f"mgres {release}"
html_static_path: list[str] = []
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

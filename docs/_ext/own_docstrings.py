"""What autodoc shall show: our own docstrings, also those of constants and type aliases.

A string below an assignment documents it only for readers of that file; a package that imports the
name has no such string. So the file that assigns the name is looked for. Members that come from the
classes of other packages are left out.
"""

from __future__ import annotations

import sys
from typing import Any

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer


def docstring(full: str) -> list[str]:
    """Return the string below the assignment of a name such as ``mgres.mgopt.Vector``."""
    package, _, name = full.rpartition(".")
    value = getattr(sys.modules[package], name)
    for module in sorted(sys.modules):
        inside = module == package or module.startswith(f"{package}.")
        if inside and getattr(sys.modules[module], name, None) is value:
            analyzer = ModuleAnalyzer.for_module(module)
            analyzer.analyze()
            found = analyzer.attr_docs.get(("", name))
            if found:
                return list(found)
    return []


def process(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Replace the docstring of a constant, which is that of its class."""
    if what == "data":
        lines[:] = docstring(name)


def skip(app: Sphinx, what: str, name: str, value: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn's or PyTorch's base classes bring."""
    origin = getattr(value, "__module__", None) or ""
    return True if origin.split(".")[0] in {"sklearn", "torch"} else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the events."""
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

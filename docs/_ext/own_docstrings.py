"""What autodoc shall show: our own docstrings, also those of constants and type aliases.

A string below an assignment documents it only for readers of that file; a package that imports the
name has no such string. So the file that assigns the name is looked for. Members that come from the
classes of other packages are left out. Bars are absolute values and norms, as in ``|x|``, where
reST would see the name of a substitution; they are escaped. The fields of a class are headed
"Attributes", as in the docstrings.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
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


VERBATIM = re.compile(r"(``.+?``|:math:`.+?`)")


def escaped(lines: list[str]) -> list[str]:
    """Return the lines with bars escaped, but for code, mathematics and doctests."""
    found: list[str] = []
    block: int | None = None  # the indentation of the line that begins a verbatim block
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is not None or line.lstrip().startswith((">>>", "...")):
            found.append(line)
            continue
        if line.rstrip().endswith("::") or line.lstrip().startswith(".. math::"):
            block = indent
        parts = VERBATIM.split(line)
        found.append("".join(p if VERBATIM.fullmatch(p) else p.replace("|", "\\|") for p in parts))
    return found


def process(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Replace the docstring of a constant, which is that of its class; escape bars."""
    lines[:] = escaped(docstring(name) if what == "data" else lines)


def skip(app: Sphinx, what: str, name: str, value: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn's or PyTorch's base classes bring."""
    origin = getattr(value, "__module__", None) or ""
    return True if origin.split(".")[0] in {"sklearn", "torch"} else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the events."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-docstring", process, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

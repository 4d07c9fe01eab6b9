"""What is public: what `__all__` of a public package names."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator

from .pages import ROOT

PACKAGES = [
    "mgres",
    "mgres.blocks",
    "mgres.mgopt",
    "mgres.mgopt.cycles",
    "mgres.mgopt.nested",
    "mgres.mgopt.optimizers",
    "mgres.resnet",
    "mgres.stages",
    "mgres.resnet.reference",
    "mgres.resnet.regularizers",
    "mgres.problems",
    "mgres.datasets",
    "mgres.datasets.images",
    "mgres.testing",
    "mgres.recipes",
    "mgres.training",
    "mgres.training.batches",
    "mgres.training.checkpoints",
    "mgres.training.watch",
    "mgres.files",
    "mgres.plot",
    "mgres.runs",
    "mgres.cli",
    "mgres.sklearn",
    "mgres.torch",
    "mgres.experiments",
    "mgres.experiments.comparison",
    "mgres.experiments.fine_phase",
]
MODULES = ["mgres.schemes"]
"""Public modules of their own."""

NEEDS = {"mgres.sklearn": "sklearn", "mgres.torch": "torch"}
"""Packages that are extras themselves."""


def listed() -> set[str]:
    """Return the names in the reference's tables."""
    pages = (ROOT / "docs" / "api").glob("*.md")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    return set(re.findall(r"^   (mgres\.[\w.]+)$", text, re.MULTILINE))


def packages() -> Iterator[str]:
    """Yield the public packages that can be imported here."""
    for name in [*PACKAGES, *MODULES]:
        if name not in NEEDS or importlib.util.find_spec(NEEDS[name]):
            yield name


def names() -> Iterator[tuple[str, object]]:
    """Yield every public name that is no module, with what it names."""
    for package in packages():
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            if not inspect.ismodule(value):
                yield f"{package}.{name}", value


NAMES = dict(names())
OBJECTS = {
    id(value): (name, value)
    for name, value in NAMES.items()
    if inspect.isclass(value) or inspect.isfunction(value)
}
"""Classes and functions, each once."""

"""The reference has every public name, and no other."""

from __future__ import annotations

import importlib
import importlib.util
import inspect

import pytest

from .pages import ROOT
from .public import MODULES, NAMES, NEEDS, PACKAGES, listed


def test_every_package_says_what_is_public():
    found = {
        ".".join(path.parent.relative_to(ROOT / "python").parts)
        for path in (ROOT / "python" / "mgres").rglob("__init__.py")
    }
    assert set(PACKAGES) == found


@pytest.mark.parametrize("package", [name for name in [*PACKAGES, *MODULES] if name not in NEEDS])
def test_the_reference_has_every_name(package):
    have = listed()
    shown = {id(NAMES[name]) for name in have if name in NAMES}
    module = importlib.import_module(package)
    missing = [
        name
        for name in module.__all__
        if not inspect.ismodule(getattr(module, name))
        and f"{package}.{name}" not in have
        and id(getattr(module, name)) not in shown
    ]
    assert not missing


@pytest.mark.parametrize("package", sorted(NEEDS))
def test_the_reference_has_every_name_of_an_extra(package):
    pytest.importorskip(NEEDS[package])
    assert {f"{package}.{n}" for n in importlib.import_module(package).__all__} <= listed()


def test_the_reference_has_no_other_names():
    unknown = []
    for name in listed():
        module, _, last = name.rpartition(".")
        extra = NEEDS.get(module)
        if extra and not importlib.util.find_spec(extra):
            continue
        if not hasattr(importlib.import_module(module), last):
            unknown.append(name)
    assert not unknown

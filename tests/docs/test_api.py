"""No public name without a docstring, and none that the reference leaves out.

Public is what `__all__` of a public module names.  Of a class, public are its own methods,
properties and fields; what protocols and base classes of other packages define is documented there.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "mgres",
    "mgres.mgopt",
    "mgres.resnet",
    "mgres.problems",
    "mgres.datasets",
    "mgres.testing",
    "mgres.training",
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
NEEDS = {"mgres.sklearn": "sklearn", "mgres.torch": "torch"}
"""Packages that are extras themselves."""


ELSEWHERE = {"mgres.runs.Settings": "mgres.runs.OPTIONS"}
"""Classes whose fields another name describes."""


def listed() -> set[str]:
    """Return the names in the reference's tables."""
    pages = (ROOT / "docs" / "api").glob("*.md")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    return set(re.findall(r"^   (mgres\.[\w.]+)$", text, re.MULTILINE))


def packages() -> Iterator[str]:
    """Yield the public packages that can be imported here."""
    for name in PACKAGES:
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


def test_every_package_says_what_is_public():
    found = {
        ".".join(path.parent.relative_to(ROOT / "python").parts)
        for path in (ROOT / "python" / "mgres").rglob("__init__.py")
    }
    assert set(PACKAGES) == found


@pytest.mark.parametrize("package", [name for name in PACKAGES if name not in NEEDS])
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


def arguments(function: object) -> list[str]:
    """Return the names of what a call may give, without self."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.name not in {"self", "cls"}]


def sections(text: str) -> set[str]:
    """Return the titles of a docstring's sections."""
    return set(re.findall(r"^(\w[\w ]*)\n-{3,}$", inspect.cleandoc(text), re.MULTILINE))


def described(text: str, *titles: str) -> set[str]:
    """Return the names that the sections with these titles describe."""
    found: set[str] = set()
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(text), flags=re.MULTILINE)
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        if title in titles:
            for heads in re.findall(r"^(\*{0,2}\w[^:\n]*?)(?: :.*)?$", body, re.MULTILINE):
                found |= {head.strip("* ") for head in heads.split(",")}
    return found


def raises(function: object) -> bool:
    """Return whether the body itself has a raise statement that is not a bare one."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))


def members(cls: type) -> Iterator[tuple[str, object]]:
    """Yield the public methods and properties that the class itself defines."""
    for name, value in vars(cls).items():
        if not name.startswith("_"):
            if isinstance(value, staticmethod | classmethod):
                yield name, value.__func__
            elif inspect.isfunction(value) or isinstance(value, property | cached_property):
                yield name, value


def faults(name: str, value: object) -> list[str]:
    """Return what the documentation of a class or function lacks."""
    text = inspect.getdoc(value) or ""
    if not text or (dataclasses.is_dataclass(value) and text.startswith(f"{value.__name__}(")):
        return [f"{name}: no docstring"]
    found = []
    protocol = getattr(value, "_is_protocol", False)
    if inspect.isclass(value):
        fields = (
            [f.name for f in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
        )
        fields += getattr(value, "_fields", ())
        own = [] if protocol or issubclass(value, BaseException) else _constructor(value)
        expected = set(own) | {field for field in fields if not field.startswith("_")}
        ours = [c for c in value.__mro__ if c.__doc__ and c.__module__ != "builtins"]
        for each in [] if name in ELSEWHERE else ours:  # a base class says what it takes
            expected -= described(each.__doc__, "Parameters", "Attributes", "Other Parameters")
            expected -= _commented(each)
        missing = expected if name not in ELSEWHERE else set()
        found += [f"{name}: {argument} is not described" for argument in sorted(missing)]
        for member, what in members(value):
            if not inspect.getdoc(what):
                found.append(f"{name}.{member}: no docstring")
    else:
        missing = set(arguments(value)) - described(text, "Parameters", "Other Parameters")
        found += [f"{name}: {argument} is not described" for argument in sorted(missing)]
        returns = inspect.signature(value).return_annotation not in {None, "None"}
        if returns and "Returns" not in sections(text) and not re.match(r"Return|Yield", text):
            found.append(f"{name}: it does not say what is returned")
        if raises(value) and "Raises" not in sections(text):
            found.append(f"{name}: it does not say what it raises")
    return found


def _constructor(cls: type) -> list[str]:
    return arguments(cls.__init__) if "__init__" in vars(cls) else []


def _commented(cls: type) -> set[str]:
    """Return the fields with a string below them."""
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
    except (OSError, TypeError):
        return set()
    return {
        statement.target.id
        for statement, after in pairwise(body)
        if isinstance(statement, ast.AnnAssign) and isinstance(after, ast.Expr)
    }


@pytest.mark.parametrize(("name", "value"), OBJECTS.values(), ids=[n for n, _ in OBJECTS.values()])
def test_docstring(name, value):
    assert not faults(name, value)


def test_a_gap_is_found():
    def returns_nothing_said(x, *, y=1):
        """Add."""
        if x:
            raise ValueError("x")
        return x + y

    class Undocumented:
        """It has a method without a docstring, and an argument.

        Parameters
        ----------
        a, b : int
            Two.
        """

        def __init__(self, a, b, c):
            self.a = a

        def method(self): ...

    assert faults("f", returns_nothing_said) == [
        "f: x is not described",
        "f: y is not described",
        "f: it does not say what is returned",
        "f: it does not say what it raises",
    ]
    assert faults("C", Undocumented) == ["C: c is not described", "C.method: no docstring"]


def test_constants_are_explained():
    """A name that is neither class nor function has a string below its assignment."""
    constants = [
        name
        for name, value in NAMES.items()
        if not (inspect.isclass(value) or inspect.isfunction(value))
    ]
    assert len(constants) > 5
    unexplained = []
    for name in constants:
        package, _, last = name.rpartition(".")
        folder = ROOT.joinpath("python", *package.split("."))
        pattern = re.compile(
            rf"^{last}\b[^\n]*=(?:[^\n]*|[^\n]*\n(?:[ )}}\]].*\n)*)\n?\"\"\"", re.M
        )
        sources = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
        if not any(pattern.search(source) for source in sources):
            unexplained.append(name)
    assert not unexplained


def test_fields_that_are_described_elsewhere():
    runs = importlib.import_module("mgres.runs")
    fields = {field.name for field in dataclasses.fields(runs.Settings)}
    further = {"data", "levels", "threads", "ignore", "no_plots", "quiet"}
    assert fields - further <= {option.name for option in runs.OPTIONS}

"""No public name without a docstring that says what it takes, returns and raises.

Of a class, public are its own methods, properties and fields; what protocols and base classes of
other packages define is documented there.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

import pytest

from .pages import ROOT
from .public import NAMES, OBJECTS

ELSEWHERE = {"mgres.runs.Settings": "mgres.runs.OPTIONS"}
"""Classes whose fields another name describes."""
BY_PROTOCOL = {"step"}
"""Methods of which the protocol says what they return: LevelOptimizer, Method."""


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
            found += member_faults(f"{name}.{member}", what)
    else:
        missing = set(arguments(value)) - described(text, "Parameters", "Other Parameters")
        found += [f"{name}: {argument} is not described" for argument in sorted(missing)]
        returns = inspect.signature(value).return_annotation not in {None, "None"}
        if returns and "Returns" not in sections(text) and not re.match(r"Return|Yield", text):
            found.append(f"{name}: it does not say what is returned")
        if raises(value) and "Raises" not in sections(text):
            found.append(f"{name}: it does not say what it raises")
    return found


def member_faults(name: str, value: object) -> list[str]:
    """Return what the docstring of a method or property lacks; it may be one line."""
    text = inspect.getdoc(value) or ""
    if not text:
        return [f"{name}: no docstring"]
    if not inspect.isfunction(value):
        return []
    found = []
    returns = inspect.signature(value).return_annotation not in {None, "None"}
    said = re.search(r"\b(return|yield)s?\b", text, re.IGNORECASE)
    if returns and not said and name.rpartition(".")[2] not in BY_PROTOCOL:
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

"""The import rules of the project, kept by a test.

Nothing is imported here: Python files are parsed, C++ files are scanned for ``#include``. A unit is
a module or package directly below ``mgres``. A new unit needs a row in `ARROWS`: that is the moment
to think about what it may lean on.
"""

from __future__ import annotations

import ast
import fnmatch
import graphlib
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "mgres"
CPP = ROOT / "cpp"

# Unit -> what it may import from mgres, be it at the top of a file or inside a function.
ARROWS = {
    "_core": "_cpu _core_base _core_v3 _core_v4",
    "checks": "",
    "exclusive": "",
    "floats": "",
    "interrupts": "",
    "cgroups": "",
    "memory": "cgroups",
    "parallel": "_core cgroups checks",
    "info": "_core _cpu parallel",
    "blocks": "schemes _core checks",
    "schemes": "_core checks",
    "mgopt": "_core checks floats",
    "resnet": "blocks schemes mgopt _core checks floats memory parallel",
    "stages": "resnet blocks schemes _core checks memory",
    "problems": "mgopt",
    "datasets": "checks memory",
    "plot": "training stages resnet mgopt",
    "testing": "mgopt resnet floats",
    "files": "stages resnet blocks schemes checks",
    "recipes": "stages resnet blocks schemes mgopt",
    "training": "recipes files resnet mgopt datasets checks exclusive interrupts memory parallel",
    "runs": "training recipes files stages resnet blocks mgopt datasets plot info parallel checks "
    "interrupts",
    "experiments": "runs training recipes files resnet blocks mgopt datasets testing plot info "
    "parallel _core checks",
    "sklearn": "training recipes stages resnet blocks mgopt parallel checks exclusive floats",
    "torch": "stages resnet blocks schemes mgopt checks",
    "__init__": "_core parallel blocks schemes mgopt resnet stages problems datasets testing files "
    "recipes training plot experiments",
    "cli": "__init__ parallel info mgopt resnet problems datasets testing files recipes training "
    "plot experiments runs checks interrupts",
    "__main__": "cli",
}
# Third-party packages: one that all may use, and those that a unit may use, but not at import time.
# tomllib is tomli in the standard library from Python 3.11 on.
ALWAYS = sys.stdlib_module_names | {"numpy", "tomli", "tomllib"}
LAZILY = {
    "mgopt": "scipy",
    "datasets": "PIL pyarrow sklearn",
    "plot": "matplotlib",
    "training": "tensorboardX torch tqdm",
    "experiments": "jax matplotlib sklearn torch tqdm",
    "runs": "matplotlib",
    "cli": "shtab",
}
# Units that are an extra themselves, and what they may import at once: no other unit imports them.
EXTRAS = {
    "sklearn": "sklearn",
    "torch": "torch",
}

# Folders inside of units, by the folders of the same unit that they may import from. A package's
# own `__init__` may import from all.
FOLDERS = {
    "mgopt": "",
    "mgopt/optimizers": "mgopt",
    "mgopt/cycles": "mgopt",
    "mgopt/nested": "mgopt mgopt/cycles",
    "resnet": "resnet/regularizers resnet/reference",
    "resnet/regularizers": "resnet",
    "resnet/reference": "resnet",
    "datasets/images": "datasets",
    "training": "training/batches training/checkpoints training/watch",
    "training/batches": "",
    "training/checkpoints": "training training/batches",
    "training/watch": "training",
    "experiments": "",
    "experiments/comparison": "experiments",
    "experiments/fine_phase": "experiments experiments/comparison",
}
MOST_FILES = 18
"""In a folder of Python files."""

# C++ files by name without suffix, lowest layer first: a file may include its own layer and lower
# ones. A file that is not listed lies as high as the highest one that it includes.
LAYERS = [
    "types check",
    "workspace arena activation filters pattern scheme loss parallel",
    "block_spec layout",
    "tiles block products kernel integrator",
    "peak resnet plan stack defect curvature transfer update",
    "arrays",
    "bind_*",
    "module cpu",
]
PYTHON_HEADERS = ["Python.h", "pybind11/*", "numpy/*"]  # in cpp/bindings only


def files(root: Path, *patterns: str) -> list[str]:
    """Return the matching files below `root` by relative path, none if it does not exist."""
    found = {path.relative_to(root).as_posix() for p in patterns for path in root.glob(p)}
    return sorted(found)


PYTHON_FILES = files(PACKAGE, "**/*.py")
MODULES = {
    ".".join(["mgres", *Path(path).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in PYTHON_FILES
}
"""The path of each module of the package, by its name."""


@dataclass(frozen=True)
class Import:
    """One module named by one statement.

    It is `lazy` unless importing the file imports it too, and `inner` if a function imports it.
    """

    target: str
    line: int
    text: str
    lazy: bool
    inner: bool


def imports(source: str, package: str) -> Iterator[Import]:
    """Yield what a file inside `package` (such as ``mgres.mgopt``) imports, by absolute names."""

    def absolute(name: str, level: int) -> str:
        parents = package.split(".")
        base = parents[: len(parents) - level + 1] if level else []
        return ".".join([*base, *filter(None, [name])])

    def targets(node: ast.AST) -> list[str]:
        match node:
            case ast.Import(names=names):
                return [alias.name for alias in names]
            case ast.ImportFrom(module=name, names=names, level=level):
                base = absolute(name or "", level)
                inside = [f"{base}.{alias.name}" for alias in names]
                return [n if base == "mgres" or n in MODULES else base for n in inside]
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                bare = name.lstrip(".")
                return [absolute(bare, len(name) - len(bare))]
        return []

    def walk(node: ast.AST, lazy: bool, inner: bool) -> Iterator[Import]:
        for target in targets(node):
            yield Import(target, getattr(node, "lineno", 0), ast.unparse(node), lazy, inner)
        unseen: list[ast.stmt] = []
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            unseen = [] if isinstance(node.test, ast.UnaryOp) else node.body
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, lazy or deferred or child in unseen, inner or deferred)

    yield from walk(ast.parse(source), lazy=False, inner=False)


def unit_of(target: str) -> str:
    """Return mgopt for ``mgres.mgopt.cycle``, and __init__ for ``mgres.fit``, which is no unit."""
    _, name, *_ = [*target.split("."), "__init__"]
    known = {*ARROWS, *ARROWS["_core"].split()}
    return name if name in known else "__init__"


def python_violations(source: str, path: str) -> list[str]:
    """Return the rules broken by one file, its path taken from ``python/mgres``."""
    *folders, stem = Path(path).with_suffix("").parts
    unit = folders[0] if folders else stem
    if unit not in ARROWS:
        return [f"{path}: the unit {unit} has no row in ARROWS"]
    optional = LAZILY.get(unit, "").split()
    always = ALWAYS | set(EXTRAS.get(unit, "").split())
    found = []
    for item in imports(source, ".".join(["mgres", *folders])):
        top = item.target.split(".")[0]
        where = f"{path}:{item.line}: `{item.text}`"
        if top == "mgres":
            target = unit_of(item.target)
            if target != unit and target not in ARROWS[unit].split():
                allowed = ARROWS[unit] or "nothing from mgres"
                found.append(f"{where}: {unit} must not import {target} (allowed: {allowed})")
        elif top not in always and top not in optional:
            found.append(f"{where}: {unit} must not import {top}")
        elif top in optional and not item.lazy:
            found.append(f"{where}: {top} is optional, import it where it is used")
    return found


def below(path: str, source: str) -> set[str]:
    """Return the paths of the modules that a file imports, for types' sake included."""
    package = ".".join(["mgres", *Path(path).parts[:-1]])
    found = {MODULES.get(item.target, path) for item in imports(source, package) if not item.inner}
    return found - {path}


def folder_violations(source: str, path: str) -> list[str]:
    """Return the rules of `FOLDERS` broken by one file."""
    own = Path(path).parent.as_posix()
    if own not in FOLDERS or path.endswith("__init__.py"):
        return []
    targets = {Path(other).parent.as_posix() for other in below(path, source)}
    unit = own.split("/")[0]
    wrong = {t for t in targets if t.split("/")[0] == unit} - {own, *FOLDERS[own].split()}
    return [f"{path}: {own} must not import from {folder}" for folder in sorted(wrong)]


def includes(source: str) -> list[tuple[int, str]]:
    """Return line and name of every ``#include``."""
    pattern = re.compile(r'[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]')
    lines = enumerate(source.splitlines(), start=1)
    return [(number, match[1]) for number, line in lines if (match := pattern.match(line))]


def resolve(name: str) -> str | None:
    """Return the file that an include names, from ``cpp``; None if it is not this project's."""
    candidates = [f"{folder}/{name}" for folder in ("include", "bindings", "src")]
    return next((path for path in candidates if (CPP / path).is_file()), None)


def layer_of(path: str, above: tuple[str, ...] = ()) -> int:
    """Return the layer of a C++ file; `above` are the files that led to it."""
    for layer, names in enumerate(LAYERS):
        if any(fnmatch.fnmatchcase(Path(path).stem, name) for name in names.split()):
            return layer
    if path in above or not (CPP / path).is_file():
        return 0
    return max((layer_of(below, (*above, path)) for below in neighbours(path)), default=0)


def neighbours(path: str) -> set[str]:
    """Return this project's files that a C++ file includes."""
    found = includes((CPP / path).read_text(encoding="utf-8"))
    return {below for _, name in found if (below := resolve(name))}


def cpp_violations(source: str, path: str) -> list[str]:
    """Return the rules broken by one C++ file, its path taken from ``cpp``."""
    own = layer_of(path)
    found = []
    for line, name in includes(source):
        where = f"{path}:{line}: #include {name}"
        below = resolve(name)
        binds = below is not None and below.startswith("bindings/")
        python = any(fnmatch.fnmatchcase(name, header) for header in PYTHON_HEADERS)
        if (binds or python) and not path.startswith("bindings/"):
            found.append(f"{where}: only cpp/bindings may know of Python")
        elif below is not None and layer_of(below) > own:
            found.append(f"{where}: layer {own} must not include layer {layer_of(below)}")
    return found


def assert_acyclic(graph: Mapping[str, set[str]]) -> None:
    """Fail with the cycle, if there is one."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("cycle: " + " -> ".join(reversed(error.args[1])))


CPP_HEADERS = files(CPP, "include/**/*.h*", "bindings/**/*.h*")
CPP_SOURCES = files(CPP, "src/**/*.cpp", "bindings/**/*.cpp")


@pytest.mark.parametrize("path", PYTHON_FILES)
def test_python_file_keeps_to_the_arrows(path: str) -> None:
    found = python_violations((PACKAGE / path).read_text(encoding="utf-8"), path)
    assert not found, "\n" + "\n".join(found)


def test_python_arrows_have_no_cycle() -> None:
    # every file keeps to the table, so a table without a cycle is a package without a cycle
    assert_acyclic({unit: set(row.split()) for unit, row in ARROWS.items()})


@pytest.mark.parametrize("path", PYTHON_FILES)
def test_python_file_keeps_to_the_folders(path: str) -> None:
    found = folder_violations((PACKAGE / path).read_text(encoding="utf-8"), path)
    assert not found, "\n" + "\n".join(found)


def test_python_modules_have_no_cycle() -> None:
    # a package's `__init__` collects what others define, and nobody inside imports from it
    read = {path: (PACKAGE / path).read_text(encoding="utf-8") for path in PYTHON_FILES}
    assert_acyclic({path: below(path, source) for path, source in read.items()})


def test_folders_can_be_looked_through() -> None:
    sizes = Counter(Path(path).parent.as_posix() for path in PYTHON_FILES)
    assert {folder: n for folder, n in sizes.items() if n > MOST_FILES} == {}


@pytest.mark.parametrize("path", CPP_HEADERS + CPP_SOURCES)
def test_cpp_file_keeps_to_the_layers(path: str) -> None:
    found = cpp_violations((CPP / path).read_text(encoding="utf-8"), path)
    assert not found, "\n" + "\n".join(found)


def test_cpp_headers_have_no_cycle() -> None:
    assert_acyclic({path: neighbours(path) for path in CPP_HEADERS})


def test_extras_are_imported_by_nobody() -> None:
    # `import mgres` must work without them
    allowed = {name for row in ARROWS.values() for name in row.split()}
    assert not allowed & set(EXTRAS)


PLANTED = [
    ("mgopt/cycle.py", "import numpy\nfrom mgres.resnet import ResNet", "cycle.py:2"),
    ("mgopt/cycle.py", "from ..training import fit", "mgopt must not import training"),
    ("mgopt/cycle.py", "from .. import problems", "mgopt must not import problems"),
    ("mgopt/__init__.py", "from ..resnet.network import ResNet", "must not import resnet"),
    ("mgopt/cycle.py", "def f():\n    import mgres.datasets", "cycle.py:2"),
    ("mgopt/cycle.py", "from mgres import fit", "mgopt must not import __init__"),
    ("mgopt/cycle.py", "import scipy.linalg", "scipy is optional"),
    ("mgopt/cycle.py", "def f():\n    import torch", "mgopt must not import torch"),
    ("training.py", "from mgres import _core", "training must not import _core"),
    ("resnet/network.py", "from mgres._core_v4 import Network", "must not import _core_v4"),
    ("problems/poisson.py", "if TYPE_CHECKING:\n    from ..resnet import ResNet", "import resnet"),
    ("datasets/digits.py", "from sklearn.datasets import load_digits", "sklearn is optional"),
    ("plot.py", "try:\n    import matplotlib\nexcept ImportError:\n    pass", "is optional"),
    ("plot.py", "if TYPE_CHECKING:\n    x = 1\nelse:\n    import matplotlib", "is optional"),
    ("plot.py", "if not TYPE_CHECKING:\n    import matplotlib", "is optional"),
    ("datasets/idx.py", "import_module('..cli', __package__)", "datasets must not import cli"),
    ("datasets/idx.py", "import importlib\nimportlib.import_module('torch')", "import torch"),
    ("sklearn/base.py", "import scipy", "sklearn must not import scipy"),
    ("sklearn/base.py", "from .. import ResNet", "sklearn must not import __init__"),
    (
        "training/fit.py",
        "from ..sklearn import ResNetClassifier",
        "training must not import sklearn",
    ),
    ("torch/layer.py", "import onnx", "torch must not import onnx"),
    ("__init__.py", "def __getattr__(name):\n    from . import sklearn", "must not import sklearn"),
    ("novelty.py", "x = 1", "no row in ARROWS"),
    ("include/mgres/layout.hpp", '#include "mgres/resnet.hpp"', "must not include layer 4"),
    ("src/resnet.cpp", "#include <vector>\n#  include <pybind11/numpy.h>", "resnet.cpp:2"),
    ("include/mgres/types.hpp", "#include <Python.h>", "only cpp/bindings"),
]


@pytest.mark.parametrize(("path", "source", "message"), PLANTED)
def test_planted_violation_is_caught(path: str, source: str, message: str) -> None:
    check = python_violations if path.endswith(".py") else cpp_violations
    found = check(source, path)
    assert len(found) == 1
    assert found[0].startswith(path)
    assert message in found[0]


CLEAN = [
    ("mgopt/cycle.py", "import math, numpy\nfrom . import metric\nfrom .. import _core"),
    ("mgopt/__init__.py", "from .cycle import VCycle\nfrom mgres.mgopt.metric import Metric"),
    ("resnet/network.py", "from mgres import _core, mgopt\nfrom ..mgopt.metric import Metric"),
    ("datasets/digits.py", "def digits():\n    from sklearn.datasets import load_digits"),
    ("sklearn/base.py", "from sklearn.base import BaseEstimator\nfrom ..training import fit"),
    ("torch/layer.py", "import torch\nfrom torch.nn import Module\nfrom ..resnet import ResNet"),
    ("plot.py", "import typing\nif typing.TYPE_CHECKING:\n    import matplotlib.axes"),
    ("__init__.py", "from .training import fit\nfrom . import datasets"),
    ("cli.py", "from mgres import fit, experiments"),
    ("bindings/bind_resnet.cpp", '#include <pybind11/numpy.h>\n#include "mgres/resnet.hpp"'),
]


@pytest.mark.parametrize(("path", "source"), CLEAN)
def test_allowed_imports_pass(path: str, source: str) -> None:
    check = python_violations if path.endswith(".py") else cpp_violations
    assert check(source, path) == []


def test_planted_cycle_is_caught() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"cycle: a -> b -> a|cycle: b -> a -> b"):
        assert_acyclic({"a": {"b"}, "b": {"a"}, "c": {"a"}})

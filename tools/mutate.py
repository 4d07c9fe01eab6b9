"""Put faults into the code, one at a time, and see whether the tests notice.

    pip install coverage
    python tools/mutate.py mgopt training [--tests tests/mgopt tests/training] [--most 500]

First the tests run once as they are, and for each line of the packages it is noted which tests come
by, and how long they take. Then a random choice of all mutants is tried (`--most`, `--seed`):
another comparison, operator, number or truth value, a condition turned round, a statement left out.
Each runs in a fork of its own with the quickest tests that come by its line, for `--seconds` at
most by their times of the first run, and if it survives with more of them. Survivors are printed:
no test that was tried fails because of them. Some change nothing that can be seen; others name a
test that is missing. Tests that start another process do not see mutants.

Exit code 1 if there are survivors. POSIX only.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.util
import os
import pickle
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import children
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "mgres"
SLOWEST = 8.0
"""Tests that take longer, in seconds, are not tried."""

SECOND_LOOK = 5
"""So many times as long are the tests that a survivor has to pass as well."""

OTHER = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A module with one fault."""

    path: Path
    line: int
    what: str
    source: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE)}:{self.line}  {self.what}"


# ---- mutants -------------------------------------------------------------------------------------


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield all mutants of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for number, (node, parent) in enumerate(_nodes(tree)):
        for change in _changes(node, parent):
            other = copy.deepcopy(tree)
            before = ast.unparse(node)
            changed, its_parent = list(_nodes(other))[number]
            after = change(changed, its_parent)
            ast.fix_missing_locations(other)
            what = f"{_short(before)}  ->  {_short(after)}"
            yield Mutant(path, node.lineno, what, ast.unparse(other))


def _short(code: str) -> str:
    first = code.splitlines()[0]
    return first if len(first) <= 60 else first[:57] + "..."


def _nodes(tree: ast.AST) -> Iterator[tuple[Any, Any]]:
    """Yield what is executed, with its parent: no annotations, messages or docstrings."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "type_params") or isinstance(tree, ast.Raise):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                if hasattr(node, "lineno"):
                    yield node, tree
                yield from _nodes(node)


def _changes(node: Any, parent: Any) -> Iterator[Any]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OTHER:
        yield _compared
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in OTHER:
        yield _operated
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield _bare
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        yield _counted
    elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(parent, ast.Call):
        yield _renamed
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield _turned
    elif isinstance(node, ast.Return) and node.value is not None:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield _nothing
    elif _is_left_out(node):
        yield _left_out


def _is_left_out(node: Any) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    return isinstance(node, (ast.Continue, ast.Break))


def _compared(node: Any, parent: Any) -> str:
    node.ops = [OTHER[type(node.ops[0])]()]
    return ast.unparse(node)


def _operated(node: Any, parent: Any) -> str:
    node.op = OTHER[type(node.op)]()
    return ast.unparse(node)


def _put(parent: Any, node: Any, other: Any) -> None:
    for name, value in ast.iter_fields(parent):
        if value is node:
            setattr(parent, name, other)
        elif isinstance(value, list) and any(v is node for v in value):
            value[[v is node for v in value].index(True)] = other


def _bare(node: Any, parent: Any) -> str:
    _put(parent, node, node.operand)
    return ast.unparse(node.operand)


def _counted(node: Any, parent: Any) -> str:
    node.value = (not node.value) if isinstance(node.value, bool) else node.value * 2 + 1
    return ast.unparse(node)


def _renamed(node: Any, parent: Any) -> str:
    node.id = NAMES[node.id]
    return str(node.id)


def _turned(node: Any, parent: Any) -> str:
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return ast.unparse(ast.fix_missing_locations(node))


def _nothing(node: Any, parent: Any) -> str:
    node.value = ast.Constant(None)
    return "return None"


def _left_out(node: Any, parent: Any) -> str:
    _put(parent, node, ast.Pass())
    return "left out"


# ---- forks ---------------------------------------------------------------------------------------


@contextmanager
def forked(run: Callable[[], int]) -> Iterator[int]:
    """Run in a fork that ends, with what it has started, at the end of the block."""
    signal.pthread_sigmask(signal.SIG_BLOCK, children.REQUESTS)  # until somebody minds the child
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            children.forget()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, children.REQUESTS)
            code = run()
        finally:
            os._exit(code)
    try:
        with suppress(OSError):  # whoever of the two comes first
            os.setpgid(child, child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, children.REQUESTS)
        yield child
    finally:
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


# ---- which tests come by -------------------------------------------------------------------------


class Watch:
    """A pytest plugin that notes for each line the tests that come by, and the tests' times."""

    def __init__(self) -> None:
        import coverage

        self.coverage = coverage.Coverage(data_file=None, source=[str(PACKAGE)], config_file=False)
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """Note one test."""
        self.coverage.switch_context(item.nodeid)
        start = time.perf_counter()
        yield
        self.seconds[item.nodeid] = time.perf_counter() - start

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Leave out what fails without a fault."""
        if report.failed:
            self.failed.add(report.nodeid)


Lines = dict[tuple[str, int], list[str]]


def watched(tests: Sequence[str]) -> tuple[Lines, dict[str, float]]:
    """Run the tests in a fork; return the tests of each line, quickest first, and their times."""
    descriptor, name = tempfile.mkstemp()
    os.close(descriptor)
    handed = Path(name)

    def watch_all() -> int:
        watch = Watch()
        watch.coverage.start()
        with suppress(Exception):  # what comes after the last test
            pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", *tests], plugins=[watch])
        watch.coverage.stop()
        data = watch.coverage.get_data()
        lines: Lines = {}
        for file in data.measured_files():
            for line, contexts in data.contexts_by_lineno(file).items():
                ran = [c for c in contexts if c and c not in watch.failed]
                lines[file, line] = sorted(ran, key=lambda c: watch.seconds[c])
        handed.write_bytes(pickle.dumps((lines, watch.seconds)))
        return 0

    try:
        with forked(watch_all) as child:
            os.waitpid(child, 0)
        found: tuple[Lines, dict[str, float]] = pickle.loads(handed.read_bytes())
    finally:
        handed.unlink()
    return found


# ---- trying --------------------------------------------------------------------------------------


class Faulty(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads a mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        parts = mutant.path.relative_to(PACKAGE.parent).with_suffix("").parts
        self.package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.package else parts)
        self.mutant = mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Return the mutant's spec for its name."""
        if name != self.name:
            return None
        where = str(self.mutant.path)
        spec = importlib.util.spec_from_loader(name, self, origin=where, is_package=self.package)
        if spec is not None and self.package:
            spec.submodule_search_locations = [str(self.mutant.path.parent)]
        return spec

    def exec_module(self, module: Any) -> None:
        """Run the mutant."""
        exec(compile(self.mutant.source, str(self.mutant.path), "exec"), module.__dict__)


class Only:
    """A pytest plugin that keeps the given tests."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.order = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Keep them, in the given order."""
        items[:] = sorted(
            (i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid]
        )


def is_noticed(mutant: Mutant, tests: Sequence[str], limit: float) -> bool:
    """Return whether one of the tests fails, or hangs."""

    def try_all() -> int:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.meta_path.insert(0, Faulty(mutant))
        files = sorted({test.split("::")[0] for test in tests})
        return int(
            pytest.main(["-x", "-q", "-p", "no:cacheprovider", *files], plugins=[Only(tests)])
        )

    end = time.monotonic() + limit
    with forked(try_all) as child:
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status != 0
            time.sleep(0.01)
    return True


def chosen(tests: Sequence[str], seconds: dict[str, float], most: float) -> list[str]:
    """Return the tests to try, quickest first, of one function not all."""
    found, total, of_one = [], 0.0, Counter[str]()
    for test in tests:
        function = test.split("[")[0]
        if seconds[test] > SLOWEST or total + seconds[test] > most or of_one[function] >= 3 * most:
            continue
        of_one[function] += 1
        total += seconds[test]
        found.append(test)
    return found


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packages", nargs="+", help="such as mgopt or training/fit.py")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files or folders")
    parser.add_argument("--most", type=int, default=500, help="mutants to try")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0, help="of tests for one mutant")
    arguments = parser.parse_args()
    children.obey()
    os.chdir(ROOT)
    packages = [PACKAGE / p for p in arguments.packages]
    modules = [m for p in packages for m in (sorted(p.rglob("*.py")) if p.is_dir() else [p])]

    lines, seconds = watched(arguments.tests)
    everything = [m for module in modules for m in mutants(module)]
    rng = random.Random(arguments.seed)
    sample = rng.sample(everything, min(arguments.most, len(everything)))
    counts = Counter[str]()
    print(f"{len(everything)} mutants in {len(modules)} modules, {len(sample)} tried", flush=True)
    for mutant in sample:
        verdict = "untested"
        for most in (arguments.seconds, SECOND_LOOK * arguments.seconds):
            tests = chosen(lines.get((str(mutant.path), mutant.line), []), seconds, most)
            if tests and verdict != "noticed":
                noticed = is_noticed(mutant, tests, 30 + 10 * most)
                verdict = "noticed" if noticed else "survived"
        counts[verdict] += 1
        if verdict != "noticed":
            print(f"{verdict}  {mutant}", flush=True)
    print(", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))
    return int(counts["survived"] > 0)


if __name__ == "__main__":
    sys.exit(main())

"""The command `mgres compare`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...info import environment
from ..store import FinishedRuns, write_json
from . import budgets as bought
from . import figures
from .contest import FIRST_JUDGED_SEED, Contest
from .methods import METHODS
from .peers import installed
from .problem import Problem
from .report import Row, make_row, table, verdict
from .trial import TrialResult

QUICK = (
    "fewer methods, one to four settings instead of whole grids, one tuning seed instead of three, "
    "slow peers on one seed, and half the seconds for a run"
)
"""What ``--quick`` changes; never depth, data or targets."""

Curves = dict[str, list[list[list[float | None]]]]


def check_methods(names: Sequence[str]) -> None:
    """Raise an error that lists the known methods unless all `names` are among them.

    Parameters
    ----------
    names : sequence of str
        The names to check.

    Raises
    ------
    ValueError
        If one is unknown, or there is none.
    """
    unknown = [name for name in names if name not in METHODS]
    if unknown or not names:
        raise ValueError(
            f"methods: {', '.join(map(repr, unknown)) or 'none given'}: expected some of "
            f"{', '.join(METHODS)}"
        )


def compare(
    problems: Sequence[Problem],
    seeds: int,
    out: Path,
    *,
    version: str,
    methods: Sequence[str] | None = None,
    quick: bool = False,
    budgets: Sequence[float] = (),
) -> dict[str, Any]:
    """Compare methods on problems; write ``result.json``, ``curves.json`` and plots to `out`.

    Settings are chosen on the seeds 0, 1, 2 and judged on 100, 101, ...

    Parameters
    ----------
    problems : sequence of Problem
        What is solved.
    seeds : int
        On how many seeds the chosen settings are judged.
    out : Path
        Folder, made if need be; other files in it stay.
    version : str
        Of mgres, for the record.
    methods : sequence of str, optional
        Keys of ``METHODS``; by default all that are installed, or those of a quick comparison.
    quick : bool
        A small version, see :data:`QUICK`.
    budgets : sequence of float
        Work units after which what has come back is compared too, without a target, on the judged
        seeds; see ``budgets.py``.

    Returns
    -------
    dict
        What is in ``result.json``.

    Raises
    ------
    ValueError
        If a method is unknown.
    """
    if methods is None:
        methods = [name for name, m in METHODS.items() if m.in_quick or not quick]
    check_methods(methods)
    out.mkdir(parents=True, exist_ok=True)
    if quick:
        print(f"quick: {QUICK}", file=sys.stderr)
        problems = [replace(p, max_seconds=p.max_seconds / 2) for p in problems]
    usable = []
    for name in methods:
        package = METHODS[name].package
        if package is None or installed(package):
            usable.append(name)
        else:
            print(f"{name} skipped: {package} is missing (pip install {package})")
    rows: list[Row] = []
    bills: list[bought.Row] = []
    curves: dict[str, Curves] = {}
    partials: list[FinishedRuns[Any]] = []
    for problem in problems:
        path = out / f".compare-{problem.name}.partial.json"
        finished = FinishedRuns(path, _stamp(version, problem), TrialResult)
        if len(finished):
            print(f"resuming: {len(finished)} finished runs found in {out}", file=sys.stderr)
        partials.append(finished)
        contest = Contest(problem, finished, quick)
        new, curves[problem.name] = _measure(contest, usable, seeds)
        rows += new
        if budgets:
            path = out / f".budgets-{problem.name}.partial.json"
            before = FinishedRuns(path, _stamp(version, problem), bought.Bought)
            partials.append(before)
            market = bought.Market(problem, before, quick, _tell)
            bills += market.rows(usable, budgets, [FIRST_JUDGED_SEED + i for i in range(seeds)])
    verdicts = [verdict(group) for group in _groups(rows)]
    result: dict[str, Any] = {
        "name": "compare",
        "rows": rows,
        "verdicts": verdicts,
        "budgets": bills,
        "settings": {
            "problems": {p.name: p.settings() for p in problems},
            "methods": list(usable),
            "seeds": [FIRST_JUDGED_SEED + i for i in range(seeds)],
            "quick": quick,
            "quick_changes": QUICK if quick else None,
            "work_unit": "one gradient of the finest network on the batch in use; a value is 1/3",
            "loss_targets": "reached when an evaluation of the method itself, on the finest level "
            "and all samples, finds the objective below the bound; that evaluation is counted",
            "accuracy_targets": "reached at the first validated point on the finest level; "
            "validation is neither counted nor timed",
            "seconds": "time of the training loop, without validation and compiling",
        },
        "environment": environment(version),
    }
    write_json(out / "result.json", result)
    write_json(out / "curves.json", curves, indent=None)
    _print(rows, verdicts)
    _print_budgets(bills, [name for name in usable if METHODS[name].make is None])
    _plot(result, curves, out)
    for finished in partials:
        finished.discard()
    return result


def _stamp(version: str, problem: Problem) -> str:
    """Return what finished runs must share beyond their specification."""
    return f"{version} {problem.source} {sorted(problem.settings().items())}"


def _measure(contest: Contest, methods: Sequence[str], seeds: int) -> tuple[list[Row], Curves]:
    """Choose settings, judge them, and return the rows, target by target, and the curves."""
    problem = contest.problem
    targets = [str(target) for target in problem.targets]
    by_target: dict[str, list[Row]] = {target: [] for target in targets}
    curves: Curves = {}
    for name in methods:
        method = METHODS[name]
        most = 1 if contest.quick and method.most_seeds else method.most_seeds or seeds
        judged = [FIRST_JUDGED_SEED + i for i in range(min(seeds, most))]
        more = {"seeds_limited": "slow: judged on fewer seeds"} if len(judged) < seeds else {}
        if not method.grid(problem, contest.quick):
            for target in targets:
                row = make_row(problem.name, target, name, None, [], judged, note=method.otherwise)
                by_target[target].append(row)
            continue
        choices = contest.choose(name)
        results = contest.judge(name, choices, judged)
        for target in targets:
            row = make_row(
                problem.name, target, name, choices[target], results[target], judged, **more
            )
            by_target[target].append(row)
        curves[name] = [result.points for result in results[targets[-1]]]
    return [row for target in targets for row in by_target[target]], curves


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each problem and target."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["problem"], row["target"]), []).append(row)
    return list(groups.values())


def _print(rows: Sequence[Row], verdicts: Sequence[str]) -> None:
    for group in _groups(rows):
        print(f"{group[0]['problem']}, {group[0]['target']}\n{table(group)}\n")
        for row in group:
            if "note" in row["settings"]:
                print(f"{row['method']}: {row['settings']['note']}\n")
            slow = row["stopped"].count("seconds")
            if slow and row["failures"]:
                n = len(row["stopped"])
                print(f"{row['method']}: {slow} of {n} runs ended by their budget of seconds\n")
    for line in verdicts:
        print(line)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print_budgets(rows: Sequence[bought.Row], others: Sequence[str]) -> None:
    if rows and others:
        print(f"what a budget buys: without {', '.join(others)}, which mgres.fit does not run\n")
    for problem in dict.fromkeys(row["problem"] for row in rows):
        own = [row for row in rows if row["problem"] == problem]
        for figure in ("loss", "validation_loss", "accuracy"):
            if own[0][figure] is not None:
                words = figure.replace("_", " ")
                print(f"{problem}, what a budget buys: {words}, median of {len(own[0]['seeds'])}")
                print(f"{bought.table(own, figure)}\n")


def _plot(result: dict[str, Any], curves: dict[str, Curves], out: Path) -> None:
    try:
        paths = figures.save(result, curves, out)
    except ImportError:
        print(figures.SKIPPED)
    else:
        for path in paths:
            print(f"plot: {path}")

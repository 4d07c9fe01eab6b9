"""The experiments of the paper's section 4.1."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..info import environment
from ..mgopt import Schedule
from ..runs.setups import PAPER_CIRCLES, PAPER_SENSITIVITY, PAPER_TABLE2, SETUPS, Setup
from . import plots
from .rows import Row, make_row, print_table, ratios
from .runs import CASCADE_DEPTH, RunResult, RunSpec, run
from .store import FinishedRuns, write_json

QUICK = (
    "one seed, 512 layers instead of 2,048, on MNIST accuracy 0.90 instead of 0.93, in table1 and "
    "figure4 levels 1 and 8 only, in figure5 three depths only, and one setting instead of a grid "
    "for the tuned single level"
)
"""What ``--quick`` changes."""


@dataclass
class Study:
    """Runs training runs for an experiment and remembers the finished ones.

    Attributes
    ----------
    setup : Setup
        The problem.
    seeds : sequence of int
        Every row is made of one run for each.
    depth : int
        Layers of the finest network unless an experiment varies it.
    finished : FinishedRuns
        What an interrupted experiment has already done.
    quick : bool
        Fewer rows and seeds.
    curves : bool
        Keep loss and accuracy over cycles in the rows.
    """

    setup: Setup
    seeds: Sequence[int]
    depth: int
    finished: FinishedRuns[RunResult]
    quick: bool = False
    results: dict[RunSpec, RunResult] = field(default_factory=dict)

    def spec(self, schedule: Schedule | str, **changes: Any) -> RunSpec:
        """Return the run of a schedule with the problem's settings."""
        spec = RunSpec(
            problem=self.setup.name,
            depth=self.depth,
            schedule=str(schedule),
            learning_rate=self.setup.learning_rate,
            beta=self.setup.beta,
            seed=0,
            target=self.setup.quick_target if self.quick else None,
        )
        if not self.quick:
            every = round(self.setup.validate_work_units / spec.work_units_per_cycle)
            spec = replace(spec, validate_every=max(1, every))
        return replace(spec, **changes)

    def row(self, spec: RunSpec, **more: Any) -> Row:
        """Run `spec` for every seed and return the row."""
        specs = [replace(spec, seed=seed) for seed in self.seeds]
        return make_row(specs, [self._run(s) for s in specs], **more)

    def _run(self, spec: RunSpec) -> RunResult:
        if spec not in self.results:
            result = self.finished.get(spec)
            if result is None:
                result = run(spec)
                self.finished.add(spec, result)
                print(_line(spec, result), file=sys.stderr, flush=True)
            self.results[spec] = result
        return self.results[spec]


def _line(spec: RunSpec, result: RunResult) -> str:
    what = "cascade" if spec.cascade else "frozen" if spec.frozen else f"L = {spec.levels}"
    outcome = (
        f"{result.v_cycles} cycles, {result.work_units:.2f} WU, {result.seconds:.2f} s"
        if result.work_units is not None and result.seconds is not None
        else f"missed ({result.stopped})"
    )
    return (
        f"{spec.problem} {what} K = {spec.depth} {spec.optimizer} {spec.learning_rate:g} "
        f"beta {spec.beta:g} seed {spec.seed}: {outcome}"
    )


# ---- the experiments: each returns its rows and a summary ----------------------------------------

Outcome = tuple[list[Row], dict[str, Any]]


def level_study(study: Study) -> Outcome:
    """Table 1 and figure 4: one, two, four, six and eight levels."""
    paper = study.setup.paper_levels
    levels = (1, 8) if study.quick else tuple(paper)
    rows = [study.row(study.spec(Schedule.paper(L)), paper=paper[L], curves=True) for L in levels]
    ratio = ratios(rows[0], rows[-1])
    return rows, {
        "work_units_one_level_over_eight": ratio | {"paper": round(paper[1][2] / paper[8][2], 2)},
    }


def setup_study(study: Study) -> Outcome:
    """Table 2: six set-ups of the 8-level method."""
    printed = (
        PAPER_TABLE2 if study.setup.paper_levels is PAPER_CIRCLES else dict.fromkeys(PAPER_TABLE2)
    )
    rows = [
        study.row(study.spec(setup), paper=paper, curves=True) for setup, paper in printed.items()
    ]
    return rows, {
        "remark": "the paper prints 5.97 and 5.96 for the first two set-ups; "
        "by its formula (10) they are 5.96 and 5.97"
    }


def depth_study(study: Study) -> Outcome:
    """Figure 5: 128 to 2,048 blocks, and two depths beyond the paper."""
    schedule = Schedule.paper(study.setup.figure5_levels)
    depths = (128, 512, 2048) if study.quick else (128, 256, 512, 1024, 2048, 4096, 16384)
    rows = [study.row(study.spec(schedule, depth=d), curves=True) for d in depths]
    cycles = [row["v_cycles"] for row in rows]
    reached = [c for c in cycles if c is not None]
    return rows, {
        "v_cycles_by_depth": dict(zip(map(str, depths), cycles, strict=True)),
        "largest_over_smallest": max(reached) / min(reached) if reached else None,
    }


def sensitivity_study(study: Study) -> Outcome:
    """Sensitivity: the 3 x 3 grid of learning rate and regularisation, one level and eight."""
    rows, cells = [], []
    for rate in (0.5, 1.0, 5.0):
        for strength in (10.0, 1.0, 0.1):
            settings = {
                "learning_rate": study.setup.learning_rate * rate,
                "beta": study.setup.beta * strength,
            }
            one, eight = (
                study.row(study.spec(Schedule.paper(L), **settings), curves=True) for L in (1, 8)
            )
            rows += [one, eight]
            cells.append(settings | ratios(one, eight))
    means = [cell["median"] for cell in cells if cell["median"] is not None]
    mean = statistics.mean(means) if means else None
    return rows, {
        "cells": cells,
        "mean_ratio": mean,
        "relative_deviation": statistics.pstdev(means) / mean if mean else None,
        "paper": PAPER_SENSITIVITY,
    }


EXPERIMENTS: dict[str, Callable[[Study], Outcome]] = {
    "table1": level_study,
    "table2": setup_study,
    "figure4": level_study,
    "figure5": depth_study,
    "sensitivity": sensitivity_study,
}
"""The tables and figures by name."""


def extra_rows(study: Study) -> list[Row]:
    """Return the rows by which the paper's comparison must be judged."""
    single = Schedule.paper(1)
    frozen = study.row(study.spec(single, frozen=True), method="one level, blocks frozen")
    tuning = [("gd", (study.setup.learning_rate,)), *study.setup.tuning]
    if study.quick:
        tuning = [("adam", dict(study.setup.tuning)["adam"][1:2])]
    grid = [
        study.row(study.spec(single, optimizer=name, learning_rate=rate), method="one level, tuned")
        for name, rates in tuning
        for rate in rates
    ]
    best = min(grid, key=_missed_and_work)
    best["grid"] = [
        {k: row[k] for k in ("optimizer", "learning_rate", "work_units", "reached")} for row in grid
    ]
    cascade = study.row(
        study.spec(single, cascade=True),
        method=f"cascade, {CASCADE_DEPTH} layers, then prolonged",
    )
    return [frozen, best, cascade]


def _missed_and_work(row: Row) -> tuple[int, float]:
    work: float | None = row["work_units"]
    return -row["reached"], math.inf if work is None else work


def reproduce(
    name: str,
    problem: str,
    seeds: int,
    out: Path,
    *,
    version: str,
    quick: bool = False,
) -> dict[str, Any]:
    """Run an experiment and write ``result.json`` and, with matplotlib, its plots to `out`.

    Parameters
    ----------
    name : str
        A key of :data:`EXPERIMENTS`.
    problem : str
        "circles", "circles-scaled" or "mnist".
    seeds : int
        How many: 0, 1, 2, ...
    out : Path
        Folder, made if need be.
    version : str
        Of mgres, for the record.
    quick : bool
        A small version, see :data:`QUICK`: minutes instead of hours on MNIST.

    Returns
    -------
    dict
        What is in ``result.json``.
    """
    setup = SETUPS[problem]
    out.mkdir(parents=True, exist_ok=True)
    partial = out / f".{name}-{problem}.partial.json"
    finished = FinishedRuns(partial, _stamp(version, setup), RunResult)
    if len(finished):
        print(f"resuming: {len(finished)} finished runs found in {out}", file=sys.stderr)
    depth = setup.depth // 4 if quick else setup.depth
    study = Study(setup, range(1 if quick else seeds), depth, finished, quick)
    if quick:
        print(f"quick: {QUICK}", file=sys.stderr)
    rows, summary = EXPERIMENTS[name](study)
    rows += extra_rows(study)
    result = {
        "name": name,
        "rows": rows,
        "summary": summary,
        "settings": _settings(setup, study),
        "environment": environment(version),
    }
    write_json(out / "result.json", result)
    print(print_table(rows, _columns(name)))
    for line in _summary_lines(name, summary):
        print(line)
    _plot(name, result, out)
    finished.discard()
    return result


def _stamp(version: str, setup: Setup) -> str:
    """Return what finished runs must share beyond their specification."""
    settings = (setup.width, setup.scheme, setup.batch_size, setup.target, setup.max_work_units)
    return " ".join(map(str, (version, *settings)))


def _settings(setup: Setup, study: Study) -> dict[str, Any]:
    return {
        "problem": setup.name,
        "seeds": list(study.seeds),
        "quick": study.quick,
        "quick_changes": QUICK if study.quick else None,
        "width": setup.width,
        "depth": study.depth,
        "final_time": 1.0,
        "activation": "relu",
        "loss": setup.loss,
        "dtype": "float32",
        "initial_W": setup.scheme,
        "optimizer": "gradient descent on every level",
        "learning_rate": setup.learning_rate,
        "beta": setup.beta,
        "batch_size": setup.batch_size,
        "target_validation_accuracy": setup.quick_target if study.quick else setup.target,
        "validated_every_work_units": 0 if study.quick else setup.validate_work_units,
        "max_work_units": setup.max_work_units,
        "metric": "euclidean",
        "prolongation": "constant",
        "projection": "mean",
        "line_search": "step 1",
        "seconds": "time in cycles, without validation",
    }


def _columns(name: str) -> tuple[str, ...]:
    return {"figure5": ("depth",), "sensitivity": ("learning_rate", "beta")}.get(name, ())


def _summary_lines(name: str, summary: dict[str, Any]) -> list[str]:
    if name in ("table1", "figure4"):
        ratio = summary["work_units_one_level_over_eight"]
        if ratio["median"] is None:
            return ["one level over eight, work units: no seed reached the target with both"]
        return [
            f"one level over eight, work units, median of the seeds' ratios: {ratio['median']:.2f} "
            f"(paper {ratio['paper']:.2f})"
        ]
    if name == "sensitivity" and summary["mean_ratio"] is not None:
        reached = sum(cell["median"] is not None for cell in summary["cells"])
        return [
            f"one level over eight, mean of {reached} cells: {summary['mean_ratio']:.2f} "
            f"(paper, 9 cells: 3.54), relative deviation {summary['relative_deviation']:.1%} "
            "(paper 8.0%)"
        ]
    if name == "figure5" and summary["largest_over_smallest"] is not None:
        return [
            f"V-cycles, largest over smallest depth's: {summary['largest_over_smallest']:.2f} "
            "(1 is independence of depth)"
        ]
    return [summary["remark"]] if "remark" in summary else []


def _plot(name: str, result: dict[str, Any], out: Path) -> None:
    path = out / f"{name}.png"
    try:
        plots.save(name, result, path)
    except ImportError:
        print(plots.SKIPPED)
    else:
        print(f"plot: {path}")

"""Train one network with several numbers of levels and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..info import environment
from ..mgopt import Schedule
from ..runs.setups import SETUPS, Setup
from . import plots
from .rows import Row, make_row, print_table
from .runs import RunSpec, run
from .store import write_json


def train(
    spec: RunSpec,
    levels: Sequence[int],
    out: Path,
    *,
    version: str,
    progress: bool = True,
) -> dict[str, Any]:
    """Train the network of `spec` with each number of levels and the paper's schedule.

    Prints a table; writes ``result.json`` and, with matplotlib, ``convergence.png`` to `out`.

    Parameters
    ----------
    spec : RunSpec
        Problem, depth, seed and settings.
    levels : sequence of int
        The numbers of levels.
    out : Path
        The folder; made if it is missing.
    version : str
        Of mgres, for the result.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    dict
        What ``result.json`` holds.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for L in levels:
        chosen = replace(spec, schedule=str(Schedule.paper(L)))
        result = run(chosen, progress, f"{L} level" + ("s" if L > 1 else ""))
        rows.append(make_row([chosen], [result], curves=True))
    setup = SETUPS[spec.problem]
    result_json = {
        "name": "train",
        "rows": rows,
        "settings": {
            "problem": spec.problem,
            "seeds": [spec.seed],
            "width": setup.width,
            "depth": spec.depth,
            "learning_rate": spec.learning_rate,
            "beta": spec.beta,
            "target_validation_accuracy": setup.target,
        },
        "environment": environment(version),
    }
    write_json(out / "result.json", result_json)
    print(print_table(rows))
    for row in rows:
        if not row["reached"]:
            print(f"L = {row['levels']} missed accuracy {setup.target:g}: {_reason(row, setup)}")
    try:
        plots.save("convergence", result_json, out / "convergence.png")
    except ImportError:
        print(plots.SKIPPED)
    else:
        print(f"plot: {out / 'convergence.png'}")
    return result_json


def _reason(row: Row, setup: Setup) -> str:
    if row["stopped"] == ["divergence"]:
        return "it diverged; a smaller learning rate or beta may help"
    return f"best accuracy {row['best_accuracy'][0]:.4f} within {setup.max_work_units:g} work units"

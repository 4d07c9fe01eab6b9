"""The experiment: all methods on all seeds, and the couplings at their start and end."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...checks import check_integer
from ...info import environment
from ...mgopt import FirstOrder, StateDefect, Vector
from ..comparison.problem import Problem, Target
from ..comparison.trial import TrialResult
from ..store import write_json
from .methods import IN_QUICK, METHODS, REFERENCE, TwoLevel
from .phase import (
    BUDGET,
    CASCADE,
    coupling_ratio,
    make_objective,
    make_problem,
    make_start,
    measure,
)
from .rows import Row, coupling_row, phase_row, table

FIRST_SEED = 200
"""Seeds of results; settings were chosen on the seeds 20 to 27."""

FACTORS = (2, 8, 32)
"""Coarsening factors for which couplings are measured."""

QUICK = "three methods and half the budget"
"""What ``--quick`` changes; never depth or seeds."""


def run(
    seeds: int,
    depth: int = 2048,
    out: Path | None = None,
    *,
    version: str = "",
    quick: bool = False,
) -> dict[str, Any]:
    """Compare methods in the fine phase; print a table and write ``result.json`` to `out`.

    Parameters
    ----------
    seeds : int
        How many, from `FIRST_SEED` on; at least 1.
    depth : int
        Layers of the finest network, a multiple of 64 above it.
    out : Path, optional
        Folder, made if need be; other files in it stay.
    version : str
        Of mgres, for the record.
    quick : bool
        A small version, see :data:`QUICK`.

    Returns
    -------
    dict
        What is in ``result.json``: rows of the kind "phase", one for each method, and "coupling",
        one for each point, coarse network and factor.

    Raises
    ------
    ValueError
        If an argument is not as described.
    """
    check_integer("seeds", seeds)
    problem = make_problem(depth, BUDGET / 2 if quick else BUDGET)
    names = IN_QUICK if quick else tuple(METHODS)
    numbers = [FIRST_SEED + i for i in range(seeds)]
    outcomes: dict[str, list[Row]] = {name: [] for name in names}
    ratios: dict[tuple[str, str, int], list[Row]] = {}
    starts = []
    for seed in numbers:
        start = make_start(problem, seed)
        reference, trained = measure(problem, seed, METHODS[REFERENCE], start, None)
        goal = reference.best["loss"]
        assert goal is not None
        starts.append({"objective": start.objective, "work_units": start.work_units, "goal": goal})
        for name in names:
            trial, _ = measure(problem, seed, METHODS[name], start, goal)
            outcomes[name].append(_outcome(trial, goal))
            print(f"seed {seed}, {name}: {outcomes[name][-1]}", file=sys.stderr, flush=True)
        for key, ratio in _ratios(problem, seed, {"start": start.theta, "trained": trained}):
            ratios.setdefault(key, []).append(ratio)
    rows = [phase_row(name, outcomes[name]) for name in names]
    rows += [coupling_row(key, values) for key, values in ratios.items()]
    result: dict[str, Any] = {
        "name": "fine-phase",
        "rows": rows,
        "settings": _settings(problem, numbers, quick),
        "starts": starts,
        "environment": environment(version),
    }
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / "result.json", result)
    print(table(rows))
    return result


def _outcome(result: TrialResult, goal: float) -> Row:
    reached = result.reached[str(Target("loss", goal))]
    work, seconds = reached if reached is not None else (None, None)
    return {"work_units": work, "seconds": seconds, "objective": result.best["loss"]}


def _ratios(
    problem: Problem, seed: int, points: Mapping[str, Vector]
) -> list[tuple[tuple[str, str, int], Row]]:
    f = make_objective(problem, seed)
    found = []
    for point, theta in points.items():
        for scheme in ("euler", "matched"):
            for factor in FACTORS:
                ratio = partial(coupling_ratio, f, theta, factor)
                plain = TwoLevel(scheme=scheme, coupling=FirstOrder(), trust=False)
                shifted = replace(plain, coupling=StateDefect())
                row = {"without": ratio(plain), "with": ratio(shifted)}
                found.append(((point, scheme, factor), row))
    return found


def _settings(problem: Problem, seeds: Sequence[int], quick: bool) -> Row:
    return {
        "problem": problem.settings(),
        "seeds": list(seeds),
        "quick": quick,
        "quick_changes": QUICK if quick else None,
        "chosen_on": "seeds 20 to 27",
        "cascade": f"matched networks of {CASCADE[::-1]} layers, L-BFGS with 30 pairs, each left "
        "after 40 steps that bring less than 1 %",
        "goal": f"the best objective of {REFERENCE}, started with the pairs of the cascade, within "
        f"{problem.max_work_units:g} work units",
        "reached": "when an evaluation of the method itself on the finest level is not above the "
        "goal; that evaluation is counted",
        "work_unit": "one gradient of the finest network; a value is 1/3, a layer of two stages 2",
        "objective": "the best one within the budget",
        "coupling": "|v| / |R g| in the dual norm of the coarse level, v being the difference of "
        "the coarse gradient and the restricted fine one",
        "trained": f"the end of {REFERENCE}",
    }

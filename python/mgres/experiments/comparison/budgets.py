"""What a budget buys: the finest network that comes back after so much work, without a target.

Every method runs through :func:`mgres.fit`, once for each budget, from the same smooth start.  A
method with settings shows the best of them in each cell, chosen on the very seeds that are shown:
in favour of the single level, which has settings, and against the recipe, which has none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...mgopt import LevelOptimizer
from ...recipes.recommend import coarse_depths
from ...resnet import ResNetObjective
from ...training import DivergenceError, FitResult, fit
from .problem import Problem
from .single import OPTIMIZERS, RATES

MEMORIES = (10, 30, 100)
Row = dict[str, Any]

FIGURES = ("loss", "validation_loss", "accuracy", "work_units", "seconds")
"""What a cell holds for each seed."""


@dataclass(frozen=True)
class Candidate:
    """A method in one of its settings: what `fit` is called with."""

    settings: dict[str, Any]
    arguments: dict[str, Any]


def candidates(problem: Problem, name: str) -> list[Candidate]:
    """Return the settings of a method of the comparison; none if `fit` does not run it."""
    if name == "recommended":
        return [Candidate({}, {})]
    if name in ("cascade", "fmg"):
        return [Candidate({}, {"method": name})]
    if name == "mgopt":
        levels = min(8, (problem.depth & -problem.depth).bit_length())
        return [Candidate({"levels": levels}, {"method": "paper", "levels": levels})]
    kind, _, optimizer = name.partition("/")
    if kind != "single":
        return []
    if optimizer == "lbfgs":
        if problem.batch_size is not None:
            return []  # its line searches would over-fit every batch
        return [_single(OPTIMIZERS[optimizer](m), {"memory": m}) for m in MEMORIES]
    return [_single(OPTIMIZERS[optimizer](r), {"learning_rate": r}) for r in RATES[optimizer]]


def _single(optimizer: LevelOptimizer, settings: dict[str, Any]) -> Candidate:
    return Candidate(settings, {"method": "single", "optimizer": optimizer})


def buy(problem: Problem, candidate: Candidate, seed: int, budget: float) -> dict[str, Any]:
    """Return what comes back after a budget, in the terms of `FIGURES`; None if it does not apply.

    The loss is that of the finest network on all samples, regulariser included; the validation
    loss leaves the regulariser out.
    """
    X, y, X_val, y_val = problem.data(seed)
    f = ResNetObjective(
        problem.net(seed), X, y, problem.loss, problem.regularizer, fixed=problem.fixed
    )
    coarsest = coarse_depths(f, problem.batch_size is not None)[-1]
    started = time.perf_counter()
    try:
        result: FitResult = fit(
            f,
            problem.start(seed, "smooth", coarsest),
            batch_size=problem.batch_size,
            max_work_units=budget,
            max_cycles=10**9,
            seed=seed,
            **candidate.arguments,
        )
    except DivergenceError as error:
        result = error.result
    seconds = time.perf_counter() - started
    validation_loss = accuracy = None
    if len(X_val):
        validation_loss = ResNetObjective(f.net, X_val, y_val, problem.loss).value(result.theta)
        if problem.loss == "cross_entropy":
            accuracy = f.net.accuracy(result.theta, X_val, y_val)
    return {
        "loss": result.history[-1].loss,
        "validation_loss": validation_loss,
        "accuracy": accuracy,
        "work_units": result.work_units,
        "seconds": seconds,
    }


def measure(
    problem: Problem,
    methods: Sequence[str],
    budgets: Sequence[float],
    seeds: Sequence[int],
    tell: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Return a row for each method and budget, with the figures of every seed.

    Parameters
    ----------
    problem : Problem
        What is solved.
    methods : sequence of str
        Keys of ``METHODS``; those that `fit` does not run are passed over.
    budgets : sequence of float
        Work units.
    seeds : sequence of int
        Of data, start and batches.
    tell : callable
        Is told of every row.
    """
    rows = []
    for name in methods:
        found = candidates(problem, name)
        for budget in budgets if found else ():
            cells = [(c.settings, [buy(problem, c, seed, budget) for seed in seeds]) for c in found]
            settings, figures = min(cells, key=lambda cell: _rank(cell[1]))
            row = {
                "problem": problem.name,
                "method": name,
                "budget": budget,
                "settings": settings,
                "seeds": list(seeds),
                "per_seed": {key: [one[key] for one in figures] for key in FIGURES},
                **{key: _median(figures, key) for key in FIGURES},
                "worst_loss": max(one["loss"] for one in figures),
            }
            rows.append(row)
            tell(f"{problem.name} {name} {budget:g} WU: loss {row['loss']:.3g}")
    return rows


def table(rows: Sequence[Row], figure: str = "loss") -> str:
    """Return the rows of one problem as text: methods down, budgets across, medians."""
    budgets = sorted({row["budget"] for row in rows})
    names = list(dict.fromkeys(row["method"] for row in rows))
    found = {(row["method"], row["budget"]): row[figure] for row in rows}
    width = max(map(len, names))
    lines = [" ".join([" " * width, *(f"{f'{b:g} WU':>9}" for b in budgets)])]
    for name in names:
        cells = [found[name, b] for b in budgets]
        form = ".4f" if figure == "accuracy" else ".2g"
        texts = ("-" if cell is None else format(cell, form) for cell in cells)
        lines.append(" ".join([name.ljust(width), *(text.rjust(9) for text in texts)]))
    return "\n".join(lines)


def _rank(figures: Sequence[dict[str, Any]]) -> float:
    median = _median(figures, "loss")
    return math.inf if median is None else median


def _median(figures: Sequence[dict[str, Any]], key: str) -> float | None:
    values = [one[key] for one in figures]
    if any(value is None for value in values):
        return None
    median = float(np.median(values))
    return median if math.isfinite(median) else None

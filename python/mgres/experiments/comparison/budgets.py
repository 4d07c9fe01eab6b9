"""What a budget buys: the finest network that comes back after so much work, without a target.

Every method runs through :func:`mgres.fit`, once for each budget, from the same smooth start, and
is the one that the comparison of targets has by that name.  A method with settings shows the best
of them in each cell, chosen on the very seeds that are shown: in favour of the single level, which
has settings, and against the recipe, which has none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...recipes.recommend import coarse_depths
from ...resnet import ResNetObjective
from ...training import DivergenceError, FitResult, fit
from ..store import FinishedRuns
from .methods import METHODS
from .problem import Problem
from .single import Settings

MEMORIES = (10, 30, 100)
"""Pairs of L-BFGS on one level; a quick comparison takes those of its grid."""

Row = dict[str, Any]

FIGURES = ("loss", "validation_loss", "accuracy", "work_units", "seconds")
"""What a cell holds for each seed."""


@dataclass(frozen=True)
class Purchase:
    """What is run; plain values.

    Attributes
    ----------
    problem, method : str
        Their names.
    settings : str
        The method's settings as JSON.
    seed : int
        Of data, start and batches.
    budget : float
        Work units.
    """

    problem: str
    method: str
    settings: str
    seed: int
    budget: float


@dataclass(frozen=True)
class Bought:
    """What came back.

    Attributes
    ----------
    loss : float
        Of the finest network on all samples, regulariser included.
    validation_loss, accuracy : float or None
        Without the regulariser, on the validation samples; None if that does not apply.
    work_units, seconds : float
        What was spent; time of the training loop.
    """

    loss: float
    validation_loss: float | None
    accuracy: float | None
    work_units: float
    seconds: float


def settings_of(problem: Problem, name: str, quick: bool = False) -> list[Settings]:
    """Return the settings of a method that are tried; none if `fit` does not run it."""
    method = METHODS[name]
    if method.make is None:
        return []
    found: list[Settings] = []
    for settings in method.grid(problem, quick):
        smooth = {**settings, "start": "smooth"} if "start" in settings else settings
        if smooth not in found and not _over_fits(problem, name, smooth):
            found.append(smooth)
    if name == "single/lbfgs" and found and not quick:
        found = [{**found[0], "memory": memory} for memory in MEMORIES]
    return found


def _over_fits(problem: Problem, name: str, settings: Settings) -> bool:
    """Return whether line searches of a single level would over-fit every batch."""
    optimizer = settings.get("optimizer", name.partition("/")[2])
    return problem.batch_size is not None and optimizer == "lbfgs"


def buy(problem: Problem, name: str, settings: Settings, seed: int, budget: float) -> Bought:
    """Return what comes back from a method after a budget.

    Raises
    ------
    ValueError
        If `fit` does not run the method.
    """
    method = METHODS[name]
    if method.make is None:
        raise ValueError(f"method: mgres.fit does not run {name}")
    X, y, X_val, y_val = problem.data(seed)
    fixed = tuple({*problem.fixed, *method.fixed})
    f = ResNetObjective(problem.net(seed), X, y, problem.loss, problem.regularizer, fixed=fixed)
    hierarchy, cycle = method.make(problem, f, settings)
    coarsest = coarse_depths(f, problem.batch_size is not None)[-1]
    try:
        result: FitResult = fit(
            f,
            problem.start(seed, "smooth", coarsest),
            hierarchy=hierarchy,
            cycle=cycle,
            batch_size=problem.batch_size,
            max_work_units=budget,
            max_cycles=10**9,
            seed=seed,
        )
    except DivergenceError as error:
        result = error.result
    validation_loss = accuracy = None
    if len(X_val):
        validation_loss = ResNetObjective(f.net, X_val, y_val, problem.loss).value(result.theta)
        if problem.loss == "cross_entropy":
            accuracy = f.net.accuracy(result.theta, X_val, y_val)
    last = result.history[-1]
    return Bought(last.loss, validation_loss, accuracy, result.work_units, last.seconds)


@dataclass
class Market:
    """All purchases on one problem.

    Attributes
    ----------
    problem : Problem
        What is solved.
    finished : FinishedRuns
        What an interrupted comparison has already done.
    quick : bool
        Smaller grids.
    tell : callable
        Gets a line for each row.
    """

    problem: Problem
    finished: FinishedRuns[Bought]
    quick: bool = False
    tell: Callable[[str], None] = lambda line: None

    def rows(
        self, methods: Sequence[str], budgets: Sequence[float], seeds: Sequence[int]
    ) -> list[Row]:
        """Return a row for each method that `fit` runs and each budget, with every seed's figures.

        Parameters
        ----------
        methods : sequence of str
            Keys of ``METHODS``.
        budgets : sequence of float
            Work units.
        seeds : sequence of int
            Of data, start and batches.
        """
        return [
            self._row(name, budget, seeds)
            for name in methods
            if settings_of(self.problem, name, self.quick)
            for budget in budgets
        ]

    def _row(self, name: str, budget: float, seeds: Sequence[int]) -> Row:
        cells = [
            (settings, [self._buy(name, settings, seed, budget) for seed in seeds])
            for settings in settings_of(self.problem, name, self.quick)
        ]
        settings, bought = min(cells, key=lambda cell: _rank(cell[1]))
        row = {
            "problem": self.problem.name,
            "method": name,
            "budget": budget,
            "settings": settings,
            "seeds": list(seeds),
            "per_seed": {key: [asdict(one)[key] for one in bought] for key in FIGURES},
            **{key: _median(bought, key) for key in FIGURES},
            "worst_loss": max(one.loss for one in bought),
        }
        self.tell(f"{self.problem.name} {name} {budget:g} WU: loss {row['loss']:.3g}")
        return row

    def _buy(self, name: str, settings: Settings, seed: int, budget: float) -> Bought:
        plain = json.dumps(settings, sort_keys=True)
        purchase = Purchase(self.problem.name, name, plain, seed, budget)
        bought = self.finished.get(purchase)
        if bought is None:
            bought = buy(self.problem, name, settings, seed, budget)
            self.finished.add(purchase, bought)
        return bought


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


def _rank(bought: Sequence[Bought]) -> float:
    median = _median(bought, "loss")
    return math.inf if median is None else median


def _median(bought: Sequence[Bought], key: str) -> float | None:
    values = [asdict(one)[key] for one in bought]
    if any(value is None for value in values):
        return None
    median = float(np.median(values))
    return median if math.isfinite(median) else None

"""Training runs as curves, and several seeds as one curve with its spread."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..training import FitResult, History

Run: TypeAlias = FitResult | History
Runs: TypeAlias = Run | Sequence[Run] | Mapping[str, Run | Sequence[Run]]
Numbers: TypeAlias = NDArray[np.float64]

X = {"work_units": "work_units", "cycles": "cycle", "seconds": "seconds", "epochs": "epoch"}
"""What `x` may be, and the column of the history that it stands for."""

Y = {"loss": np.minimum, "accuracy": np.maximum}
"""What `y` may be, and how the best so far is found."""

SPREADS = {"range": (0.0, 1.0), "quartiles": (0.25, 0.75), "none": (0.5, 0.5)}
"""Quantiles over seeds between which the band lies."""


@dataclass(frozen=True)
class Curve:
    """A quantity that holds from `x[i]` on until `x[i + 1]`, and after the end as it was there."""

    x: Numbers
    y: Numbers

    def at(self, x: Numbers) -> Numbers:
        """Return the quantity at `x`; before the beginning that of the beginning."""
        found: Numbers = self.y[np.maximum(np.searchsorted(self.x, x, side="right") - 1, 0)]
        return found


@dataclass(frozen=True)
class Band:
    """Median over seeds, and the quantiles around it, on a common grid `x`; steps as in `Curve`."""

    x: Numbers
    middle: Numbers
    low: Numbers
    high: Numbers


def named_histories(runs: Runs) -> dict[str, list[History]]:
    """Return the seeds of every run by its label; the label of a single run is empty.

    Raises
    ------
    TypeError
        If something is neither a result of `fit` nor a history.
    ValueError
        If there is nothing.
    """
    given: Mapping[str, Any] = runs if isinstance(runs, Mapping) else {"": runs}
    named = {str(label): _histories(label, seeds) for label, seeds in given.items()}
    if not named:
        raise ValueError("runs: expected at least one run, got none")
    return named


def _histories(label: str, seeds: Any) -> list[History]:
    of = f"runs[{label!r}]" if label else "runs"
    several = isinstance(seeds, Sequence) and not isinstance(seeds, (History, str))
    found = []
    for run in seeds if several else [seeds]:
        history = run.history if isinstance(run, FitResult) else run
        if not isinstance(history, History):
            expected = "a FitResult, a History or a list of them"
            raise TypeError(f"{of}: expected {expected}, got {type(run).__name__}")
        found.append(history)
    if not found or not all(len(history) for history in found):
        raise ValueError(f"{of}: expected at least one record, got none")
    return found


def make_curve(history: History, x: str, y: str, best: bool = False) -> Curve:
    """Return one column of a history over another, without the cycles where it is not known.

    Both are of the finest network; what coarse ones reach is left out, since it is no promise for
    the deep one.  On all samples the loss is the smallest so far, because training keeps that, and
    it ends with the loss of what came back.

    Raises
    ------
    ValueError
        If it is nowhere known, or `x` or `y` is not offered.
    """
    for name, value, offered in (("x", x, [*X]), ("y", y, [*Y])):
        if value not in offered:
            raise ValueError(f"{name}: expected one of {offered}, got {value!r}")
    points = [
        (at, value)
        for at, value in zip(history.column(X[x]), _of_finest(history, y), strict=True)
        if value is not None and math.isfinite(value)
    ]
    if not points:
        hint = "; fit needs validation=(X, y) for it" if y == "accuracy" else ""
        raise ValueError(f"y: a run has no {y}{hint}")
    at, values = np.array(points, dtype=np.float64).T
    smallest_kept = y == "loss" and _is_on_all_samples(history)
    if not (best or smallest_kept):
        return Curve(at, values)
    so_far = Y[y].accumulate(values)
    if not best and history[-1].level == 0:
        # what came back for another goal, such as an accuracy, need not have the smallest loss
        so_far[-1] = values[-1]
    return Curve(at, so_far)


def _of_finest(history: History, y: str) -> list[float | None]:
    """Return a quantity of the finest network, None in records that do not know it."""
    if y == "loss":
        return [record.finest for record in history]
    return [getattr(record, y) if record.level == 0 else None for record in history]


def _is_on_all_samples(history: History) -> bool:
    """Return whether losses can be compared: every cycle was an epoch, so none a mini-batch."""
    return all(record.epoch == record.cycle for record in history)


def make_band(curves: Sequence[Curve], spread: str = "range") -> Band:
    """Return median and spread of several seeds.

    The grid holds every place where some seed changes.  A seed that has ended keeps its last value:
    it is done, and what it has reached stays.

    Raises
    ------
    ValueError
        If the spread is not offered.
    """
    if spread not in SPREADS:
        raise ValueError(f"spread: expected one of {[*SPREADS]}, got {spread!r}")
    x = np.unique(np.concatenate([curve.x for curve in curves]))
    table = np.array([curve.at(x) for curve in curves])
    low, middle, high = np.quantile(table, [SPREADS[spread][0], 0.5, SPREADS[spread][1]], axis=0)
    return Band(x, middle, low, high)

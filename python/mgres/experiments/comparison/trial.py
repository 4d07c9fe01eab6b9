"""One run of one method, watched: when it reaches which target, at what cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...mgopt import Hierarchy, WorkUnits
from ...resnet import ResNetObjective
from ...resnet.network import Array
from ...training.batches.strategies import batches
from .problem import Problem

Point = list[float | None]
"""Work units, seconds, loss, accuracy."""

SPACING = 1.02
"""Points are kept, and accuracies asked for out of curiosity, when work grew by this factor."""


class Enough(BaseException):
    """Ends a run from the inside: all targets are reached, or the budget is spent.

    No error, so that nobody on the way, such as `mgres.fit`, makes up a result for it, which may
    cost evaluations.
    """


@dataclass(frozen=True)
class TrialSpec:
    """What is run; plain values.

    Attributes
    ----------
    problem : str
        Its name.
    method : str
        A key of the table of methods.
    settings : str
        The method's settings as JSON.
    seed : int
        Of data, initial parameters and batches.
    targets : tuple of str
        The targets that are waited for; the run ends when all are reached.
    max_work_units, max_seconds : float
        The budget.
    """

    problem: str
    method: str
    settings: str
    seed: int
    targets: tuple[str, ...]
    max_work_units: float
    max_seconds: float


@dataclass(frozen=True)
class TrialResult:
    """What came of it.

    Attributes
    ----------
    reached : dict
        Target -> ``[work units, seconds]`` when it was first reached, or None.
    stopped : str
        "targets", "work_units", "seconds", "diverged", or "finished": the method had no more to
        do.
    work_units, seconds : float
        Of the whole run, validation not counted.
    validations : int
        How often validation samples were evaluated.
    validation_seconds : float
        Spent on that and on other monitoring.
    best : dict
        The best "loss" and "accuracy" seen on the finest level, None for what was not seen.
    points : list of [work units, seconds, loss, accuracy]
        The way there, None for what was not known.
    """

    reached: dict[str, list[float] | None]
    stopped: str
    work_units: float
    seconds: float
    validations: int
    validation_seconds: float
    best: dict[str, float | None] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)


class WatchedObjective(ResNetObjective):
    """An objective that reports every value, so that what a method knows, its trial knows."""

    report: Callable[[float], None]

    def value(self, x: Array) -> float:
        """Return f(x)."""
        value = super().value(x)
        self.report(value)
        return value

    def value_and_grad(self, x: Array, out: Array) -> float:
        """Write the gradient of f at `x` to `out` and return f(x)."""
        value = super().value_and_grad(x, out)
        self.report(value)
        return value


class Trial:
    """A run under way: what a method works with, and what measures it.

    A loss is reached when an evaluation of the method itself finds it on the finest level, which
    costs what that evaluation costs.  An accuracy is reached at a point that the method names by
    :meth:`at`; validation, and the loss on all samples in runs on mini-batches, are neither counted
    nor timed.

    Parameters
    ----------
    problem : Problem
        The problem.
    seed : int
        Of data, initial parameters and batches.
    targets : sequence of str, optional
        Labels of the targets to wait for; by default all of the problem's.
    max_work_units, max_seconds : float, optional
        By default the problem's.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        targets: tuple[str, ...] | None = None,
        max_work_units: float | None = None,
        max_seconds: float | None = None,
    ) -> None:
        self.problem = problem
        self.seed = seed
        self.data = problem.data(seed)
        self.net = problem.net(seed)
        self.wanted = tuple(t for t in problem.targets if targets is None or str(t) in targets)
        self.max_work_units = problem.max_work_units if max_work_units is None else max_work_units
        self.max_seconds = problem.max_seconds if max_seconds is None else max_seconds
        self.reached: dict[str, list[float] | None] = {str(t): None for t in self.wanted}
        self.f = self.objective()
        self.work: Callable[[], float] = lambda: 0.0
        self._ledger: WorkUnits | None = None
        self._noted = 0
        self._started: float | None = None
        self._paused = 0.0
        self._counted = 0.0
        self._validations = 0
        self._steps = 0
        self._value = math.nan
        self._kept_work = 0.0
        self._validated_work = 0.0
        self._points: list[Point] = []
        self._best: dict[str, float | None] = {"loss": None, "accuracy": None}

    # ---- what a method asks for ------------------------------------------------------------------

    def objective(self, fixed: tuple[str, ...] = ()) -> WatchedObjective:
        """Return the finest objective, watched, perhaps with more parts `fixed`; it replaces f."""
        X, y, _, _ = self.data
        p = self.problem
        self.f = WatchedObjective(
            self.net, X, y, p.loss, p.regularizer, fixed=tuple({*p.fixed, *fixed})
        )
        self.f.report = self.know
        self._on_all = ResNetObjective(self.net, X, y, p.loss, p.regularizer)
        return self.f

    def follow(self, hierarchy: Hierarchy) -> Hierarchy:
        """Read work units off the ledger of `hierarchy` from now on; return it.

        Values that are not entered there, such as those of `mgres.fit` for its history, are not the
        method's, and reach no target.
        """
        self.work = lambda: hierarchy.work.total
        self._ledger, self._noted = hierarchy.work, _evaluations(hierarchy.work)
        return hierarchy

    def count(self, work: float) -> None:
        """Enter work of a method that has no ledger."""
        self._counted += work
        self.work = lambda: self._counted

    def batches(self) -> Iterator[int]:
        """Yield epochs, a batch in use each time, for ever; the clock runs from the first on."""
        rng = np.random.default_rng(self.seed)
        for epoch in batches(self.f, self.problem.batch_size, rng):
            if self._started is None:
                self._started = time.perf_counter()
            yield epoch

    def set_clock(self, seconds: float) -> None:
        """Let the clock go on from `seconds`.

        For runs by `mgres.fit`, which takes batches and validates itself: after each cycle the
        clock is put back to its time, in which validation has no part.
        """
        self._started = time.perf_counter() - self._paused - seconds

    # ---- what a method tells ---------------------------------------------------------------------

    def know(self, value: float) -> None:
        """Take note of a value of f on the samples in use.

        Raises
        ------
        Enough
            If that was the last target, or the budget is spent.
        """
        if not self._is_paid():
            return
        self._value = value
        self._check_budget()
        if self.problem.batch_size is None:
            self._mark("loss", value)

    def at(self, theta: Array, due: bool | None = None) -> None:
        """Stand at `theta` after a step on the finest level.

        Parameters
        ----------
        theta : ndarray
            The point.
        due : bool, optional
            Whether to validate; by default every `validate_every` times.

        Raises
        ------
        Enough
            If that was the last target, or the budget is spent.
        """
        self._check_budget()
        if due is None:
            due = self._steps % self.problem.validate_every == 0
        self._steps += 1
        work = self.work()
        accuracy = None
        if (due and self.waits_for("accuracy")) or self._curious(work):
            accuracy = self.accuracy(theta)
        if due and self.waits_for("loss") and self.problem.batch_size is not None:
            self._mark("loss", self.loss(theta))
        self._keep(work, self._value, accuracy)
        if accuracy is not None:
            self._mark("accuracy", accuracy)

    def below(self, loss: float, theta: Array) -> None:
        """Take note of the loss of a coarser network; it reaches no target.

        Parameters
        ----------
        loss : float
            The loss.
        theta : ndarray
            The point, prolonged to the finest level.

        Raises
        ------
        Enough
            If the budget is spent.
        """
        self._check_budget()
        work = self.work()
        self._keep(work, loss, self.accuracy(theta) if self._curious(work) else None)

    @staticmethod
    def require_finite(value: float) -> None:
        """End the run if it has diverged.

        Raises
        ------
        Enough
            If `value` is not finite.
        """
        if not math.isfinite(value):
            raise Enough("diverged")

    # ---- measuring -------------------------------------------------------------------------------

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Return a context in which the clock stands, for what is not the method's work."""
        start = time.perf_counter()
        yield
        self._paused += time.perf_counter() - start

    def accuracy(self, theta: Array) -> float:
        """Return the validation accuracy; not counted, not timed."""
        _, _, X_val, y_val = self.data
        with self.aside():
            self._validations += 1
            return self.net.accuracy(theta, X_val, y_val)

    def loss(self, theta: Array) -> float:
        """Return the objective on all samples; not counted, not timed."""
        with self.aside():
            return self._on_all.value(theta)

    @property
    def seconds(self) -> float:
        """Time since the first batch, or as the clock was set, without what went aside."""
        if self._started is None:
            return 0.0
        return time.perf_counter() - self._started - self._paused

    def result(self, stopped: str) -> TrialResult:
        """Return what has been measured."""
        return TrialResult(
            reached=dict(self.reached),
            stopped=stopped,
            work_units=self.work(),
            seconds=self.seconds,
            validations=self._validations,
            validation_seconds=self._paused,
            best=dict(self._best),
            points=list(self._points),
        )

    def _curious(self, work: float) -> bool:
        """Return whether to validate for the picture, though no target waits for it."""
        can = self.problem.loss == "cross_entropy" and len(self.data[2]) > 0
        if not can or work < self._validated_work * SPACING:
            return False
        self._validated_work = work
        return True

    def _is_paid(self) -> bool:
        """Return whether the evaluation under way is in the ledger, if there is one."""
        if self._ledger is None:
            return True
        before, self._noted = self._noted, _evaluations(self._ledger)
        return self._noted > before

    def waits_for(self, kind: str) -> bool:
        """Return whether a target is a "loss" or an "accuracy"."""
        return any(t.kind == kind for t in self.wanted)

    def _check_budget(self) -> None:
        if self.work() > self.max_work_units:
            raise Enough("work_units")
        if self.seconds > self.max_seconds:
            raise Enough("seconds")

    def _mark(self, kind: str, value: float) -> None:
        best = self._best[kind]
        better = min if kind == "loss" else max
        if math.isfinite(value):
            self._best[kind] = value if best is None else better(best, value)
        for target in self.wanted:
            if target.kind == kind and self.reached[str(target)] is None and target.met(value):
                self.reached[str(target)] = [self.work(), self.seconds]
                if all(self.reached.values()):
                    if kind == "loss":
                        self._points.append(self._point(self.work(), value, None))
                    raise Enough("targets")

    def _keep(self, work: float, loss: float, accuracy: float | None) -> None:
        if not self._points or work >= self._kept_work * SPACING or accuracy is not None:
            self._kept_work = work
            self._points.append(self._point(work, loss, accuracy))

    def _point(self, work: float, loss: float, accuracy: float | None) -> Point:
        known = float(f"{loss:.6g}") if math.isfinite(loss) else None
        return [round(work, 6), float(f"{self.seconds:.4g}"), known, accuracy]


def _evaluations(ledger: WorkUnits) -> int:
    """Return how many evaluations of the finest objective have been paid for."""
    return ledger.gradients[0] + ledger.values[0]


def run_trial(trial: Trial, method: Callable[[Trial, Any], None], settings: Any) -> TrialResult:
    """Let `method` work until it has reached the targets, spent the budget, or come to its end."""
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            method(trial, settings)
    except Enough as end:
        return trial.result(str(end))
    return trial.result("finished")

"""A training run: parameters, history and clocks, step by step."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ..mgopt import Best, CycleReport, Hierarchy, Method
from ..resnet.network import Array
from .history import History, Record
from .limits import Limits, Validation

T = TypeVar("T")

BUDGETS = ("work_units", "seconds", "cycles")
"""Reasons to end that a larger number would have moved."""


@dataclass(frozen=True)
class FitResult:
    """What training found.

    Attributes
    ----------
    theta : ndarray, shape (size,)
        The parameters.  On all samples: those that met the goal, or else the best at which the loss
        of the finest network was known, so that a larger budget never gives worse ones.  On
        mini-batches: the last ones, or those of the best answer to the judge while coarse levels
        were in use, unless the loss on all samples was smaller at the start.  Those that met a goal
        on the accuracy may have a larger loss than the start.
    history : History
        A record from before the first cycle and one for each cycle.  The last one is about `theta`:
        its loss is that of the finest network on all samples.  Where the record of the last cycle
        is about something else (a coarse network, a mini-batch, a worse point), one more of the
        same cycle follows it.
    work_units : float
        Work done: gradients and line searches, without validation and progress.
    stopped : str
        Why training ended: "accuracy", "loss", "work_units", "seconds", "cycles", "callback",
        "stalled" (nested iteration had enough on its finest level); in the errors below
        "divergence", "interrupted" or "error".
    """

    theta: Array
    history: History
    work_units: float
    stopped: str


class DivergenceError(ArithmeticError):
    """Training left the finite numbers.

    Attributes
    ----------
    result : FitResult
        With the best parameters, or on mini-batches the last whose loss was finite.
    """

    def __init__(self, message: str, result: FitResult) -> None:
        super().__init__(message)
        self.result = result


class DivergedError(ArithmeticError):
    """The loss of a cycle is not finite."""


class Run:
    """Parameters and history; :attr:`theta` is always that of the last complete cycle.

    Parameters
    ----------
    hierarchy : Hierarchy
        The levels.
    method : Method
        What is repeated.
    limits : Limits
        When to stop.
    validation : tuple or None
        Samples and labels for the accuracy.
    validate_every : int
        Cycles from one validation to the next.
    theta : ndarray
        The start; becomes the run's own.
    on_batches : bool
        Whether losses belong to mini-batches, and so cannot be compared with each other.
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        method: Method,
        limits: Limits,
        validation: Validation | None,
        validate_every: int,
        theta: Array,
        *,
        on_batches: bool = False,
    ) -> None:
        self._hierarchy = hierarchy
        self._method = method
        self._limits = limits
        self._validation = validation
        self._validate_every = validate_every
        self._work_at_start = hierarchy.work.total
        self._seconds = 0.0
        self._theta = theta
        self._next = theta.copy()
        self._state = method.init(hierarchy, self._next)
        self._on_batches = on_batches
        self.history = History([self._record(0, 0, None, 0, theta)])
        self._start = self._best = Best(self.history[0].loss, theta.copy())
        self._has_asked = False  # the finest level, from a coarse one
        self._arrived: Array | None = None

    @property
    def level(self) -> int:
        """The level that is worked for."""
        return self._method.level(self._state)

    @property
    def theta(self) -> Array:
        """The parameters on the finest level; not to be changed."""
        if self.level == 0:
            return self._theta
        return self._method.solution(self._hierarchy, self._theta, self._state)

    def cycle(self, epoch: int) -> Record:
        """Run one cycle on the batch in use and return its record.

        Raises
        ------
        DivergedError
            If its loss is not finite; parameters and history are those from before it.
        """
        before = self.history[-1]
        number = before.cycle + 1
        # a step on a coarse level makes a new point and leaves the old one whole
        state = copy.copy(self._state)
        if self.level == 0:
            np.copyto(self._next, self._theta)
        try:
            report = self._timed(
                lambda: self._method.step(self._hierarchy, self._next, self._state)
            )
            record = self._record(number, epoch, report, self.level, self._point())
        except BaseException:
            self._state = state  # the point of which is whole
            raise
        if not math.isfinite(record.loss):
            self._state = state
            raise DivergedError(
                f"the loss became {record.loss} in cycle {number} (it was {before.loss:.4g} "
                "before): a smaller learning rate may help"
            )
        self._keep(record)
        self.history.append(record)
        return record

    def reached(self) -> str | None:
        """Return why the run ends now, by name, or None.

        Where a goal is expected to hold on the finest level, seen from a coarse one, the point is
        tried there; if it does not hold, the method may climb.
        """
        while 0 < (level := self.level) == self.history[-1].level and self._is_expected():
            self._try_finest()
            if self._arrived is not None or self.level == level:
                break
        last, best, goal = self.history[-1], self._best, self._limits.loss
        if last.level > 0 and not self._on_batches and goal is not None and best.value <= goal:
            # the judge has seen it, in a step that ended on the next level
            self._arrived = best.point
            last = self._record(last.cycle, last.epoch, None, 0, best.point, best.value)
            self.history.replace_last(last)
        reached = self._limits.reached(last)
        if reached in ("accuracy", "loss") and self._arrived is None:
            self._arrived = self._theta.copy()
        return "stalled" if reached is None and self._method.ended(self._state) else reached

    def result(self, reason: str) -> FitResult:
        """Return what has been reached, with all samples in use again."""
        theta, loss = self._answer(reason)
        last = self.history[-1]
        if not self._on_batches and last.level == 0 and last.loss == loss:
            return FitResult(theta, History([*self.history]), last.work_units, reason)
        closing = replace(
            self._record(last.cycle, last.epoch, None, 0, theta, loss, is_last=True),
            accuracy=self._accuracy(theta, 0) if self._validation is not None else None,
        )
        history = History([*self.history, closing])
        return FitResult(theta, history, closing.work_units, reason)

    def _answer(self, reason: str) -> tuple[Array, float]:
        """Return the parameters to hand back, and the finest loss on all samples there."""
        f, start, best = self._hierarchy[0].objective, self._start, self._best
        with np.errstate(over="ignore", invalid="ignore"):
            if self._arrived is not None and not self._on_batches:
                return self._arrived, float(self._finest.value(self._arrived))
            if self.level > 0 and not self._has_asked and self.history.cycles > 0:
                if self._method.asks() and reason in BUDGETS:
                    return start.point, start.value  # what a larger budget asks first is not known
                theta = self.theta
                value = self._timed(lambda: f.value(theta))
                return (theta, value) if value < best.value else (best.point, best.value)
            if not self._on_batches:
                return best.point, best.value
            theta = self.theta if self.level == 0 else best.point
            theta = theta if self._arrived is None else self._arrived
            value = float(self._finest.value(theta))
            is_fine = value <= start.value or reason == "accuracy"
            return (theta, value) if is_fine else (start.point, start.value)

    # ---- checkpoints -----------------------------------------------------------------------------

    def references(self) -> dict[str, Any]:
        """Return the parts of hierarchy and method that the state refers to, by name."""
        found: dict[str, Any] = {}
        for l, level in enumerate(self._hierarchy):
            found |= {f"metric.{l}": level.metric, f"objective.{l}": level.objective}
        return found

    def export(self) -> dict[str, Any]:
        """Return all that a run on an equal hierarchy needs to go on as this one does."""
        return {
            "theta": self._theta,
            "state": self._state,
            "start": self._start,
            "best": self._best,
            "has_asked": self._has_asked,
            "seconds": self._seconds,
            "work_at_start": self._work_at_start,
            "work": self._hierarchy.work.counts,
        }

    def restore(self, saved: Mapping[str, Any], history: History) -> None:
        """Go on as the run did of which `saved` is the export; the ledger of work goes along.

        Raises
        ------
        ValueError
            If it does not fit this run.
        """
        theta, state = saved["theta"], saved["state"]
        if theta.shape != self._theta.shape or theta.dtype != self._theta.dtype:
            raise ValueError(f"theta: expected shape {self._theta.shape}, got {theta.shape}")
        if type(state) is not type(self._state):
            raise ValueError(f"state: expected {type(self._state)}, got {type(state)}")
        self._theta, self._next, self._state = theta, theta.copy(), state
        self._start, self._best = saved["start"], saved["best"]
        self._has_asked = saved["has_asked"]
        self._seconds, self._work_at_start = saved["seconds"], saved["work_at_start"]
        self._hierarchy.work.restore(saved["work"])
        self.history = history

    # ---- coarse levels ---------------------------------------------------------------------------

    @property
    def _finest(self) -> Any:
        """The finest objective, for evaluations that do not count."""
        return self._hierarchy.finest

    def _point(self) -> Array:
        return self._method.point(self._next, self._state)

    def _keep(self, record: Record) -> None:
        """Take over the point of a record, and keep the best at which the finest loss is known."""
        if record.level == 0:
            self._theta, self._next = self._next, self._theta
            if not self._on_batches and record.loss <= self._best.value:
                self._best = Best(record.loss, self._theta.copy())
        found = self._method.best(self._state)
        if found is None or not math.isfinite(found.value):
            return
        # on mini-batches values of the start and of the judge's samples cannot be compared
        is_first = not self._has_asked
        if found.value < self._best.value or (self._on_batches and is_first):
            self._best = found
        self._has_asked = True

    def _is_expected(self) -> bool:
        """Return whether a goal may hold on the finest level, by the last record."""
        record = self.history[-1]
        expected = self._method.expected(self._state, record.loss)
        return self._limits.goal(replace(record, loss=expected))

    def _try_finest(self) -> None:
        """Try the point of a coarse level on the finest one; if no goal holds there, climb.

        Values of the loss that decide the course of training are work.
        """
        last, level = self.history[-1], self.level
        candidate = self.theta
        finest = self._hierarchy[0].objective
        by_loss = self._limits.loss is not None
        known = self._timed(lambda: finest.value(candidate)) if by_loss else None
        if known is not None and not self._on_batches and known < self._best.value:
            self._best = Best(known, candidate)
        record = self._record(last.cycle, last.epoch, None, 0, candidate, known)
        if self._limits.goal(record):
            self._arrived = candidate
            self.history.replace_last(record)
            return
        # a judge can expect a loss, not an accuracy, which would be tried again after every step
        can_wait = not self._on_batches and self._limits.accuracy is None
        heard = known if can_wait else None
        self._timed(lambda: self._method.climb(self._hierarchy, self._next, self._state, heard))
        if self.level == level:
            record = replace(
                last, work_units=record.work_units, seconds=record.seconds, finest=record.finest
            )
        else:
            record = self._record(last.cycle, last.epoch, None, self.level, self._point())
        self._keep(record)
        self.history.replace_last(record)

    # ---- records ---------------------------------------------------------------------------------

    def _timed(self, work: Callable[[], T]) -> T:
        start = time.perf_counter()
        # an overflow shows in the loss, which is judged afterwards
        with np.errstate(over="ignore", invalid="ignore"):
            result = work()
        self._seconds += time.perf_counter() - start
        return result

    def _record(
        self,
        number: int,
        epoch: int,
        report: CycleReport | None,
        level: int,
        point: Array,
        known: float | None = None,
        *,
        is_last: bool = False,
    ) -> Record:
        accuracy = None
        if self._validation is not None and not is_last and number % self._validate_every == 0:
            accuracy = self._accuracy(point, level)
        if known is None and report is not None and report.level == level:
            known = report.value_after
        if known is None:
            f = self._hierarchy.coarser(level).finest
            with np.errstate(over="ignore", invalid="ignore"):  # as in a cycle
                known = f.value(point)
        return Record(
            cycle=number,
            epoch=epoch,
            loss=known,
            accuracy=accuracy,
            work_units=self._hierarchy.work.total - self._work_at_start,
            seconds=self._seconds,
            corrections=report.corrections if report is not None else (),
            level=level,
            finest=report.finest if report is not None and level > 0 else None,
        )

    def _accuracy(self, point: Array, level: int) -> float:
        f: Any = self._hierarchy.coarser(level).finest
        assert self._validation is not None
        accuracy: float = f.net.accuracy(point, *self._validation)
        return accuracy

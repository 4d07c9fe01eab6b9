"""A training run: parameters, history and clocks, step by step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from ..mgopt import Cascade, CycleReport, FullMultigrid, Hierarchy, Method, NestedState
from ..resnet import LayeredObjective
from ..resnet.network import Array
from .arguments import Limits, Validation
from .history import History, Record

T = TypeVar("T")
Nested = tuple[Cascade | FullMultigrid, NestedState]


@dataclass(frozen=True)
class FitResult:
    """What training found.

    Attributes
    ----------
    theta : ndarray, shape (size,)
        The parameters after the last complete cycle.
    history : History
        A record from before the first cycle, and one for each cycle.
    work_units : float
        Work done: gradients and line searches, without validation and progress.
    stopped : str
        Why training ended: "accuracy", "loss", "work_units", "seconds", "cycles", "callback",
        "stalled" (a cascade had enough on its finest level); in the errors below "divergence" or
        "interrupted".
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
        With the parameters after the last cycle whose loss was finite.
    """

    def __init__(self, message: str, result: FitResult) -> None:
        super().__init__(message)
        self.result = result


class Run:
    """Parameters and history; :attr:`theta` is always that of the last complete cycle.

    Parameters
    ----------
    f : ResNetObjective or other LayeredObjective
        The finest objective.
    hierarchy : Hierarchy
        Whose finest level is `f`.
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
    """

    def __init__(
        self,
        f: LayeredObjective,
        hierarchy: Hierarchy,
        method: Method,
        limits: Limits,
        validation: Validation | None,
        validate_every: int,
        theta: Array,
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
        self.history = History([self._record(0, 0, None, 0, theta)])

    @property
    def theta(self) -> Array:
        """The parameters on the finest level; not to be changed."""
        nested = self._nested()
        if nested is None:
            return self._theta
        method, state = nested
        return method.solution(self._hierarchy, self._theta, state)

    def cycle(self, epoch: int) -> Record:
        """Run one cycle on the batch in use and return its record."""
        nested = self._nested()
        number = self.history[-1].cycle + 1
        # a step on a coarse level makes a new point and leaves the old one whole
        before = None if nested is None else (nested[0], replace(nested[1]))
        if nested is None:
            np.copyto(self._next, self._theta)
        report = self._timed(lambda: self._method.step(self._hierarchy, self._next, self._state))
        if self._nested() is None:
            record = self._record(number, epoch, report, 0, self._next)
        else:
            record = self._record(number, epoch, report, self._state.level, self._state.point)
        if not math.isfinite(record.loss):
            raise DivergenceError(
                f"the loss became {record.loss} in cycle {number} (it was "
                f"{self.history[-1].loss:.4g} before): a smaller learning rate may help",
                self.result("divergence", before),
            )
        self._finish(record)
        return record

    def reached(self) -> str | None:
        """Return why the run ends now, by name, or None.

        On a coarse level of nested iteration the goal is that level's: once it is met, the point is
        tried on the finest level, and if it does not meet the goal there, the next level begins.
        """
        while (nested := self._nested()) is not None:
            if not self._limits.goal(self.history[-1]):
                break
            self._try_finest(*nested)
        if isinstance(self._state, NestedState) and self._state.finished:
            return self._limits.reached(self.history[-1]) or "stalled"
        return self._limits.reached(self.history[-1])

    def result(self, reason: str, before: Nested | None = None) -> FitResult:
        """Return what has been reached; with a state `before`, on a coarse level, what was then."""
        theta = self.theta
        if before is not None:
            theta = self._theta  # the start, of which the first record tells
            if self.history[-1].cycle > 0:
                method, state = before
                theta = method.solution(self._hierarchy, theta, state)
        return FitResult(theta, self.history, self.history[-1].work_units, reason)

    # ---- checkpoints -----------------------------------------------------------------------------

    def references(self) -> dict[str, Any]:
        """Return the parts of hierarchy and method that the state refers to, by name."""
        found: dict[str, Any] = {}
        for l, level in enumerate(self._hierarchy):
            found |= {f"metric.{l}": level.metric, f"objective.{l}": level.objective}
        if isinstance(self._method, FullMultigrid):
            found |= {
                f"cycle.{n}": self._method.cycle(n) for n in range(1, len(self._hierarchy) + 1)
            }
            found[f"cycle.{len(self._hierarchy) - self._state.level}"] = self._state.method
        return found

    def export(self) -> dict[str, Any]:
        """Return all that a run on an equal hierarchy needs to go on as this one does."""
        return {
            "theta": self._theta,
            "state": self._state,
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
        self._seconds, self._work_at_start = saved["seconds"], saved["work_at_start"]
        self._hierarchy.work.restore(saved["work"])
        self.history = history

    # ---- nested iteration ------------------------------------------------------------------------

    def _nested(self) -> Nested | None:
        """Return method and state of nested iteration, unless it is on the finest level."""
        if isinstance(self._method, (Cascade, FullMultigrid)) and self._state.level > 0:
            return self._method, self._state
        return None

    def _try_finest(self, method: Cascade | FullMultigrid, state: NestedState) -> None:
        """Try the point of a coarse level on the finest one; go up one level if it fails there.

        Values of the loss that decide the course of training are work.
        """
        last = self.history[-1]
        by_loss = self._limits.loss is not None
        candidate = method.solution(self._hierarchy, self._next, state)
        finest = self._hierarchy[0].objective
        known = self._timed(lambda: finest.value(candidate)) if by_loss else None
        record = self._record(last.cycle, last.epoch, None, 0, candidate, known)
        if self._limits.goal(record):
            state.race = None
            while state.level > 0:
                method.ascend(self._hierarchy, self._next, state)
        else:
            self._timed(lambda: method.ascend(self._hierarchy, self._next, state, known))
            point = self._next if state.level == 0 else state.point
            known = self._timed(lambda: method.look(state, point)) if by_loss else None
            record = self._record(last.cycle, last.epoch, None, state.level, point, known)
        self.history.replace_last(record)
        if state.level == 0:
            self._theta, self._next = self._next, self._theta

    # ---- records ---------------------------------------------------------------------------------

    def _finish(self, record: Record) -> None:
        if record.level == 0:
            self._theta, self._next = self._next, self._theta
        self.history.append(record)

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
    ) -> Record:
        f: Any = self._hierarchy.coarser(level).finest
        accuracy = None
        if self._validation is not None and number % self._validate_every == 0:
            accuracy = f.net.accuracy(point, *self._validation)
        if known is None and report is not None and report.level == level:
            known = report.value_after
        if known is None:
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
        )

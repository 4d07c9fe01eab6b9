"""Training a network: algorithms 2 and 3 of the paper, on any hierarchy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..mgopt import CycleReport, CycleState, Hierarchy, Schedule, VCycle
from ..resnet import ResNetObjective, resnet_hierarchy
from ..resnet.network import Array
from .arguments import (
    Limits,
    Validation,
    check_batches,
    check_callbacks,
    check_count,
    check_validation,
    copy_start,
)
from .batches import batches, restored
from .history import History, Record
from .progress import make_progress

Callback = Callable[[Record, Array], Any]


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
        Why training ended: "accuracy", "loss", "work_units", "seconds", "cycles", "callback"; in
        the errors below "divergence" or "interrupted".
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


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training.

    Attributes
    ----------
    result : FitResult
        With the parameters after the last complete cycle.
    """

    def __init__(self, result: FitResult) -> None:
        super().__init__(f"training interrupted after {len(result.history) - 1} complete cycles")
        self.result = result


def fit(
    f: ResNetObjective,
    theta: Array | None = None,
    *,
    levels: int | None = None,
    hierarchy: Hierarchy | None = None,
    cycle: VCycle | None = None,
    batch_size: int | None = None,
    validation: Validation | None = None,
    validate_every: int = 1,
    target_accuracy: float | None = None,
    target_loss: float | None = None,
    max_work_units: float | None = None,
    max_seconds: float | None = None,
    max_cycles: int = 1000,
    callbacks: Sequence[Callback] = (),
    progress: bool = False,
    label: str = "",
    seed: int = 0,
) -> FitResult:
    """Minimise `f` by cycles on a hierarchy until a goal or a limit is reached.

    With all samples in every cycle this is algorithm 2 of the paper; with `batch_size` it is
    algorithm 3: the samples are shuffled, and each cycle uses one batch on all its levels.

    Parameters
    ----------
    f : ResNetObjective
        The finest objective, with all training samples.
    theta : ndarray, shape (size,), optional
        Where to start; not changed.  By default ``f.net.init(seed)``.
    levels : int, optional
        Number of levels of the default hierarchy, ``resnet_hierarchy(f, levels)``; default 1.
    hierarchy : Hierarchy, optional
        Instead of `levels`: a hierarchy whose finest level is `f`.
    cycle : VCycle, optional
        By default ``VCycle(Schedule.paper(levels))``.
    batch_size : int, optional
        Samples of a mini-batch.  A last smaller batch of an epoch is used as it is.
    validation : tuple (X, y), optional
        Samples and labels for the accuracy.
    validate_every : int
        Cycles from one validation to the next.
    target_accuracy : float, optional
        Stop when the validation accuracy is at least this.
    target_loss : float, optional
        Stop when `f` on the batch in use is at most this.
    max_work_units, max_seconds : float, optional
        Stop when this much work is done, or this much time was spent in cycles.
    max_cycles : int
        Stop after this many cycles.
    callbacks : sequence of callables
        Called as ``callback(record, theta)`` after every cycle; a true result stops training.
        Copy `theta` to keep it: later cycles write to the same array.
    progress : bool
        Show progress on standard error: a bar if tqdm is installed, plain lines otherwise.
    label : str
        What the progress display calls this run.
    seed : int
        For the initial parameters and the order of the samples.

    Returns
    -------
    FitResult

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or arguments do not fit each other.
    DivergenceError
        If the loss is no longer finite; it holds the last finite parameters.
    TrainingInterrupted
        On Ctrl-C, a KeyboardInterrupt; it holds the parameters after the last complete cycle.
    """
    hierarchy, cycle = _resolve(f, levels, hierarchy, cycle)
    limits = Limits(target_accuracy, target_loss, max_work_units, max_seconds, max_cycles)
    if batch_size is not None:
        check_batches(f, hierarchy, batch_size)
    if validation is not None:
        check_validation(f, validation)
    elif target_accuracy is not None:
        raise ValueError("target_accuracy: needs validation=(X, y)")
    check_count("validate_every", validate_every)
    check_callbacks(callbacks)
    theta = f.net.init(seed) if theta is None else copy_start(f, theta)
    if not math.isfinite(f.value(theta)):
        raise ValueError("theta: expected a start with a finite loss")

    run = _Run(f, hierarchy, validation, validate_every, theta)
    next_batch = batches(f, batch_size, np.random.default_rng(seed))
    state = cycle.init(hierarchy, theta)
    try:
        with restored(f), make_progress(progress, label, limits.total) as display:
            display.show(run.history[0])
            while (reason := limits.reached(run.history[-1])) is None:
                record = run.cycle(cycle, state, next(next_batch))
                display.show(record)
                wishes = [callback(record, run.theta) for callback in callbacks]
                if any(wishes):
                    reason = limits.reached(record) or "callback"
                    break
    except KeyboardInterrupt:
        raise TrainingInterrupted(run.result("interrupted")) from None
    return run.result(reason)


class _Run:
    """Parameters and history of a run; `theta` is always that of the last complete cycle."""

    def __init__(
        self,
        f: ResNetObjective,
        hierarchy: Hierarchy,
        validation: Validation | None,
        validate_every: int,
        theta: Array,
    ) -> None:
        self._f = f
        self._hierarchy = hierarchy
        self._validation = validation
        self._validate_every = validate_every
        self._work_at_start = hierarchy.work.total
        self._seconds = 0.0
        self.theta = theta
        self._next = theta.copy()
        self.history = History([self._record(0, 0, theta, None)])

    def cycle(self, cycle: VCycle, state: CycleState, epoch: int) -> Record:
        """Run one cycle on the batch in use and return its record."""
        number = self.history[-1].cycle + 1
        np.copyto(self._next, self.theta)
        start = time.perf_counter()
        # an overflow shows in the loss, which is judged below
        with np.errstate(over="ignore", invalid="ignore"):
            report = cycle.step(self._hierarchy, self._next, state)
        self._seconds += time.perf_counter() - start
        record = self._record(number, epoch, self._next, report)
        if not math.isfinite(record.loss):
            raise DivergenceError(
                f"the loss became {record.loss} in cycle {number} (it was "
                f"{self.history[-1].loss:.4g} before): a smaller learning rate may help",
                self.result("divergence"),
            )
        self.theta, self._next = self._next, self.theta
        self.history.append(record)
        return record

    def result(self, reason: str) -> FitResult:
        """Return what has been reached."""
        return FitResult(self.theta, self.history, self.history[-1].work_units, reason)

    def _record(self, number: int, epoch: int, theta: Array, report: CycleReport | None) -> Record:
        accuracy = None
        if self._validation is not None and number % self._validate_every == 0:
            accuracy = self._f.net.accuracy(theta, *self._validation)
        return Record(
            cycle=number,
            epoch=epoch,
            loss=self._f.value(theta),
            accuracy=accuracy,
            work_units=self._hierarchy.work.total - self._work_at_start,
            seconds=self._seconds,
            corrections=report.corrections if report is not None else (),
        )


def _resolve(
    f: ResNetObjective, levels: int | None, hierarchy: Hierarchy | None, cycle: VCycle | None
) -> tuple[Hierarchy, VCycle]:
    if hierarchy is None:
        if levels is not None:
            check_count("levels", levels)
        else:
            levels = 1 if cycle is None else len(cycle.schedule)
        hierarchy = resnet_hierarchy(f, levels)
    elif levels is not None and levels != len(hierarchy):
        raise ValueError(f"levels: the hierarchy has {len(hierarchy)}, got {levels}")
    if hierarchy.finest is not f:
        raise ValueError("hierarchy: its finest objective must be f itself")
    return hierarchy, cycle or VCycle(Schedule.paper(len(hierarchy)))

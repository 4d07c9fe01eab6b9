"""Training a network: algorithms 2 and 3 of the paper, on any hierarchy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..checks import check_integer
from ..exclusive import exclusive
from ..interrupts import held_back
from ..memory import check_memory
from ..mgopt import Hierarchy, LevelOptimizer, Method, Schedule, VCycle
from ..parallel import threads
from ..recipes.methods import Plan
from ..resnet import LayeredObjective, resnet_hierarchy
from ..resnet.network import Array
from .batches.strategies import BatchStrategy, make_strategy
from .checkpoints.checkpoint import Checkpoint, check_checkpoint
from .checkpoints.fingerprint import identify
from .checkpoints.resume import resume_run
from .checkpoints.writer import Keeper
from .history import Record
from .limits import (
    Limits,
    Validation,
    check_batches,
    check_callbacks,
    check_method,
    check_validation,
    copy_start,
)
from .loop import DivergedError, DivergenceError, FitResult, Run
from .watch.progress import Progress, make_progress

Callback = Callable[[Record, Array], Any]
"""Called with the record and the parameters after a cycle; a true result stops training."""


LEAST_ARRAYS = 5
"""Of the parameters' size, which every run has: its point, the next, start and best, a gradient."""


@runtime_checkable
class Closing(Protocol):
    """A callback that wants to know when training has ended, however it ended."""

    def close(self) -> None:
        """Write what is pending."""
        ...


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during training.

    Attributes
    ----------
    result : FitResult
        What :func:`fit` would have returned after the last complete cycle.
    folder : Path or None
        Of the checkpoint to go on from.
    """

    def __init__(self, result: FitResult, folder: Path | None = None) -> None:
        message = f"training interrupted after {result.history.cycles} complete cycles"
        if folder is not None:
            message += f"; go on by the same call with resume={str(folder)!r}"
        super().__init__(message)
        self.result = result
        self.folder = folder


def fit(
    f: LayeredObjective,
    theta: Array | None = None,
    *,
    method: str | None = None,
    levels: int | None = None,
    optimizer: LevelOptimizer | None = None,
    hierarchy: Hierarchy | None = None,
    cycle: Method | None = None,
    batch_size: int | BatchStrategy | None = None,
    validation: Validation | None = None,
    validate_every: int = 1,
    target_accuracy: float | None = None,
    target_loss: float | None = None,
    max_work_units: float | None = None,
    max_seconds: float | None = None,
    max_cycles: int = 1000,
    callbacks: Sequence[Callback] = (),
    progress: bool | Progress = False,
    label: str = "",
    seed: int = 0,
    n_threads: int | None = None,
    checkpoint: Checkpoint | None = None,
    resume: str | Path | None = None,
) -> FitResult:
    """Minimise `f` on a hierarchy until a goal or a limit is reached.

    By default the recipe of :func:`mgres.recommended` is used.  `method` names another one, and
    `levels` alone stands for the paper's V-cycle: algorithm 2 of the paper with all samples in
    every cycle, algorithm 3 with `batch_size`: the samples are shuffled, and each cycle uses one
    batch on all its levels.

    Whatever ends a run, on all samples the parameters are the best at which the loss of the finest
    network became known, unless they meet a goal, and the last record of the history is about them.
    So they are never worse than the start, nor than those of a smaller budget with the same seed.
    By the recipe that loss is asked for after about one work unit on a coarse level for the first
    time; with a smaller budget, the start comes back.

    Parameters
    ----------
    f : ResNetObjective or other LayeredObjective
        The finest objective, with all training samples.
    theta : ndarray, shape (size,), optional
        Where to start; not changed.  By default that of the recipe, smooth in t, or with `levels`,
        `hierarchy` or `cycle` ``f.net.init(seed)``.
    method : str, optional
        "recommended", "cascade", "single", "V", "W", "F", "fmg" or "paper", as the estimators and
        ``mgres train`` have them, see ``mgres.recipes.methods``.
    levels : int, optional
        Number of levels; for "recommended" and "single" they are given.  Without `method`:
        "paper".
    optimizer : LevelOptimizer, optional
        With `method`: what works on every level; by default L-BFGS, with mini-batches Adam(0.03).
    hierarchy : Hierarchy, optional
        Instead of `method` and `levels`: a hierarchy whose finest level is `f`.
    cycle : Method, optional
        A cycle, :class:`mgres.Cascade` or :class:`mgres.mgopt.FullMultigrid`.  With `levels` or
        `hierarchy`, ``VCycle(Schedule.paper(levels))`` by default.
    batch_size : int or BatchStrategy, optional
        Samples of a mini-batch, the same for all levels of a cycle, or a strategy for choosing
        them: see :class:`mgres.SameBatch`, which a number stands for, :class:`mgres.FreshCoarse`,
        :class:`mgres.Growing`, :class:`mgres.Verified` and :class:`mgres.Augmented`.  A last
        smaller batch of an epoch is used as it is.
    validation : tuple (X, y), optional
        Samples and labels for the accuracy.
    validate_every : int
        Cycles from one validation to the next.
    target_accuracy : float, optional
        Stop when the validation accuracy is at least this.
    target_loss : float, optional
        Stop when `f` on the batch in use is at most this.
    max_work_units, max_seconds : float, optional
        Stop when this much work is done, or this much time was spent in cycles; checked after every
        cycle, which may go beyond it.
    max_cycles : int
        Stop after this many cycles.
    callbacks : sequence of callables
        Called as ``callback(record, theta)`` after every cycle; a true result stops training.
        Copy `theta` to keep it: later cycles write to the same array.  Those that have a method
        ``close()``, such as :class:`mgres.TensorBoard`, are closed at the end, however it comes.
    progress : bool or Progress
        Show progress on standard error: a bar if tqdm is installed, plain lines otherwise.  Or an
        object to show it: it is entered as a context, and ``show(record)`` is called at the start
        and after every cycle.
    label : str
        What the progress display calls this run.
    seed : int
        For the initial parameters and the order of the samples.
    n_threads : int, optional
        Threads of this call; by default those of :func:`mgres.threads` around it, or else of
        :func:`mgres.set_num_threads`.  The result does not depend on it.
    checkpoint : Checkpoint, optional
        Where and how often to store the run, so that it can go on after a crash.
    resume : str or Path, optional
        The folder of a checkpoint, or one of its files: go on from there, with parameters, history,
        work units and random numbers bit for bit as if the run had not been stopped (history's
        seconds aside, and on the same instruction set).  All arguments but limits, validation,
        callbacks and display must be those of the first call; `theta` is not used.  Nothing more is
        stored without `checkpoint`.

    Returns
    -------
    FitResult

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or arguments do not fit each other; if `resume` is the
        folder of another run, or `checkpoint` is and `resume` is not that folder too.
    FormatError
        If the files in `resume` are damaged or of a newer version.
    DivergenceError
        If the loss is no longer finite; it holds the result so far.
    TrainingInterrupted
        On Ctrl-C, a KeyboardInterrupt; it holds the result so far.

    RuntimeError
        If `hierarchy`, or mini-batches of the samples of `f`, are in use by another call of fit
        that is not over, such as one in another thread.

    An exception in a callback is passed on, with the result so far in its attribute ``result``.
    """
    check_method(hierarchy, cycle)
    check_memory("fit: training", LEAST_ARRAYS * f.size * f.dtype.itemsize)
    if method is not None or (levels is None and hierarchy is None and _is_free(cycle)):
        if hierarchy is not None or (method is not None and cycle is not None):
            raise ValueError("method: expected without hierarchy and cycle, which it stands for")
        plan = Plan.named(
            "recommended" if method is None else method, optimizer, levels, batch_size is not None
        )
        hierarchy, planned = plan.build(f)
        cycle = cycle or planned
        theta = plan.start(f, hierarchy, seed) if theta is None else theta
    elif optimizer is not None:
        raise ValueError("optimizer: expected with method, such as method='V'")
    hierarchy, cycle = _resolve(f, levels, hierarchy, cycle)
    limits = Limits(target_accuracy, target_loss, max_work_units, max_seconds, max_cycles)
    strategy = make_strategy(batch_size)
    batches = strategy.begin(f, hierarchy, cycle, seed)
    if batch_size is not None:
        check_batches(f, hierarchy)
    if validation is not None:
        check_validation(f, validation)
    elif target_accuracy is not None:
        raise ValueError("target_accuracy: needs validation=(X, y)")
    check_integer("validate_every", validate_every)
    check_callbacks(callbacks)
    check_checkpoint(checkpoint, resume)
    theta = f.net.init(seed) if theta is None else copy_start(f, theta)
    on_batches = batch_size is not None
    with (
        threads(n_threads),
        np.errstate(under="ignore"),  # numbers that are too small are zero, whatever the caller has
        exclusive("hierarchy", hierarchy, "another call of fit"),
        f.samples.lent(exchanged=on_batches),
    ):
        if not math.isfinite(f.value(theta)):
            raise ValueError("theta: expected a start with a finite loss")
        run = Run(
            hierarchy,
            batches.method,
            limits,
            validation,
            validate_every,
            theta,
            on_batches=on_batches,
        )
        is_kept = checkpoint is not None or resume is not None
        settings = identify(f, hierarchy, cycle, strategy) if is_kept else {}
        keeper = Keeper(checkpoint, run, batches, settings)
        try:
            with make_progress(progress, label, limits.total) as display:
                with batches:
                    keeper.begin(
                        resume_run(Path(resume), run, batches, settings)
                        if resume is not None
                        else None
                    )
                    display.show(run.history[-1])
                    while (reason := run.reached()) is None:
                        record = run.cycle(batches.next())
                        keeper.note()
                        display.show(record)
                        theta = run.theta if callbacks else theta
                        wishes = [callback(record, theta) for callback in callbacks]
                        if any(wishes):
                            reason = run.reached() or "callback"
                            break
                    keeper.finish()
                result = run.result(reason)
                if len(result.history) > len(run.history):
                    display.show(result.history[-1])
                return result
        except KeyboardInterrupt:
            with held_back():
                keeper.finish()
                result = run.result("interrupted")
            raise TrainingInterrupted(result, keeper.folder) from None
        except DivergedError as error:
            raise DivergenceError(str(error), run.result("divergence")) from None
        except Exception as error:
            if run.history.cycles:
                with held_back():
                    keeper.finish()
                    vars(error)["result"] = run.result("error")
            raise
        finally:
            for callback in callbacks:
                if isinstance(callback, Closing):
                    callback.close()


def _is_free(cycle: Method | None) -> bool:
    """Return whether the levels are the recipe's if nobody says what they are."""
    return cycle is None or cycle.levels() is None


def _resolve(
    f: LayeredObjective, levels: int | None, hierarchy: Hierarchy | None, cycle: Method | None
) -> tuple[Hierarchy, Method]:
    if hierarchy is None:
        if levels is not None:
            check_integer("levels", levels)
        else:
            levels = 1 if cycle is None else cycle.levels() or 1
        hierarchy = resnet_hierarchy(f, levels)
    elif levels is not None and levels != len(hierarchy):
        raise ValueError(f"levels: the hierarchy has {len(hierarchy)}, got {levels}")
    if hierarchy.finest is not f:
        raise ValueError("hierarchy: its finest objective must be f itself")
    return hierarchy, cycle or VCycle(Schedule.paper(len(hierarchy)))

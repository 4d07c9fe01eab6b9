"""Running a run: training, and everything that is written on the way."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import save, write_json
from ..info import environment
from ..interrupts import held_back
from ..mgopt import Hierarchy
from ..parallel import get_num_threads, threads
from ..recipes import defaults
from ..training import (
    Checkpoint,
    DivergenceError,
    FitResult,
    History,
    Record,
    TrainingInterrupted,
    fit,
)
from ..training.checkpoints.resume import stored_history
from . import plots
from .data import Data
from .display import Display
from .folder import HistoryWriter, RunFolder
from .problem import Training, limits, prepare
from .scores import score
from .settings import Settings

GOALS = ("accuracy", "loss", "stalled", "callback")
"""Reasons to stop after which nothing is left to do."""


@dataclass(frozen=True)
class Outcome:
    """What a run has come to.

    Attributes
    ----------
    result : FitResult
        Of :func:`mgres.fit`; after Ctrl-C and divergence with the last good parameters.
    summary : dict
        As it is in ``summary.json``.
    error : DivergenceError or None
        If the loss left the finite numbers.
    plots : tuple of str or None
        Names of the plots; None without matplotlib.
    model : Path or None
        Where the model is: in the folder of the run, elsewhere if that could not be written to, or
        nowhere.
    unwritten : tuple of str
        What could not be written, and why.
    """

    result: FitResult
    summary: dict[str, Any]
    error: DivergenceError | None
    plots: tuple[str, ...] | None
    model: Path | None
    unwritten: tuple[str, ...] = ()


def run(
    settings: Settings,
    data: Data,
    folder: RunFolder,
    *,
    version: str,
    resume: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Train as `settings` say, and write the folder.

    Parameters
    ----------
    settings : Settings
        Resolved for `data`.
    data : Data
        Which they name.
    folder : RunFolder
        Where to write; what is there is replaced.
    version : str
        Of mgres, for the files.
    resume : bool
        Go on from the checkpoints in the folder; without any, start again.
    tell : callable
        Is told in a line what should be known before training begins.

    Raises
    ------
    ValueError, OSError
        If the settings make no network, or the checkpoints belong to another run.
    """
    training = prepare(settings, data)
    with folder.alone():
        seen = _history(folder) if resume else History()
        if not resume:
            folder.clear()
        folder.write_config(settings, version)
        folder.write_history(seen)
        if resume:
            n = seen[-1].cycle if len(seen) else 0
            tell(f"resuming after {n} cycles" if n else "no checkpoint yet: starting again")
        n = settings.batch_size or len(data.X)
        useful = defaults.useful_threads(training.f.net, n, most=get_num_threads())
        started = time.perf_counter()
        with threads(settings.threads or useful):
            result, error = _fit(settings, training, folder, seen)
        seconds = time.perf_counter() - started
        return _write(settings, data, training, folder, result, error, seconds, version)


def _fit(
    settings: Settings, training: Training, folder: RunFolder, seen: History
) -> tuple[FitResult, DivergenceError | None]:
    limit = limits(settings)
    writer = HistoryWriter(folder.history, seen[-1].cycle if len(seen) else None)
    try:
        result = fit(
            training.f,
            training.theta,
            hierarchy=training.hierarchy,
            cycle=training.method,
            batch_size=training.batches,
            validation=training.validation,
            validate_every=training.validate_every,
            target_accuracy=limit.accuracy,
            target_loss=limit.loss,
            max_work_units=limit.work_units,
            max_seconds=limit.seconds,
            max_cycles=limit.cycles,
            callbacks=training.callbacks(settings, seen),
            progress=Display(writer, limit, is_quiet=settings.quiet),
            seed=settings.seed,
            checkpoint=Checkpoint(
                folder.checkpoints,
                every_cycles=settings.checkpoint_cycles,
                every_minutes=settings.checkpoint_minutes,
            ),
            resume=folder.checkpoints if len(seen) else None,
        )
    except TrainingInterrupted as interrupted:
        return interrupted.result, None
    except DivergenceError as error:
        return error.result, error
    return result, None


def _history(folder: RunFolder) -> History:
    """Return the records of the newest checkpoint: what was written after it happens again."""
    return stored_history(folder.checkpoints) if folder.has_checkpoint else History()


def _write(
    settings: Settings,
    data: Data,
    training: Training,
    folder: RunFolder,
    result: FitResult,
    error: DivergenceError | None,
    seconds: float,
    version: str,
) -> Outcome:
    """Write all there is; what its place does not take goes elsewhere, or is told."""
    unwritten: list[str] = []
    with held_back():
        model = _save(settings, training, folder, result, version, unwritten)
        # nested iteration may have judged a point again, on the finest level
        with _told(unwritten):
            folder.write_history(result.history)
        summary = _summary(settings, data, training, result, seconds, version)
        with _told(unwritten):
            write_json(folder.summary, summary)
        if result.stopped in GOALS and model == folder.model:
            folder.drop_checkpoints()
    drawn: tuple[str, ...] | None = ()
    if not settings.no_plots and not unwritten:
        with _told(unwritten):
            drawn = plots.draw(folder.path, training, result, data)
    return Outcome(result, summary, error, drawn, model, tuple(unwritten))


@contextmanager
def _told(unwritten: list[str]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        unwritten.append(f"{error.filename}: not written: {error.strerror}")


def _save(
    settings: Settings,
    training: Training,
    folder: RunFolder,
    result: FitResult,
    version: str,
    unwritten: list[str],
) -> Path | None:
    """Write the model, into a folder for temporary files if its own place is full or gone."""
    scaling = training.scaling
    notes = {
        **scaling.notes(),
        "mgres": version,
        "data": settings.data,
        "seed": str(settings.seed),
    }

    def write(path: Path) -> Path:
        save(path, training.f.net, result.theta, notes=notes, extra=scaling.extra())
        return path

    with _told(unwritten):
        folder.path.mkdir(parents=True, exist_ok=True)
        return write(folder.model)
    with _told(unwritten):
        elsewhere = Path(tempfile.mkdtemp(prefix="mgres-"))
        try:
            return write(elsewhere / folder.model.name)
        except OSError:
            elsewhere.rmdir()
            raise
    return None


def _summary(
    settings: Settings,
    data: Data,
    training: Training,
    result: FitResult,
    seconds: float,
    version: str,
) -> dict[str, Any]:
    net, scaling = training.f.net, training.scaling
    scores = {"training": score(net, result.theta, scaling, data.X, data.y)}
    if len(data.X_val):
        scores["validation"] = score(net, result.theta, scaling, data.X_val, data.y_val)
    last: Record = result.history[-1]
    return {
        "stopped": _reason(result),
        "cycles": last.cycle,
        "work_units": result.work_units,
        "seconds": last.seconds,
        "seconds_of_this_process": seconds,
        "objective": last.loss,
        "scores": {name: scores_.plain() for name, scores_ in scores.items()},
        "rows": {"training": len(data.X), "validation": len(data.X_val)},
        "features": [] if data.shape else list(scaling.features),
        "shape": data.shape,
        "target": scaling.target,
        "classes": list(scaling.classes),
        "parameters": net.size,
        "layers": _layers(training.hierarchy),
        "levels": [asdict(gain) for gain in result.history.by_level()],
        "settings": settings.given(),
        "environment": environment(version),
    }


def _reason(result: FitResult) -> str:
    """Return why training ended; the only callback is that of a loss that has stalled."""
    return "stalled" if result.stopped == "callback" else result.stopped


def _layers(hierarchy: Hierarchy) -> list[int]:
    """Return the depths of the networks on the levels, finest first."""
    finest: list[Any] = [hierarchy.coarser(l).finest for l in range(len(hierarchy))]
    return [objective.net.depth for objective in finest]

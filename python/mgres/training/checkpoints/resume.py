"""Going on with a training run that was stored."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import FormatError, check_envelope, read_tensors
from ..batches.augmented import _AugmentedBatches
from ..batches.strategies import Batches, ShuffledBatches, resumable
from ..batches.verified import _VerifiedBatches
from ..history import History, Record
from ..loop import Run
from . import registry as registry
from .checkpoint import KIND, VERSION, checkpoint_files
from .storage import Decoder, has_type

DAMAGED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What decoding or restoring a damaged state raises."""


def resume_run(source: Path, run: Run, batches: Batches, settings: Mapping[str, str]) -> Path:
    """Take a run back to where the newest whole file of a folder left it; return the folder.

    Parameters
    ----------
    source : Path
        A folder of checkpoints, or one of its files.
    run, batches
        Made like those of the run that was stopped, and not used yet; changed in place, as a whole
        or not at all.
    settings : mapping of str to str
        Compared with those of the run that was stopped.

    Raises
    ------
    FormatError
        If no file can be read, or what it holds does not fit.
    TypeError
        If the batches cannot go on where others stopped.
    ValueError
        If there is no file, or the settings are others.
    """
    path, arrays, metadata = _newest(source)
    _check_settings(path, metadata, settings)
    _restore(path, arrays, metadata, run, batches)
    return path.parent


def stored_history(source: Path) -> History:
    """Return the history of the run that the newest whole file of a folder would go on with.

    Raises
    ------
    FormatError
        If no file can be read.
    ValueError
        If there is no file.
    """
    path, arrays, _ = _newest(source)
    try:
        return _decode_history(arrays)
    except DAMAGED as error:
        raise FormatError(f"{path}: its history is damaged: {error!r}") from error


def _newest(source: Path) -> tuple[Path, Mapping[str, NDArray[Any]], Mapping[str, str]]:
    """Return name, arrays and metadata of the newest whole file."""
    files = [path for _, path in checkpoint_files(source)] if source.is_dir() else [source]
    if source.is_dir() and not files:
        raise ValueError(f"resume: expected a folder with checkpoints, got {source}")
    damage: FormatError | None = None
    for path in reversed(files):
        try:
            arrays, metadata = read_tensors(path)
            check_envelope(path, metadata, KIND, VERSION)
            if int(metadata["format_version"]) < VERSION:
                raise FormatError(
                    f"{path}: written by an older mgres, whose runs this one cannot go on with: "
                    "finish the run there, or start it again"
                )
        except FormatError as error:
            damage = damage or error
            continue
        if damage is not None:
            warnings.warn(f"{damage}; going on from {path}", stacklevel=4)
        return path, arrays, metadata
    assert damage is not None
    raise damage


def _decode_history(arrays: Mapping[str, NDArray[Any]]) -> History:
    lines = arrays["history"].tobytes().split(b"\n")
    records = [Decoder({}, {}).decode(json.loads(line)) for line in lines]
    if not all(isinstance(record, Record) for record in records):
        raise ValueError("history: expected nothing but records")
    return History(records)


def _restore(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    run: Run,
    batches: Batches,
) -> None:
    samples = resumable(batches)
    before, history, order = run.export(), run.history, samples.export()
    try:
        decoder = Decoder(arrays, run.references())
        state = json.loads(metadata["state"])
        saved_batches = decoder.decode(dict(state["dict"])["batches"])
        _check_batches(batches, saved_batches)
        # first the samples: memos remember whether what they know belongs to those in use
        samples.restore(saved_batches)
        saved = decoder.decode(state)
        _check_saved(saved, before, run)
        run.restore(saved, _decode_history(arrays))
    except BaseException as error:
        run.restore(before, history)
        samples.restore(order)
        if isinstance(error, DAMAGED):
            raise FormatError(f"{path}: does not fit this run: {error!r}") from error
        raise


def _check_saved(saved: Any, fresh: Mapping[str, Any], run: Run) -> None:
    """Raise a ValueError unless `saved` may take the place of what the run has exported."""
    h = run._hierarchy
    if saved.keys() - {"batches"} != fresh.keys():
        raise ValueError(f"expected {[*fresh]}, got {[*saved]}")
    for name in ("seconds", "work_at_start"):
        if not has_type(saved[name], float):
            raise ValueError(f"{name}: expected a number, got {saved[name]!r}")
    if not has_type(saved["has_asked"], bool):
        raise ValueError(f"has_asked: expected true or false, got {saved['has_asked']!r}")
    if not all(has_type(saved["work"][name], list[int]) for name in fresh["work"]):
        raise ValueError("work: expected lists of counts")
    for name in ("start", "best"):
        registry.check_best(saved[name], h[0])
    if type(saved["state"]) is type(fresh["state"]):
        registry.check_state(saved["state"], run._method, h)


def _check_batches(batches: Batches, saved: Any) -> None:
    """Raise a ValueError unless `saved` may be restored; of batches of one's own nothing is known.

    They would be used in the next cycle only, where it is too late for a message about the file.
    """
    if isinstance(batches, _VerifiedBatches):
        _check_batches(batches._inner, saved["inner"])
        _check_random(saved["random"])
    elif isinstance(batches, _AugmentedBatches):
        _check_batches(batches._inner, saved["inner"])
        _check_random(saved["random"])
        if saved["before"] is not None:
            _check_random(saved["before"])
    elif isinstance(batches, ShuffledBatches):
        n = len(batches.X)
        _check_counter("cycles", saved["cycles"])
        if saved["indices"] is not None:
            _check_indices(saved["indices"], n)
        for name in saved.keys() & {"order", "fresh"}:
            order = saved[name]
            _check_indices(order["order"], n)
            _check_counter("epochs", order["epochs"])
            _check_counter("at", order["at"], len(order["order"]))
            _check_random(order["random"])


def _check_indices(indices: Any, n: int) -> None:
    if not (isinstance(indices, np.ndarray) and indices.dtype == np.int64 and indices.ndim == 1):
        raise ValueError(f"expected indices of samples, got {type(indices).__name__}")
    if indices.size and not 0 <= indices.min() <= indices.max() < n:
        raise ValueError(f"expected indices of {n} samples, got {indices.min()}, {indices.max()}")


def _check_random(state: Any) -> None:
    """Check a generator's numbers, which NumPy before version 2 would wrap round."""
    for name in ("has_uint32", "uinteger"):
        _check_counter(name, state[name], 2**32 - 1)
    for name, number in state["state"].items():
        if not (type(number) is int and 0 <= number < 2**128):
            raise ValueError(f"{name}: expected 128 bits, got {number!r}")


def _check_counter(name: str, count: Any, most: int | None = None) -> None:
    if not has_type(count, int) or count < 0 or (most is not None and count > most):
        raise ValueError(f"{name}: expected a count, got {count!r}")


def _check_settings(path: Path, metadata: Mapping[str, str], settings: Mapping[str, str]) -> None:
    try:
        stored = json.loads(metadata["settings"])
        differing = [name for name in settings if stored[name] != settings[name]]
    except DAMAGED as error:
        raise FormatError(f"{path}: its settings are damaged: {error!r}") from error
    if differing:
        name = differing[0]
        raise ValueError(
            f"resume: {path} belongs to another run, by its {name}: expected {stored[name]}, got "
            f"{settings[name]}"
        )

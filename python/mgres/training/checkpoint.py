"""Checkpoints: a training run in a folder, from which it goes on as if it had never stopped."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import FormatError, check_envelope, envelope, read_tensors, write_tensors
from . import registry as registry  # the classes that may be stored
from .arguments import check_count
from .batches import Batches, resumable
from .history import History, Record
from .run import Run
from .storage import Decoder, Encoder

VERSION = 1
KIND = "checkpoint"
PREFIX, SUFFIX = "checkpoint-", ".safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often :func:`mgres.fit` stores all that it needs to go on.

    A file is written at the end of the first cycle that is due by one of the two limits, at the end
    of training, and on Ctrl-C, each time in one step: whatever happens, the files in the folder are
    whole.  Training goes on with ``fit(..., resume=folder)``.

    Files have the safetensors layout.  Those of L-BFGS are up to 70 times as large as the
    parameters, those of other optimisers 9 to 20 times.  What changes is copied after every cycle:
    2 to 6 % of the time of a cycle with 2,048 layers of width 3 and 1,000 samples.

    Attributes
    ----------
    folder : str or Path
        Made if it is missing.  It holds one run.
    every_cycles : int, optional
        Cycles from one file to the next.
    every_minutes : float, optional
        Minutes from one file to the next; not less than the time that a cycle takes.
    keep : int
        How many files are kept; older ones are removed.

    Examples
    --------
    >>> import tempfile, mgres
    >>> X, y, *_ = mgres.datasets.circles(seed=1)
    >>> f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=16), X, y)
    >>> checkpoint = mgres.Checkpoint(tempfile.mkdtemp(), every_cycles=10)
    >>> result = mgres.fit(f, levels=2, max_cycles=3, checkpoint=checkpoint)
    >>> result = mgres.fit(f, levels=2, max_cycles=5, resume=checkpoint.folder)
    >>> result.history[-1].cycle
    5
    """

    folder: str | Path
    every_cycles: int | None = None
    every_minutes: float | None = 10.0
    keep: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.folder, str | Path):
            raise TypeError(f"folder: expected a path, got {type(self.folder).__name__}")
        if self.every_cycles is not None:
            check_count("every_cycles", self.every_cycles)
        minutes = self.every_minutes
        if minutes is not None and not (minutes >= 0 and math.isfinite(minutes)):
            raise ValueError(f"every_minutes: expected a number from 0 or None, got {minutes!r}")
        check_count("keep", self.keep)

    @property
    def exists(self) -> bool:
        """Whether there is something in the folder to go on with."""
        return bool(checkpoint_files(Path(self.folder)))


@dataclass(frozen=True)
class _Snapshot:
    """A run after a complete cycle, untouched by what comes later."""

    state: Any
    arrays: dict[str, NDArray[Any]]
    records: list[Record]


class Keeper:
    """Keeps the last complete cycle of a run in memory, and every so often on the disk.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        None keeps nothing.
    run, batches
        What is kept.
    settings : mapping of str to str
        What has to be the same when the run goes on.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        run: Run,
        batches: Batches,
        settings: Mapping[str, str],
    ) -> None:
        self._checkpoint = checkpoint
        self._run = run
        self._batches = batches
        self._settings = settings
        self._snapshot: _Snapshot | None = None
        self._written: int | None = None
        self._written_at = time.monotonic()
        self._lines: list[tuple[Record, bytes]] = []

    @property
    def folder(self) -> Path | None:
        """Where the run can be continued from."""
        if self._checkpoint is None or self._written is None:
            return None
        return Path(self._checkpoint.folder)

    def begin(self, resumed: Path | None) -> None:
        """Prepare the folder, for a run that goes on with what is in `resumed`.

        Raises
        ------
        ValueError
            If the folder holds another run.
        TypeError
            If the run has a part that cannot be stored.
        """
        if self._checkpoint is None:
            return
        folder = Path(self._checkpoint.folder)
        folder.mkdir(parents=True, exist_ok=True)
        is_same = resumed is not None and resumed.resolve() == folder.resolve()
        if self._checkpoint.exists and not is_same:
            raise ValueError(
                f"checkpoint: {folder} holds the checkpoints of another run: go on with it by "
                f"resume={str(folder)!r}, or take another folder"
            )
        for litter in folder.glob(f".{PREFIX}*{SUFFIX}.*"):  # of a process that was killed
            litter.unlink(missing_ok=True)
        if is_same:
            self._written = self._run.history[-1].cycle
        self._snapshot = self._take()

    def note(self) -> None:
        """Keep the cycle that is complete now; write it if that is due."""
        if self._checkpoint is None:
            return
        self._snapshot = self._take()
        cycle = self._snapshot.records[-1].cycle
        cycles, minutes = self._checkpoint.every_cycles, self._checkpoint.every_minutes
        waited = time.monotonic() - self._written_at
        is_due = cycles is not None and cycle % cycles == 0
        if is_due or (minutes is not None and waited >= 60 * minutes):
            self._try_to_write(self._snapshot)

    def finish(self) -> None:
        """Write the last complete cycle if that has not been done."""
        if self._snapshot is not None and self._written != self._snapshot.records[-1].cycle:
            self._try_to_write(self._snapshot)

    def _take(self) -> _Snapshot:
        encoder = Encoder(self._run.references())
        state = encoder.encode({**self._run.export(), "batches": resumable(self._batches).export()})
        return _Snapshot(state, encoder.arrays, [*self._run.history])

    def _try_to_write(self, snapshot: _Snapshot) -> None:
        """Write a file; a full disk must not end a training run, but not go unnoticed either."""
        try:
            self._write(snapshot)
        except OSError as error:
            self._written_at = time.monotonic()
            warnings.warn(f"checkpoint: not written: {error}", stacklevel=4)

    def _write(self, snapshot: _Snapshot) -> None:
        assert self._checkpoint is not None
        folder = Path(self._checkpoint.folder)
        cycle = snapshot.records[-1].cycle
        history = np.frombuffer(self._encode_history(snapshot.records), np.uint8)
        metadata = {
            **envelope(KIND, VERSION),
            "cycle": str(cycle),
            "settings": json.dumps(dict(self._settings)),
            "state": json.dumps(snapshot.state, allow_nan=False),
        }
        path = folder / f"{PREFIX}{cycle:08}{SUFFIX}"
        write_tensors(path, {"history": history, **snapshot.arrays}, metadata)
        self._written, self._written_at = cycle, time.monotonic()
        files = checkpoint_files(folder)
        kept = [file for number, file in files if number <= cycle][-self._checkpoint.keep :]
        for _, file in files:
            if file not in kept:
                file.unlink(missing_ok=True)

    def _encode_history(self, records: list[Record]) -> bytes:
        """Return a line of JSON for each record, each encoded once."""
        lines = self._lines
        while lines and (len(lines) > len(records) or records[len(lines) - 1] is not lines[-1][0]):
            lines.pop()  # the last record may have been replaced
        for record in records[len(lines) :]:
            line = json.dumps(Encoder({}).encode(record), allow_nan=False)
            lines.append((record, line.encode()))
        return b"\n".join(line for _, line in lines)


def resume_run(source: Path, run: Run, batches: Batches, settings: Mapping[str, str]) -> Path:
    """Take a run back to where the newest whole file of a folder left it; return the folder.

    Parameters
    ----------
    source : Path
        A folder of checkpoints, or one of its files.
    run, batches
        Made like those of the run that was stopped, and not used yet; changed in place.
    settings : mapping of str to str
        Compared with those of the run that was stopped.

    Raises
    ------
    FormatError
        If no file can be read, or what it holds does not fit.
    ValueError
        If there is no file, or the settings are others.
    """
    files = [path for _, path in checkpoint_files(source)] if source.is_dir() else [source]
    if source.is_dir() and not files:
        raise ValueError(f"resume: expected a folder with checkpoints, got {source}")
    damage: FormatError | None = None
    for path in reversed(files):
        try:
            arrays, metadata = read_tensors(path)
            check_envelope(path, metadata, KIND, VERSION)
        except FormatError as error:
            damage = damage or error
            continue
        if damage is not None:
            warnings.warn(f"{damage}; going on from {path}", stacklevel=3)
        _check_settings(path, metadata, settings)
        _restore(path, arrays, metadata, run, batches)
        return path.parent
    assert damage is not None
    raise damage


def check_checkpoint(checkpoint: Checkpoint | None, resume: str | Path | None) -> None:
    """Raise a TypeError unless both are as :func:`mgres.fit` describes them."""
    if not (checkpoint is None or isinstance(checkpoint, Checkpoint)):
        raise TypeError(f"checkpoint: expected a Checkpoint, got {type(checkpoint).__name__}")
    if not (resume is None or isinstance(resume, str | Path)):
        raise TypeError(f"resume: expected the path of a folder, got {type(resume).__name__}")


def checkpoint_files(folder: Path) -> list[tuple[int, Path]]:
    """Return the checkpoints in `folder` with their cycles, oldest first."""
    found = []
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        number = path.name[len(PREFIX) : -len(SUFFIX)]
        if number.isascii() and number.isdigit():
            found.append((int(number), path))
    return sorted(found)


def _restore(
    path: Path,
    arrays: Mapping[str, NDArray[Any]],
    metadata: Mapping[str, str],
    run: Run,
    batches: Batches,
) -> None:
    decoder = Decoder(arrays, run.references())
    try:
        state = json.loads(metadata["state"])
        saved_batches = dict(state["dict"])["batches"]
        # first the samples: memos remember whether what they know belongs to those in use
        resumable(batches).restore(decoder.decode(saved_batches))
        saved = decoder.decode(state)
        lines = arrays["history"].tobytes().split(b"\n")
        records = [Decoder({}, {}).decode(json.loads(line)) for line in lines]
        run.restore(saved, History(records))
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise FormatError(f"{path}: does not fit this run: {error!r}") from error


def _check_settings(path: Path, metadata: Mapping[str, str], settings: Mapping[str, str]) -> None:
    try:
        stored = json.loads(metadata["settings"])
        differing = [name for name in settings if stored[name] != settings[name]]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: its settings are damaged: {error!r}") from error
    if differing:
        name = differing[0]
        raise ValueError(
            f"resume: {path} belongs to a run with another {name}: expected {stored[name]}, got "
            f"{settings[name]}"
        )

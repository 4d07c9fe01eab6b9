"""Storing a training run while it goes on."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import envelope, write_tensors
from ..batches.strategies import Batches, resumable
from ..history import Record
from ..loop import Run
from . import registry as registry
from .checkpoint import KIND, PREFIX, SUFFIX, VERSION, Checkpoint, checkpoint_files
from .storage import Encoder


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
        self._is_failing = False
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
        if self._snapshot is None:
            return
        if self._run.history[-1].cycle > self._snapshot.records[-1].cycle:
            # Ctrl-C after a cycle was complete, before `note` had kept it
            self._snapshot = self._take()
        if self._written != self._snapshot.records[-1].cycle:
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
            if not self._is_failing:
                warnings.warn(f"checkpoint: not written: {error}; training goes on", stacklevel=4)
            self._is_failing = True
        else:
            self._is_failing = False

    def _write(self, snapshot: _Snapshot) -> None:
        assert self._checkpoint is not None
        folder = Path(self._checkpoint.folder)
        folder.mkdir(parents=True, exist_ok=True)  # somebody may have removed it
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

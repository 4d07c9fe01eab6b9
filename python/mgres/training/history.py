"""What happened during training, cycle by cycle."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, overload

from ..mgopt import CorrectionReport


@dataclass(frozen=True)
class Record:
    """The state of training after a cycle.

    Attributes
    ----------
    cycle : int
        Cycles done; 0 before the first.
    epoch : int
        Complete passes over the training samples.
    loss : float
        The objective, regulariser included, on the batch that the cycle used.
    accuracy : float or None
        Validation accuracy, None where it was not asked for.
    work_units : float
        Work done, without validation and progress.
    seconds : float
        Time spent in cycles, without validation and progress.
    corrections : tuple of CorrectionReport
        What the coarse correction did on each level.
    level : int
        The level that loss and accuracy belong to: 0, the finest, except in nested iteration.
    """

    cycle: int
    epoch: int
    loss: float
    accuracy: float | None
    work_units: float
    seconds: float
    corrections: tuple[CorrectionReport, ...] = ()
    level: int = 0


class History(Sequence[Record]):
    """The records of a training run, the first one from before the first cycle."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._records = list(records)

    def append(self, record: Record) -> None:
        """Add a record."""
        self._records.append(record)

    def replace_last(self, record: Record) -> None:
        """Put `record` in the place of the last one."""
        self._records[-1] = record

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        """Return the record after cycle `index`, or from the end."""
        return self._records[index]

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._records)

    def column(self, name: str) -> list[Any]:
        """Return one attribute of all records, such as "loss"."""
        return [getattr(record, name) for record in self._records]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return plain dictionaries, ready for :mod:`json`: None for what is not finite."""
        return [_plain(asdict(record)) for record in self._records]

    def save(self, path: str | Path) -> None:
        """Write one JSON object for each record, a line each."""
        lines = [json.dumps(record, allow_nan=False) + "\n" for record in self.to_dicts()]
        Path(path).write_text("".join(lines), encoding="utf-8")

    def __repr__(self) -> str:
        return f"<History of {max(len(self) - 1, 0)} cycles>"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

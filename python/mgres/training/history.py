"""What happened during training, cycle by cycle."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, overload

from ..files.atomic import replacing
from ..mgopt import CorrectionReport

COLUMNS: dict[str, type] = {
    "cycle": int,
    "epoch": int,
    "loss": float,
    "accuracy": float,
    "work_units": float,
    "seconds": float,
    "level": int,
}
"""What a CSV file holds, and the types."""


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
    """The records of a training run, the first one from before the first cycle.

    Parameters
    ----------
    records : sequence of Record
        What it begins with.
    """

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

    @classmethod
    def load(cls, path: str | Path) -> History:
        """Return what :meth:`save` has written, such as a run's ``history.jsonl``.

        Numbers that were not finite come back as NaN.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it holds something else; the line is named.
        """
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return cls([_from_json(line, number) for number, line in enumerate(lines, start=1)])

    def to_csv(self, path: str | Path) -> None:
        """Write a table with a line for each record, under a line of names.

        Numbers have all their digits; an accuracy that was not asked for is empty.  Corrections are
        left out, see :meth:`save` for them.  The file is there as a whole or not at all.

        Parameters
        ----------
        path : str or Path
            File to write or to replace.

        Raises
        ------
        OSError
            If it cannot be written.

        Examples
        --------
        >>> history = History([Record(0, 0, 0.75, None, 0.0, 0.0)])
        >>> history.to_csv("history.csv")  # doctest: +SKIP
        >>> History.from_csv("history.csv") == history  # doctest: +SKIP
        True
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for record in self._records:
            values = [getattr(record, name) for name in COLUMNS]
            writer.writerow("" if value is None else repr(value) for value in values)
        with replacing(Path(path)) as file:
            file.write(text.getvalue().encode())

    @classmethod
    def from_csv(cls, path: str | Path) -> History:
        """Return what :meth:`to_csv` has written.

        Parameters
        ----------
        path : str or Path
            The file.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no such table; line and column are named.
        """
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or rows[0] != [*COLUMNS]:
            found = ",".join(rows[0]) if rows else "an empty file"
            raise ValueError(f"path: expected the columns {','.join(COLUMNS)}, got {found}")
        return cls([_record(row, number) for number, row in enumerate(rows[1:], start=2)])

    def __eq__(self, other: object) -> bool:
        """Return whether the records are equal."""
        return self._records == other._records if isinstance(other, History) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a history changes

    def __repr__(self) -> str:
        return f"<History of {max(len(self) - 1, 0)} cycles>"


def _record(row: Sequence[str], line: int) -> Record:
    if len(row) != len(COLUMNS):
        raise ValueError(f"path: line {line}: expected {len(COLUMNS)} values, got {len(row)}")
    values: dict[str, Any] = {}
    for (name, kind), text in zip(COLUMNS.items(), row, strict=True):
        try:
            values[name] = None if text == "" and name == "accuracy" else kind(text)
        except ValueError:
            raise ValueError(
                f"path: line {line}: {name}: expected {kind.__name__}, got {text!r}"
            ) from None
    return Record(**values)


def _from_json(line: str, number: int) -> Record:
    try:
        values = json.loads(line)
        corrections = [CorrectionReport(**c) for c in values.pop("corrections")]
        loss = math.nan if values["loss"] is None else values.pop("loss")
        return Record(**{**values, "loss": loss, "corrections": tuple(corrections)})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"path: line {number}: expected a record as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

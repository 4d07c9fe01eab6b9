"""What happened during training, cycle by cycle."""

from __future__ import annotations

import csv
import io
import itertools
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
    "finest": float,
}
"""What a CSV file holds, and the types."""

OPTIONAL = ("accuracy", "finest")
"""What is empty where it was not asked for."""


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
        The objective of `level`, regulariser included, on the batch that the cycle used.
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
    finest : float or None
        The loss of the finest network with the same parameters, prolonged: `loss` itself on level
        0; on a coarse level None unless the method has asked for it.
    """

    cycle: int
    epoch: int
    loss: float
    accuracy: float | None
    work_units: float
    seconds: float
    corrections: tuple[CorrectionReport, ...] = ()
    level: int = 0
    finest: float | None = None

    def __post_init__(self) -> None:
        if self.level == 0 and self.finest is None:
            object.__setattr__(self, "finest", self.loss)


@dataclass(frozen=True)
class LevelGain:
    """What a stay on a level gave for what it cost.

    Attributes
    ----------
    level : int
        0 is the finest.
    cycles : int
        Steps or cycles on it.
    work_units, seconds : float
        Spent on it, what the finest level was asked included.
    before, after : float
        The smallest loss of the finest network known when the stay began and when it ended.
    """

    level: int
    cycles: int
    work_units: float
    seconds: float
    before: float
    after: float

    def followed_by(self, gain: LevelGain) -> LevelGain:
        """Return this stay and one that went on with it, as one."""
        return LevelGain(
            self.level,
            self.cycles + gain.cycles,
            self.work_units + gain.work_units,
            self.seconds + gain.seconds,
            self.before,
            gain.after,
        )


class History(Sequence[Record]):
    """The records of a training run.

    The first one is from before the first cycle.  The last one is about what came back: the finest
    network with the parameters of the result; it may be the second of its cycle.

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

    @property
    def cycles(self) -> int:
        """The number of cycles."""
        return self._records[-1].cycle if self._records else 0

    def by_level(self) -> list[LevelGain]:
        """Return what each stay on a level gave for what it cost, in the order of the stays.

        A stay of a single cycle counts to the next one.  On mini-batches losses are those of the
        batches, and say little.
        """
        gains: list[LevelGain] = []
        best = self._records[0].loss if self._records else math.nan
        for last, record in itertools.pairwise(self._records):
            before = best
            if record.finest is not None:
                best = min(best, record.finest)
            # the record of a cycle that ended a stay is already about the next level
            level = record.level if last.cycle == 0 else max(last.level, record.level)
            if record.cycle == last.cycle:
                if not gains:
                    continue
                level = gains[-1].level
            gain = LevelGain(
                level,
                record.cycle - last.cycle,
                record.work_units - last.work_units,
                record.seconds - last.seconds,
                before,
                best,
            )
            if gains and gains[-1].level == level:
                gains[-1] = gains[-1].followed_by(gain)
            else:
                gains.append(gain)
        return gains

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

        Numbers have all their digits; what was not asked for is empty.  Corrections are
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
            try:
                rows = list(csv.reader(file))
            except csv.Error as error:
                raise ValueError(f"path: {error}") from error
        names = [*COLUMNS]
        if not rows or rows[0] not in (names, names[:-1]):  # without `finest` until version 0.1
            found = ",".join(rows[0]) if rows else "an empty file"
            raise ValueError(f"path: expected the columns {','.join(COLUMNS)}, got {found}")
        width = len(rows[0])
        return cls([_record(row, width, number) for number, row in enumerate(rows[1:], start=2)])

    def __eq__(self, other: object) -> bool:
        """Return whether the records are equal."""
        return self._records == other._records if isinstance(other, History) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a history changes

    def __repr__(self) -> str:
        return f"<History of {self.cycles} cycles>"


def _record(row: Sequence[str], width: int, line: int) -> Record:
    if len(row) != width:
        raise ValueError(f"path: line {line}: expected {width} values, got {len(row)}")
    values: dict[str, Any] = {}
    for (name, kind), text in zip(COLUMNS.items(), row, strict=False):
        try:
            values[name] = None if text == "" and name in OPTIONAL else kind(text)
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
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"path: line {number}: expected a record as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

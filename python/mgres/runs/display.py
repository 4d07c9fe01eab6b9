"""What a person sees while a run goes on, and the history that is written meanwhile."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from ..training.history import Record
from ..training.limits import Limits
from ..training.watch.forecast import Forecast
from ..training.watch.progress import Bar, Lines, Progress, Silent
from .folder import HistoryWriter


class Display:
    """Progress for :func:`mgres.fit`: writes the history, and shows records where one watches.

    Parameters
    ----------
    writer : HistoryWriter
        Of ``history.jsonl``.
    limits : Limits
        From which the remaining time is estimated.
    is_quiet : bool
        Whether nothing shall be shown; nothing is, either, where standard error is no terminal.
    """

    def __init__(self, writer: HistoryWriter, limits: Limits, *, is_quiet: bool) -> None:
        self._writer = writer
        self._shown = _make(limits, is_quiet=is_quiet)
        self._accuracy: float | None = None

    def __enter__(self) -> Display:
        self._shown.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._shown.__exit__(*error)

    def show(self, record: Record) -> None:
        """Write a record and show it, with the last accuracy that is known."""
        self._writer.show(record)
        if record.accuracy is None:
            record = replace(record, accuracy=self._accuracy)
        self._accuracy = record.accuracy
        self._shown.show(record)


def _make(limits: Limits, *, is_quiet: bool) -> Progress:
    if is_quiet or not sys.stderr.isatty():
        return Silent()
    forecast = Forecast(limits)
    try:
        # without a total: the number of cycles is only one of the limits
        return Bar("train", None, forecast)
    except ImportError:
        return Lines("train", forecast=forecast)

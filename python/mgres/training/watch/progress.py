"""Telling a person how training goes."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol

from ..history import Record
from .forecast import Forecast


class Progress(Protocol):
    """Shows records as they come."""

    def __enter__(self) -> Progress: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, record: Record) -> None:
        """Show the state after a cycle."""
        ...


class _Base:
    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class Silent(_Base):
    """Shows nothing."""

    def show(self, record: Record) -> None:
        """Do nothing."""


class Lines(_Base):
    """One plain line on standard error now and then; the last state always."""

    def __init__(
        self, label: str, every_seconds: float = 1.0, forecast: Forecast | None = None
    ) -> None:
        self._label = label
        self._forecast = forecast
        self._every = every_seconds
        self._shown_at = -float("inf")
        self._pending: Record | None = None

    def show(self, record: Record) -> None:
        """Print a line if the last one is long enough ago."""
        self._pending = record
        if time.monotonic() - self._shown_at >= self._every:
            self._print()

    def __exit__(self, *args: Any) -> None:
        """Print the last state."""
        self._print()

    def _print(self) -> None:
        if self._pending is not None:
            prefix = f"{self._label}: " if self._label else ""
            left = _left(self._forecast, self._pending)
            print(f"{prefix}{describe(self._pending, left=left)}", file=sys.stderr, flush=True)
            self._shown_at = time.monotonic()
            self._pending = None


class Bar(_Base):
    """A tqdm bar."""

    def __init__(self, label: str, total: int | None, forecast: Forecast | None = None) -> None:
        from tqdm import tqdm

        self._forecast = forecast

        self._bar = tqdm(desc=label, total=total, unit="cycle", dynamic_ncols=True)
        self._done = 0

    def show(self, record: Record) -> None:
        """Advance the bar."""
        left = _left(self._forecast, record)
        self._bar.set_postfix_str(describe(record, with_cycle=False, left=left), refresh=False)
        self._bar.update(record.cycle - self._done)
        self._done = record.cycle

    def __exit__(self, *args: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.refresh()
        self._bar.close()


def describe(record: Record, with_cycle: bool = True, left: float | None = None) -> str:
    """Return one line about a record, with the seconds that are left if they are known."""
    parts = [f"cycle {record.cycle}"] if with_cycle else []
    of_level = f" on level {record.level}" if record.level > 0 else ""
    parts.append(f"loss {record.loss:.4g}{of_level}")
    if record.accuracy is not None:
        parts.append(f"accuracy {record.accuracy:.4f}")
    parts.append(f"{record.work_units:.1f} WU")
    parts.append(f"{record.seconds:.1f} s")
    if left is not None:
        minutes, seconds = divmod(round(left), 60)
        hours, minutes = divmod(minutes, 60)
        parts.append(f"at most {hours}:{minutes:02}:{seconds:02} left")
    return ", ".join(parts)


def _left(forecast: Forecast | None, record: Record) -> float | None:
    return None if forecast is None else forecast.left(record)


def make_progress(wanted: bool | Progress, label: str, total: int | None) -> Progress:
    """Return a bar when tqdm is installed and a person watches, plain lines otherwise."""
    if not isinstance(wanted, bool):
        return wanted
    if not wanted:
        return Silent()
    if sys.stderr.isatty():
        try:
            return Bar(label, total)
        except ImportError:
            pass
    return Lines(label)

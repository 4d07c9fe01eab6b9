"""Telling a person how training goes."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol

from .history import Record


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

    def __init__(self, label: str, every_seconds: float = 1.0) -> None:
        self._label = label
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
            print(f"{prefix}{describe(self._pending)}", file=sys.stderr, flush=True)
            self._shown_at = time.monotonic()
            self._pending = None


class Bar(_Base):
    """A tqdm bar."""

    def __init__(self, label: str, total: int | None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=label, total=total, unit="cycle", dynamic_ncols=True)
        self._done = 0

    def show(self, record: Record) -> None:
        """Advance the bar."""
        self._bar.set_postfix_str(describe(record, with_cycle=False), refresh=False)
        self._bar.update(record.cycle - self._done)
        self._done = record.cycle

    def __exit__(self, *args: Any) -> None:
        """Leave the bar as it stands."""
        self._bar.refresh()
        self._bar.close()


def describe(record: Record, with_cycle: bool = True) -> str:
    """Return one line about a record."""
    parts = [f"cycle {record.cycle}"] if with_cycle else []
    parts.append(f"loss {record.loss:.4g}")
    if record.accuracy is not None:
        parts.append(f"accuracy {record.accuracy:.4f}")
    parts.append(f"{record.work_units:.1f} WU")
    parts.append(f"{record.seconds:.1f} s")
    return ", ".join(parts)


def make_progress(wanted: bool, label: str, total: int | None) -> Progress:
    """Return a bar when tqdm is installed and a person watches, plain lines otherwise."""
    if not wanted:
        return Silent()
    if sys.stderr.isatty():
        try:
            return Bar(label, total)
        except ImportError:
            pass
    return Lines(label)

"""A limit for calls that may take minutes, such as those that compile."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def time_limit(minutes: float) -> Iterator[None]:
    """Raise TimeoutError in the block once it has taken so long; in the main thread only."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done after {minutes:g} min")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

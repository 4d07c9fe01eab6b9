"""How long training may still take."""

from __future__ import annotations

import math
from collections import deque

from ..history import Record
from ..limits import Limits

WINDOW = 30
"""Cycles from which the fall of the loss is taken."""


class Forecast:
    """Estimates the time that is left from the limits, whichever is reached first.

    Cycles and work go on at their mean pace so far.  The loss falls as it did lately: by the same
    factor in the same time.  That is a guess; and training may end before, because it stalls or has
    reached the accuracy that is wanted.

    Parameters
    ----------
    limits : Limits
        When training ends.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen: deque[Record] = deque(maxlen=WINDOW)

    def left(self, record: Record) -> float | None:
        """Return the seconds left after `record`, None if nothing is known."""
        if self._seen and self._seen[-1].level != record.level:
            self._seen.clear()  # another level, another pace
        self._seen.append(record)
        limits = self._limits
        estimates = [
            _proportional(record.seconds, record.cycle, limits.cycles),
            _proportional(record.seconds, record.work_units, limits.work_units),
            None if limits.seconds is None else limits.seconds - record.seconds,
            self._until_loss(limits.loss),
        ]
        known = [max(0.0, estimate) for estimate in estimates if estimate is not None]
        return min(known, default=None)

    def _until_loss(self, goal: float | None) -> float | None:
        first, last = self._seen[0], self._seen[-1]
        seconds = last.seconds - first.seconds
        if goal is None or not 0 < last.loss < first.loss or seconds <= 0:
            return None
        if last.loss <= goal:
            return 0.0
        if goal <= 0:
            return None
        rate = math.log(first.loss / last.loss) / seconds
        return math.log(last.loss / goal) / rate


def _proportional(seconds: float, done: float, limit: float | None) -> float | None:
    if limit is None or done <= 0:
        return None
    return seconds * (limit - done) / done

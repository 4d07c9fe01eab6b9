"""Fair turns: all that is compared in one process, one after the other, round after round."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

import mgres
from mgres import _core

# OpenMP's threads spin for a while after their work, and would do so in the next meter's turn
PAUSE_SECONDS = 0.02
BUSY = 0.9  # of the cores, less than which means that something else runs on them


@dataclass(frozen=True)
class Pace:
    """How often and how long to measure.

    A turn lasts about `turn` seconds: something fast then cannot slip between two disturbances of a
    busy machine that something slow must sit through.
    """

    repeats: int
    turn: float = 0.2

    @property
    def peak_turn(self) -> float:
        """Seconds for the peak, which is the same after a short while."""
        return min(0.05, max(0.001, self.turn))


class Meter(Protocol):
    """Something that is measured again and again."""

    def turn(self) -> None:
        """Measure once more."""


class Stopwatch:
    """Takes the seconds of one call, and how many cores were busy meanwhile, once in each turn."""

    def __init__(self, call: Callable[[], object], pace: Pace) -> None:
        self.call = call
        self.seconds: list[float] = []
        self.cores: list[float] = []
        call()
        start = time.perf_counter()
        call()
        self.calls = max(1, round(pace.turn / (time.perf_counter() - start)))

    def turn(self) -> None:
        """Call often enough to fill the turn."""
        self.call()  # wakes the threads and fills the caches
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(self.calls):
            self.call()
        seconds = time.perf_counter() - start
        self.seconds.append(seconds / self.calls)
        self.cores.append((time.process_time() - cpu) / seconds)

    @property
    def median(self) -> float:
        """The number to compare, in seconds."""
        return statistics.median(self.seconds)


class PeakMeter:
    """Takes the multiply-add rate of `threads` threads, and how many cores they were given.

    Among what it is the yardstick for, because the frequency of a processor varies.
    """

    def __init__(self, dtype: DTypeLike, threads: int, pace: Pace) -> None:
        self.dtype = np.dtype(dtype)
        self.threads = threads
        self.turn_seconds = pace.peak_turn
        self.rates: list[float] = []
        self.cores: list[float] = []

    def turn(self) -> None:
        """Multiply and add, and nothing else."""
        mgres.set_num_threads(self.threads)
        _core.multiply_add_rate(self.dtype, 0.001)  # wakes the threads
        start, cpu = time.perf_counter(), time.process_time()
        self.rates.append(_core.multiply_add_rate(self.dtype, self.turn_seconds))
        self.cores.append((time.process_time() - cpu) / (time.perf_counter() - start))

    @property
    def median(self) -> float:
        """Operations per second."""
        return statistics.median(self.rates)

    @property
    def disturbed(self) -> str:
        """A warning if the threads, which never wait, did not get their cores; else nothing."""
        cores = statistics.median(self.cores)
        expected = min(self.threads, os.cpu_count() or self.threads)
        if cores >= BUSY * expected:
            return ""
        return f"other programs run: got {cores:.2f} of {expected} cores"


def interleave(meters: Sequence[Meter], pace: Pace) -> None:
    """Give every meter its turn in each round; every other round runs backwards."""
    for i in range(pace.repeats):
        for meter in meters if i % 2 == 0 else reversed(meters):
            time.sleep(PAUSE_SECONDS)
            meter.turn()

"""Fair turns: all contestants in one process, one after the other, round after round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from .cases import Contestant

# A turn lasts about this long: a fast contestant then cannot slip between two disturbances of a
# busy machine that a slow one must sit through.
TURN_SECONDS = 0.2
# OpenMP's threads spin for a while after their work, and would do so in the next contestant's turn
PAUSE_SECONDS = 0.02


@dataclass
class Times:
    """Seconds of one call, and how many cores were busy meanwhile, once for each turn."""

    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The number to compare."""
        return statistics.median(self.seconds)


def interleave(contestants: Sequence[Contestant], repeats: int, turn: float) -> dict[str, Times]:
    """Return the times of `repeats` rounds; every other round runs backwards."""
    calls = {}
    for contestant in contestants:
        contestant.call()
        start = time.perf_counter()
        contestant.call()
        calls[contestant.key] = max(1, round(turn / (time.perf_counter() - start)))
    times = {contestant.key: Times() for contestant in contestants}
    for i in range(repeats):
        for contestant in contestants if i % 2 == 0 else reversed(contestants):
            _turn(contestant, calls[contestant.key], times[contestant.key])
    return times


def _turn(contestant: Contestant, calls: int, times: Times) -> None:
    time.sleep(PAUSE_SECONDS)
    contestant.call()  # wakes the threads and fills the caches
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        contestant.call()
    seconds = time.perf_counter() - start
    times.seconds.append(seconds / calls)
    times.cores.append((time.process_time() - cpu) / seconds)

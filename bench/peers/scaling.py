"""One thread against several, in turns in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mgres

from . import targets
from .cases import CASES, Shrink
from .contestants import Contestant, checked
from .environment import real_cores
from .findings import Finding
from .problem import Problem
from .timing import Pace, PeakMeter, Stopwatch, interleave


def measure(threads: int, pace: Pace, shrink: Shrink) -> Iterator[Finding]:
    """Yield how many times `threads` threads are as fast as one; nothing for one."""
    if threads == 1:
        return
    cores = real_cores()
    enough = cores is None or cores >= threads
    target = targets.TWO_THREADS if enough and threads == 2 else None
    lacking = "" if enough else f"; real cores in this machine: {cores}"
    counts = (1, threads)
    for name, case in CASES.items():
        contestant = checked(Problem.of(shrink(case)))
        watches = [Stopwatch(_on(count, contestant), pace) for count in counts]
        peaks = [PeakMeter(case.dtype, count, pace) for count in counts]
        interleave([*watches, *peaks], pace)
        one, several = (watch.median for watch in watches)
        detail = (
            f"{1e3 * one:.2f} and {1e3 * several:.2f} ms; "
            f"the peak itself {peaks[1].median / peaks[0].median:.2f} x{lacking}"
        )
        title = f"{name}: {threads} threads against 1"
        yield Finding(title, one / several, "x", target, detail, peaks[1].disturbed)
    mgres.set_num_threads(threads)


def _on(threads: int, contestant: Contestant) -> Callable[[], object]:
    def call() -> object:
        mgres.set_num_threads(threads)
        return contestant.call()

    return call

"""A coarse level: few layers, so that all that is not layers shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import targets
from .cases import Case, Shrink
from .contestants import checked
from .findings import Finding
from .problem import Problem
from .timing import Pace, PeakMeter, Stopwatch, interleave

FINE = Case(width=10, depth=2048, samples=1000, n_inputs=2, n_outputs=2)
DEPTH = 16


def measure(threads: int, pace: Pace, shrink: Shrink) -> Iterator[Finding]:
    """Yield the time of a level of 16 layers, and what wide inputs and more classes add to it."""
    fine = shrink(FINE)
    small = replace(fine, depth=DEPTH)
    ends = replace(small, n_inputs=784, n_outputs=10)
    watches = [Stopwatch(checked(Problem.of(case)).call, pace) for case in (fine, small, ends)]
    peak = PeakMeter(fine.dtype, threads, pace)
    interleave([peak, *watches], pace)
    fine_time, small_time, ends_time = (watch.median for watch in watches)
    fraction = small.depth / fine.depth
    yield Finding(
        f"small level, depth {small.depth}, {small.samples:,} samples",
        1e6 * small_time,
        "µs",
        targets.small_level(fine_time, fraction),
        f"{small_time / (fraction * fine_time):.2f} x its share of the {1e3 * fine_time:.2f} ms "
        f"of depth {fine.depth:,}",
        peak.disturbed,
    )
    yield Finding(
        f"784 inputs, 10 classes against 2 and 2, depth {small.depth}",
        ends_time / small_time,
        "x",
        detail=f"{1e6 * ends_time:.1f} against {1e6 * small_time:.1f} µs",
        disturbed=peak.disturbed,
    )

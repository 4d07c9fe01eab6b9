"""GFLOP/s over the width: kernels for some widths only would show as cliffs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import targets
from .cases import Case, Shrink
from .contestants import checked
from .findings import Finding
from .problem import Problem
from .timing import Pace, PeakMeter, Stopwatch, interleave

FIRST_JUDGED = 4  # narrower ones are reported only
DEPTH, SAMPLES = 128, 1000  # of all widths: a change of either could hide a cliff or make one

Point = dict[str, Any]


def sweep(widths: Iterable[int], threads: int, pace: Pace, shrink: Shrink) -> list[Point]:
    """Return the speed at each width; all take turns, so that no disturbance looks like a cliff."""
    cases = [shrink(Case(width, DEPTH, SAMPLES)) for width in widths]
    watches = [Stopwatch(checked(Problem.of(case)).call, pace) for case in cases]
    peak = PeakMeter("float32", threads, pace)
    interleave([peak, *watches], pace)
    return [
        {
            "threads": threads,
            "width": case.width,
            "depth": case.depth,
            "samples": case.samples,
            "seconds": watch.seconds,
            "median": watch.median,
            "gflops": case.flops / watch.median / 1e9,
            "peak": peak.median / 1e9,
            "share": case.flops / watch.median / peak.median,
            "disturbed": peak.disturbed,
        }
        for case, watch in zip(cases, watches, strict=True)
    ]


def beside_neighbours(gflops: Mapping[int, float]) -> dict[int, float]:
    """Return the speed at each width over the mean of the two widths beside it."""
    return {
        width: 2 * gflops[width] / (gflops[width - 1] + gflops[width + 1])
        for width in gflops
        if width >= FIRST_JUDGED and {width - 1, width + 1} <= gflops.keys()
    }


def findings(points: Sequence[Point]) -> list[Finding]:
    """Return the speed of the narrow widths, and how far the worst of the others falls."""
    gflops = {point["width"]: point["gflops"] for point in points}
    narrow = [
        Finding(f"width {width}", gflops[width], "GFLOP/s")
        for width in gflops
        if width < FIRST_JUDGED
    ]
    return narrow + _deepest_cliff(gflops, points[0]["disturbed"])


def _deepest_cliff(gflops: Mapping[int, float], disturbed: str) -> list[Finding]:
    relative = beside_neighbours(gflops)
    if not relative:
        return []
    worst = min(relative, key=relative.__getitem__)
    beside = [gflops[worst - 1], gflops[worst + 1]]
    below = sum(not targets.NEIGHBOURS.reached(value) for value in relative.values())
    detail = (
        f"width {worst}: {gflops[worst]:.1f} between {beside[0]:.1f} and {beside[1]:.1f} GFLOP/s; "
        f"{below} of {len(relative)} widths below the target"
    )
    name = f"widths {min(relative)} to {max(relative)}: worst against its neighbours"
    return [Finding(name, relative[worst], "%", targets.NEIGHBOURS, detail, disturbed)]

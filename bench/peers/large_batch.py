"""The gradient of many samples at once: memory, and speed per sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import mgres

from . import targets
from .cases import CASES, Shrink
from .contestants import Contestant, checked, compare, ours
from .findings import Finding
from .problem import Problem
from .processes import in_new_process
from .timing import Pace, PeakMeter, Stopwatch, interleave

COPIES = 60  # of the 1,000 samples of the headline case: the right answer stays the same


def measure(threads: int, pace: Pace, shrink: Shrink) -> Iterator[Finding]:
    """Yield the memory that 60,000 samples need, and their speed against that of 1,000."""
    case = shrink(CASES["headline"])
    few = Problem.of(case)
    many = _repeated(few)
    yield _memory(many, threads)
    contestants = (checked(few), _checked_against(few, many))
    watches = [Stopwatch(contestant.call, pace) for contestant in contestants]
    peak = PeakMeter(case.dtype, threads, pace)
    interleave([peak, *watches], pace)
    few_time, many_time = (watch.median for watch in watches)
    yield Finding(
        f"{len(many.X):,} samples: speed per sample against {len(few.X):,}",
        COPIES * few_time / many_time,
        "%",
        targets.LARGE_BATCH_SPEED,
        f"{1e3 * many_time:.1f} ms and {COPIES} times {1e3 * few_time:.2f} ms",
        peak.disturbed,
    )


def _repeated(problem: Problem) -> Problem:
    return replace(problem, X=np.tile(problem.X, (COPIES, 1)), y=np.tile(problem.y, COPIES))


def _checked_against(few: Problem, many: Problem) -> Contestant:
    expected, contestant = ours(few), ours(many)
    answer = contestant.unpack(contestant.call())
    compare(few, "mgres, all samples", answer, expected.unpack(expected.call()))
    return contestant


def _memory(problem: Problem, threads: int) -> Finding:
    workspace, grown = in_new_process(_bytes_of_gradient, problem, threads)
    detail = f"workspace {workspace / 1e6:.1f} MB"
    if grown is not None:
        detail += f", resident memory grew by {grown / 1e6:.1f} MB"
    return Finding(
        f"{len(problem.X):,} samples: memory",
        max(workspace, grown or 0) / 1e6,
        "MB",
        targets.LARGE_BATCH_MEMORY,
        detail,
    )


def _bytes_of_gradient(problem: Problem, threads: int) -> tuple[int, int | None]:
    """Return the bytes of the workspace and those by which resident memory grew, if known."""
    mgres.set_num_threads(threads)
    first, evaluator = problem.net.evaluator(), problem.net.evaluator()
    out = np.zeros_like(problem.theta)
    few = slice(0, len(problem.X) // COPIES)
    first.value_and_grad(problem.theta, problem.X[few], problem.y[few], out)  # starts the threads
    before = _resident_bytes()
    evaluator.value_and_grad(problem.theta, problem.X, problem.y, out)
    after = _resident_bytes()
    grown = None if before is None or after is None else after - before
    return evaluator.workspace_bytes, grown


def _resident_bytes() -> int | None:
    """Return how much of this process is in memory; Linux only."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")

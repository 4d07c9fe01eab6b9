"""The output alone, without a gradient: what prediction costs."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from mgres.resnet import reference

from . import targets
from .cases import Case, Shrink
from .contestants import TOLERANCE, WrongAnswerError
from .findings import Finding
from .problem import Problem
from .timing import Pace, PeakMeter, Stopwatch, interleave

SIZES = (
    Case(width=10, depth=2048, samples=1000),
    Case(width=32, depth=1024, samples=1000),
    Case(width=64, depth=256, samples=256),
    Case(width=128, depth=128, samples=256),
    Case(width=256, depth=64, samples=256),
)


def measure(threads: int, pace: Pace, shrink: Shrink) -> Iterator[Finding]:
    """Yield the share of the peak that the output alone reaches, for several widths."""
    for case in map(shrink, SIZES):
        problem = Problem.of(case)
        _check_logits(problem)
        watch = Stopwatch(partial(problem.net.logits, problem.theta, problem.X), pace)
        peak = PeakMeter(case.dtype, threads, pace)
        interleave([peak, watch], pace)
        rate = case.forward_flops / watch.median
        detail = (
            f"{1e3 * watch.median:.2f} ms, {rate / 1e9:.1f} of {peak.median / 1e9:.1f} GFLOP/s, "
            f"depth {case.depth:,}, {case.samples:,} samples"
        )
        name = f"forward alone, width {case.width}: share of the peak"
        yield Finding(name, rate / peak.median, "%", targets.FORWARD, detail, peak.disturbed)


def _check_logits(problem: Problem) -> None:
    answer = problem.net.logits(problem.theta, problem.X)
    expected = reference.logits(problem.net, problem.theta, problem.X)
    error = float(np.linalg.norm(answer - expected) / np.linalg.norm(expected))
    if not error <= TOLERANCE[problem.net.dtype.name]:
        raise WrongAnswerError(f"logits, width {problem.net.width}: relative error {error:.2g}")

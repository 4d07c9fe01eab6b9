"""One fine phase: the problem, the start that all methods share, and what is measured from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ...mgopt import LBFGS, Cascade, Stall, Vector
from ...mgopt.optimizers.lbfgs import Pair
from ...resnet import ResNetObjective, Tikhonov, resnet_hierarchy
from ..comparison.catalogue import PROBLEMS, at_depth
from ..comparison.problem import Problem, Target
from ..comparison.trial import Trial, TrialResult, run_trial
from .methods import Method, TwoLevel

BUDGET = 80.0
"""Work units of a fine phase."""

CASCADE = (64, 32, 16)
"""Layers of the coarse networks that lead to the start, finest first."""


@dataclass(frozen=True)
class Start:
    """Where a fine phase begins, and what L-BFGS remembers of the way there."""

    theta: Vector
    pairs: tuple[Pair, ...]
    objective: float
    work_units: float


def make_problem(depth: int, budget: float = BUDGET) -> Problem:
    """Return the flow map with its regulariser, in double precision.

    Parameters
    ----------
    depth : int
        The number of layers K.
    budget : float
        Work units for a run.

    Raises
    ------
    ValueError
        If the coarse networks do not fit the depth.
    """
    if depth <= CASCADE[0] or depth % CASCADE[0]:
        raise ValueError(f"depth: expected a multiple of {CASCADE[0]} above it, got {depth}")
    return replace(
        at_depth(PROBLEMS["flow"], depth),
        regularizer=Tikhonov(1e-3, "time"),
        dtype=np.dtype(np.float64),
        max_work_units=budget,
        max_seconds=3600.0,
    )


def make_start(problem: Problem, seed: int) -> Start:
    """Return where the cascade of coarse networks ends, prolonged to the finest level.

    Parameters
    ----------
    problem : Problem
        What :func:`make_problem` made.
    seed : int
        Of data and initial parameters.
    """
    f = make_objective(problem, seed)
    depths = (problem.depth, *CASCADE)
    factors = [fine // coarse for fine, coarse in pairwise(depths)]
    hierarchy = resnet_hierarchy(
        f, len(depths), factor=factors, optimizer=LBFGS(), metric="time", coarse_scheme="matched"
    )
    theta = _initial(problem, seed)
    cascade = Cascade(Stall(0.01, 40))
    state = cascade.init(hierarchy, theta)
    while state.level > 0:
        cascade.step(hierarchy, theta, state)
    pairs = tuple(state.inner.optimizer.pairs)  # carried up to the finest level
    return Start(theta, pairs, hierarchy.finest.value(theta), hierarchy.work.total)


def make_objective(problem: Problem, seed: int) -> ResNetObjective:
    """Return what is minimised, uncounted and unwatched."""
    X, y, _, _ = problem.data(seed)
    return ResNetObjective(
        problem.net(seed), X, y, problem.loss, problem.regularizer, fixed=problem.fixed
    )


def _initial(problem: Problem, seed: int) -> Vector:
    """Draw the coarsest network and prolong it; the heads are the problem's."""
    theta = problem.start(seed)
    net = problem.net(seed)
    drawn = net.init(seed, problem.scheme, coarse_depth=CASCADE[-1], scale=problem.scale)
    theta[net.part("blocks")] = drawn[net.part("blocks")]
    return theta


def fine_phase(trial: Trial, method: Method, start: Start, theta: Vector) -> None:
    """Work on `theta`, in place, until the trial says that it is enough."""
    hierarchy, cycle = method.prepare(trial.f)
    trial.follow(hierarchy)
    theta[:] = start.theta
    state = cycle.init(hierarchy, theta)
    for pair in start.pairs:
        LBFGS().learn(pair.s, pair.y, method.finest(state))
    for _ in trial.batches():
        report = cycle.step(hierarchy, theta, state)
        trial.require_finite(report.value)


def measure(
    problem: Problem, seed: int, method: Method, start: Start, goal: float | None
) -> tuple[TrialResult, Vector]:
    """Run a fine phase for the whole budget; return what was measured and where it ended."""
    never = Target("loss", 0.0)
    targets = (never,) if goal is None else (Target("loss", goal), never)
    trial = Trial(replace(problem, targets=targets), seed)
    theta = start.theta.copy()
    return run_trial(trial, lambda t, _: fine_phase(t, method, start, theta), None), theta


def coupling_ratio(f: ResNetObjective, theta: Vector, factor: int, method: TwoLevel) -> float:
    """Return |v| / |R g| at `theta`: how wrong the coarse gradient is before it is corrected."""
    layers = f.net.depth // factor
    hierarchy, cycle = replace(method, layers=layers, steps=1, post=0).prepare(f)
    x = theta.copy()
    (correction,) = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections
    return correction.coupling

"""Methods on several levels: the paper's, cascade, full multigrid, and what is recommended."""

from __future__ import annotations

import math

from ...mgopt import (
    LBFGS,
    Adam,
    Armijo,
    Cascade,
    CycleReport,
    FixedStep,
    FullMultigrid,
    GradientDescent,
    Hierarchy,
    LevelOptimizer,
    Method,
    Schedule,
    Smoothing,
    Stall,
    VCycle,
)
from ...resnet import ResNetObjective, resnet_hierarchy
from ...resnet.network import Array
from ...training import recommended as recipe_for
from .problem import Problem
from .single import Settings
from .trial import Trial

PAPER_LEVELS = 8


# ---- the paper's MG/OPT --------------------------------------------------------------------------


def paper_grid(problem: Problem, quick: bool) -> list[Settings]:
    """Return learning rates, in the paper's metric and in that of L^2(0, T)."""
    rates = (1.0,) if quick else (0.1, 0.3, 1.0, 3.0)
    metrics = ("time",) if quick else ("euclidean", "time")
    starts = ("smooth",) if quick else ("independent", "smooth")
    levels = min(PAPER_LEVELS, (problem.depth & -problem.depth).bit_length())
    return [
        {"levels": levels, "learning_rate": rate, "metric": metric, "start": start}
        for metric in metrics
        for rate in rates
        for start in starts
    ]


def paper(trial: Trial, settings: Settings) -> None:
    """V-cycles of table 1 with gradient descent on every level and corrections of step 1."""
    levels = settings["levels"]
    hierarchy = trial.follow(
        resnet_hierarchy(
            trial.f,
            levels,
            optimizer=GradientDescent(settings["learning_rate"]),
            metric=settings["metric"],
        )
    )
    theta = trial.problem.start(trial.seed, settings["start"])
    cycle = VCycle(Schedule.paper(levels))
    state = cycle.init(hierarchy, theta)
    for _ in trial.batches():
        report = cycle.step(hierarchy, theta, state)
        trial.require_finite(report.value)
        trial.at(theta)


# ---- nested iteration ----------------------------------------------------------------------------


def nested_grid(problem: Problem, quick: bool) -> list[Settings]:
    """Return learning rates of Adam for mini-batches; L-BFGS on all samples has none."""
    if problem.batch_size is None:
        return [{"optimizer": "lbfgs", "memory": 30}]
    rates = (0.03,) if quick else (0.01, 0.03, 0.1)
    return [{"optimizer": "adam", "learning_rate": rate} for rate in rates]


def recommended_grid(problem: Problem, quick: bool) -> list[Settings]:
    """Return the one setting, which is never tuned, as it describes itself."""
    X, y, _, _ = problem.data(0)
    f = ResNetObjective(problem.net(0), X, y, problem.loss, problem.regularizer)
    recipe = recipe_for(f, batches=problem.batch_size is not None)
    coarsest = recipe.hierarchy[len(recipe.hierarchy) - 1]
    return [
        {
            "method": type(recipe.method).__name__,
            "optimizer": str(coarsest.optimizer),
            "levels": len(recipe.hierarchy),
            "K0": coarsest.details["layers"],
        }
    ]


def _optimizer(settings: Settings) -> LevelOptimizer:
    if settings["optimizer"] == "lbfgs":
        return LBFGS(settings["memory"])
    return Adam(settings["learning_rate"])


def _stall(problem: Problem) -> Stall:
    if problem.batch_size is None:
        return Stall(0.01, 40)
    return Stall(0.01, 200, smooth=True)


def cascade(trial: Trial, settings: Settings) -> None:
    """Train a network of K0 layers to the target, prolong it once, go on without its memory."""
    factor = trial.net.depth // trial.problem.first_depth
    levels = 1 if factor == 1 else 2
    hierarchy = resnet_hierarchy(
        trial.f, levels, factor=max(factor, 2), optimizer=_optimizer(settings), metric="time"
    )
    climb(trial, trial.follow(hierarchy), Cascade(_stall(trial.problem), state="reset"))


def fmg(trial: Trial, settings: Settings) -> None:
    """Full multigrid: steps on the coarsest level, then the paper's V-cycles on each finer one.

    Armijo's rule guards corrections, but not on mini-batches, which it would over-fit.
    """
    full = trial.problem.batch_size is None

    def cycle(levels: int) -> Method:
        line_search = Armijo() if full else FixedStep()
        return Smoothing() if levels == 1 else VCycle(Schedule.paper(levels), line_search)

    stop = Stall(0.01, 10) if full else _stall(trial.problem)
    climb(trial, _all_levels(trial, settings), FullMultigrid(cycle, stop))


def recommended(trial: Trial, settings: Settings) -> None:
    """Do what `mgres.fit` does when nothing else is said."""
    recipe = recipe_for(trial.f, batches=trial.problem.batch_size is not None)
    climb(trial, trial.follow(recipe.hierarchy), recipe.method)


def _all_levels(trial: Trial, settings: Settings) -> Hierarchy:
    levels, depth = 1, trial.net.depth
    while depth % 2 == 0 and depth // 2 >= trial.problem.first_depth:
        levels, depth = levels + 1, depth // 2
    return trial.follow(
        resnet_hierarchy(trial.f, levels, optimizer=_optimizer(settings), metric="time")
    )


def climb(trial: Trial, hierarchy: Hierarchy, method: Cascade | FullMultigrid) -> None:
    """Run nested iteration as `mgres.fit` does.

    Where the targets hold on a coarse level, the point is tried on the finest one, and if they do
    not hold there, the next level begins.  Losses that decide this are evaluations like any other.
    The start is drawn on the coarsest level.
    """
    coarsest = hierarchy.coarser(len(hierarchy) - 1).finest
    assert isinstance(coarsest, ResNetObjective)
    theta = trial.problem.start(trial.seed, "smooth", coarsest.net.depth)
    state = method.init(hierarchy, theta)
    by_loss = trial.problem.batch_size is None and trial.waits_for("loss")
    steps = 0
    for _ in trial.batches():
        level = state.level
        report = method.step(hierarchy, theta, state)
        trial.require_finite(report.value)
        if level == 0:
            trial.at(theta)
            continue
        trial.below(_latest(report), state.point)
        steps = steps + 1 if state.level == level else 0
        known = _latest(report) if state.level == level else math.nan
        while state.level > 0 and holds(trial, state.point, known, steps):
            candidate = method.solution(hierarchy, theta, state)
            finest = hierarchy[0].objective.value(candidate) if by_loss else None
            trial.at(candidate, due=True)
            method.ascend(hierarchy, theta, state, finest)
            steps = 0
            if by_loss and state.level > 0:
                known = method.look(state, state.point)
                trial.below(known, state.point)
        if state.level == 0:
            trial.at(theta, due=True)


def holds(trial: Trial, point: Array, known: float, steps: int) -> bool:
    """Return whether a coarse network has reached what is waited for.

    A loss on all samples is what the method knows, NaN if it knows nothing yet; the rest is asked
    for as seldom as on the finest level, and as little counted.
    """
    due = steps % trial.problem.validate_every == 0
    for target in trial.wanted:
        if target.kind == "loss" and trial.problem.batch_size is None:
            met = target.met(known)
        elif target.kind == "loss":
            met = due and target.met(trial.loss(point))
        else:
            met = due and target.met(trial.accuracy(point))
        if not met:
            return False
    return True


def _latest(report: CycleReport) -> float:
    """Return the newest value that the method knows."""
    return report.value if report.value_after is None else report.value_after

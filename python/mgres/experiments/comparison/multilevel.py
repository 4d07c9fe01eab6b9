"""Methods on several levels: the paper's, cascade, full multigrid, and what is recommended."""

from __future__ import annotations

from collections.abc import Callable

from ...mgopt import (
    LBFGS,
    Adam,
    Armijo,
    Cascade,
    FixedStep,
    FullMultigrid,
    GradientDescent,
    Hierarchy,
    LevelOptimizer,
    MaxSteps,
    Method,
    Schedule,
    Smoothing,
    Stall,
    VCycle,
)
from ...resnet import ResNetObjective, resnet_hierarchy
from ...resnet.network import Array
from ...training import DivergenceError, Record, fit
from ...training import recommended as recipe_for
from .problem import Problem
from .single import Settings
from .trial import Enough, Trial

Made = tuple[Hierarchy, Method]
Make = Callable[[Problem, ResNetObjective, Settings], Made]

PAPER_LEVELS = 8

ON_AND_ON = MaxSteps(10**9)
"""On the finest level a run ends at its target or with its budget."""


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


def paper_made(problem: Problem, f: ResNetObjective, settings: Settings) -> Made:
    """Return V-cycles of table 1: gradient descent on every level, corrections of step 1."""
    optimizer = GradientDescent(settings["learning_rate"])
    hierarchy = resnet_hierarchy(
        f, settings["levels"], optimizer=optimizer, metric=settings["metric"]
    )
    return hierarchy, VCycle(Schedule.paper(settings["levels"]))


def paper(trial: Trial, settings: Settings) -> None:
    """Run the paper's V-cycles."""
    hierarchy, cycle = paper_made(trial.problem, trial.f, settings)
    trial.follow(hierarchy)
    theta = trial.problem.start(trial.seed, settings["start"])
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
    last = len(recipe.hierarchy) - 1
    coarsest = recipe.hierarchy.coarser(last).finest
    assert isinstance(coarsest, ResNetObjective)
    return [
        {
            "method": type(recipe.method).__name__,
            "optimizer": str(recipe.hierarchy[last].optimizer),
            "levels": len(recipe.hierarchy),
            "K0": coarsest.net.depth,
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


def cascade_made(problem: Problem, f: ResNetObjective, settings: Settings) -> Made:
    """Return a network of K0 layers and the finest, trained one after the other without memory."""
    factor = f.net.depth // problem.first_depth
    levels = 1 if factor == 1 else 2
    hierarchy = resnet_hierarchy(
        f, levels, factor=max(factor, 2), optimizer=_optimizer(settings), metric="time"
    )
    return hierarchy, Cascade(_stall(problem), state="reset", finish=ON_AND_ON)


def fmg_made(problem: Problem, f: ResNetObjective, settings: Settings) -> Made:
    """Return full multigrid: steps on the coarsest level, the paper's V-cycles on finer ones.

    Armijo's rule guards corrections, but not on mini-batches, which it would over-fit.
    """
    full = problem.batch_size is None

    def cycle(levels: int) -> Method:
        line_search = Armijo() if full else FixedStep()
        return Smoothing() if levels == 1 else VCycle(Schedule.paper(levels), line_search)

    levels, depth = 1, f.net.depth
    while depth % 2 == 0 and depth // 2 >= problem.first_depth:
        levels, depth = levels + 1, depth // 2
    hierarchy = resnet_hierarchy(f, levels, optimizer=_optimizer(settings), metric="time")
    stop = Stall(0.01, 10) if full else _stall(problem)
    return hierarchy, FullMultigrid(cycle, stop, finish=ON_AND_ON)


def recommended_made(problem: Problem, f: ResNetObjective, settings: Settings) -> Made:
    """Return what `mgres.fit` takes when nothing else is said; that may end before the target."""
    recipe = recipe_for(f, batches=problem.batch_size is not None)
    return recipe.hierarchy, recipe.method


def _fit(trial: Trial, hierarchy: Hierarchy, method: Method) -> None:
    """Train by `mgres.fit` towards the target; the start is drawn on the coarsest level.

    Raises
    ------
    Enough
        If the target is reached, the budget is spent, or the loss is no longer finite.
    ValueError
        If more than one target is waited for: what is done on coarse levels depends on it.
    """
    (target,) = trial.wanted
    problem = trial.problem
    _, _, X_val, y_val = trial.data
    by_accuracy = target.kind == "accuracy"
    by_loss = target.kind == "loss" and problem.batch_size is None
    coarsest = hierarchy.coarser(len(hierarchy) - 1).finest
    assert isinstance(coarsest, ResNetObjective)
    theta = problem.start(trial.seed, "smooth", coarsest.net.depth)

    def watch(record: Record, theta: Array) -> None:
        trial.set_clock(record.seconds)
        if record.level == 0:
            trial.at(theta, due=record.cycle % problem.validate_every == 0)
        else:
            trial.below(record.loss, theta)

    trial.set_clock(0.0)
    try:
        result = fit(
            trial.f,
            theta,
            hierarchy=hierarchy,
            cycle=method,
            batch_size=problem.batch_size,
            validation=(X_val, y_val) if by_accuracy else None,
            validate_every=problem.validate_every,
            target_accuracy=target.value if by_accuracy else None,
            target_loss=target.value if by_loss else None,
            max_cycles=10**9,
            callbacks=[watch],
            seed=trial.seed,
        )
    except DivergenceError:
        raise Enough("diverged") from None
    trial.set_clock(result.history[-1].seconds)
    if result.stopped == "accuracy":
        trial.at(result.theta, due=True)
    elif result.stopped == "loss":
        # fit saw it for nothing, where it came up to the finest level: here a value is paid for
        hierarchy[0].objective.value(result.theta)


def _nested(make: Make) -> Callable[[Trial, Settings], None]:
    """Return how a trial of nested iteration is run."""

    def run(trial: Trial, settings: Settings) -> None:
        hierarchy, method = make(trial.problem, trial.f, settings)
        _fit(trial, trial.follow(hierarchy), method)

    return run


cascade = _nested(cascade_made)
fmg = _nested(fmg_made)
recommended = _nested(recommended_made)

"""Methods on several levels: the paper's, cascade, full multigrid, and what is recommended."""

from __future__ import annotations

from ...mgopt import (
    LBFGS,
    Adam,
    Armijo,
    Cascade,
    CycleReport,
    FullMultigrid,
    GradientDescent,
    Hierarchy,
    LevelOptimizer,
    NestedState,
    Schedule,
    Stall,
    VCycle,
)
from ...resnet import resnet_hierarchy
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
    """Return the one setting that is never tuned."""
    if problem.batch_size is None:
        return [{"optimizer": "lbfgs", "memory": 30, "K0": problem.first_depth}]
    return [{"optimizer": "adam", "learning_rate": 0.03, "K0": problem.first_depth}]


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
    """Full multigrid: on each level V-cycles with one step a level, guarded by Armijo's rule."""
    cycles = Stall(0.01, 5) if trial.problem.batch_size is None else _stall(trial.problem)

    def cycle(levels: int) -> VCycle:
        return VCycle(Schedule.paper(levels), Armijo())

    climb(trial, _all_levels(trial, settings), FullMultigrid(cycle, cycles))


def recommended(trial: Trial, settings: Settings) -> None:
    """Nested iteration from K0 layers, level by level, that carries the optimiser's memory up."""
    climb(trial, _all_levels(trial, settings), Cascade(_stall(trial.problem)))


def _all_levels(trial: Trial, settings: Settings) -> Hierarchy:
    levels, depth = 1, trial.net.depth
    while depth % 2 == 0 and depth // 2 >= trial.problem.first_depth:
        levels, depth = levels + 1, depth // 2
    return trial.follow(
        resnet_hierarchy(trial.f, levels, optimizer=_optimizer(settings), metric="time")
    )


def climb(trial: Trial, hierarchy: Hierarchy, method: Cascade | FullMultigrid) -> None:
    """Run nested iteration; a level is left early where the target holds on it already."""
    theta = trial.problem.start(trial.seed, "smooth")
    state = method.init(hierarchy, theta)
    steps = 0
    for _ in trial.batches():
        level = state.level
        report = method.step(hierarchy, theta, state)
        steps = steps + 1 if state.level == level else 0
        trial.require_finite(report.value)
        if level == 0:
            trial.at(theta)
            continue
        trial.below(_latest(report))
        if state.level == level and holds(trial, state, report, steps):
            method.ascend(hierarchy, theta, state)
        while 0 < state.level < level and holds(trial, state, None, 0):
            method.ascend(hierarchy, theta, state)
        if state.level == 0:
            trial.at(theta)


def holds(trial: Trial, state: NestedState, report: CycleReport | None, steps: int) -> bool:
    """Return whether the coarse network has reached what is waited for.

    A loss on all samples is what the optimiser knows, and not before it has evaluated it on the
    level; the rest is asked for as seldom as on the finest level, and as little counted.
    """
    due = steps % trial.problem.validate_every == 0
    for target in trial.wanted:
        if target.kind == "loss" and trial.problem.batch_size is None:
            met = report is not None and target.met(_latest(report))
        elif target.kind == "loss":
            met = due and target.met(trial.loss(state.point))
        else:
            met = due and target.met(trial.accuracy(state.point))
        if not met:
            return False
    return True


def _latest(report: CycleReport) -> float:
    """Return the newest value that the method knows."""
    return report.value if report.value_after is None else report.value_after

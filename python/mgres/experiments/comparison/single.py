"""Single-level training: every optimiser, its learning rates, and blocks that do not learn."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ...mgopt import (
    LBFGS,
    Adam,
    AdamW,
    GradientDescent,
    Hierarchy,
    LevelOptimizer,
    Method,
    Momentum,
    Nesterov,
    RMSprop,
    Smoothing,
)
from ...resnet import ResNetObjective, resnet_hierarchy
from .problem import STARTS, Problem
from .trial import Trial

Settings = dict[str, Any]


OPTIMIZERS: dict[str, Callable[..., LevelOptimizer]] = {
    "lbfgs": LBFGS,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "nesterov": Nesterov,
    "momentum": Momentum,
    "gd": GradientDescent,
}

RATES = {
    "gd": (0.1, 0.3, 1.0, 3.0, 10.0),
    "momentum": (0.03, 0.1, 0.3, 1.0),
    "nesterov": (0.03, 0.1, 0.3, 1.0),
    "rmsprop": (0.003, 0.01, 0.03, 0.1),
    "adam": (0.01, 0.03, 0.1, 0.3),
    "adamw": (0.01, 0.03, 0.1, 0.3),
}
QUICK_RATES = {
    "gd": (1.0,),
    "momentum": (0.3,),
    "nesterov": (0.3,),
    "rmsprop": (0.03,),
    "adam": (0.03, 0.3),
    "adamw": (0.03, 0.3),
}
SCALE_FREE = ("rmsprop", "adam", "adamw", "lbfgs")
"""What a scaling of all gradients of the layers does not change, or what needs the right metric."""


def grid(problem: Problem, optimizer: str, quick: bool) -> list[Settings]:
    """Return the settings from which the best is taken.

    Both starts; learning rates, or the memory of L-BFGS; and where both Q and the layers learn,
    whether the layers' steps are in the Euclidean metric or in that of L^2(0, T).  If only the
    layers learn the two differ by a factor of the learning rate.
    """
    if optimizer == "lbfgs":
        own: list[Settings] = [{"memory": memory} for memory in ((30,) if quick else (10, 30))]
    else:
        rates = (QUICK_RATES if quick else RATES)[optimizer]
        own = [{"learning_rate": rate} for rate in rates]
    all_learn = not {"opening", "closing"} <= set(problem.fixed)
    both = all_learn and optimizer not in SCALE_FREE
    metrics = ("time", "euclidean") if both else ("time",)
    return [
        {**settings, "metric": metric, "start": start}
        for settings, metric, start in itertools.product(own, metrics, starts(problem, quick))
    ]


def starts(problem: Problem, quick: bool) -> tuple[str, ...]:
    """Return the kinds of initial parameters that are tried."""
    return ("smooth",) if quick else STARTS


def make(f: ResNetObjective, optimizer: str, settings: Settings) -> tuple[Hierarchy, Method]:
    """Return the finest level alone, and steps of an optimiser there."""
    own = {k: v for k, v in settings.items() if k in ("learning_rate", "memory")}
    made = OPTIMIZERS[optimizer](**own)
    return resnet_hierarchy(f, 1, optimizer=made, metric=settings["metric"]), Smoothing()


def train(trial: Trial, optimizer: str, settings: Settings) -> None:
    """Minimise on the finest level alone."""
    hierarchy, method = make(trial.f, optimizer, settings)
    trial.follow(hierarchy)
    theta = trial.problem.start(trial.seed, settings["start"])
    state = method.init(hierarchy, theta)
    for _ in trial.batches():
        report = method.step(hierarchy, theta, state)
        trial.require_finite(report.value)
        trial.at(theta)


def frozen_grid(problem: Problem, quick: bool) -> list[Settings]:
    """Return settings for Q and the classifier alone; none if neither can learn."""
    if {"opening", "closing"} <= set(problem.fixed):
        return []
    made = []
    for optimizer in ("adam", "lbfgs") if quick else ("gd", "adam", "lbfgs"):
        for settings in grid(problem, optimizer, quick):
            if settings["metric"] == "time":  # without blocks both metrics are the same
                made.append({"optimizer": optimizer, **settings})
    return made


def train_frozen(trial: Trial, settings: Settings) -> None:
    """Train Q and the classifier, the blocks staying as they are."""
    trial.objective(fixed=("blocks",))
    train(trial, settings["optimizer"], settings)

"""Optimisers by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..mgopt import (
    LBFGS,
    LSR1,
    Adam,
    AdamW,
    GradientDescent,
    LevelOptimizer,
    Momentum,
    Nesterov,
    RMSprop,
)
from ..recipes.defaults import LEARNING_RATE

Make = Callable[[float], LevelOptimizer]


@dataclass(frozen=True)
class Named:
    """How an optimiser is made.

    Attributes
    ----------
    make : callable
        From a learning rate, which is not used where there is none.
    learning_rate : float or None
        The default; None if it has none.
    batches : bool
        Whether it is for mini-batches too.
    """

    make: Make
    learning_rate: float | None
    batches: bool = True


OPTIMIZERS = {
    "lbfgs": Named(lambda rate: LBFGS(), None, batches=False),
    "lsr1": Named(lambda rate: LSR1(), None, batches=False),
    "adam": Named(Adam, LEARNING_RATE),
    "adamw": Named(AdamW, LEARNING_RATE),
    "rmsprop": Named(RMSprop, 0.01),
    "gd": Named(GradientDescent, 0.1),
    "momentum": Named(Momentum, 0.1),
    "nesterov": Named(Nesterov, 0.1),
}


def choose(
    name: str | None, learning_rate: float | None, *, batches: bool
) -> tuple[str, float | None]:
    """Return name and learning rate, with defaults for what is None.

    Raises
    ------
    ValueError
        If they do not fit each other.
    """
    name = name or ("adam" if batches or learning_rate is not None else "lbfgs")
    chosen = OPTIMIZERS[name]
    if batches and not chosen.batches:
        with_batches = ", ".join(n for n, optimizer in OPTIMIZERS.items() if optimizer.batches)
        raise ValueError(
            f"--optimizer {name}: needs all samples; leave out --batch-size, or take {with_batches}"
        )
    if chosen.learning_rate is None and learning_rate is not None:
        raise ValueError(f"--learning-rate: {name} has none; leave it out")
    return name, chosen.learning_rate if learning_rate is None else learning_rate


def make_optimizer(name: str, learning_rate: float | None) -> LevelOptimizer:
    """Return the optimiser of a name."""
    return OPTIMIZERS[name].make(learning_rate or 0.0)

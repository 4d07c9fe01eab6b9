"""What `fit` accepts, checked before it starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_integer, number_of
from ..mgopt import Hierarchy
from ..resnet import LayeredObjective
from ..resnet.network import Array
from .history import Record

METHOD = ("init", "step", "levels", "level", "point", "solution", "climb", "ended")
"""What :func:`mgres.fit` asks of a :class:`mgres.mgopt.Method`."""

Validation = tuple[Array, NDArray[np.integer[Any]]]


@dataclass(frozen=True)
class Limits:
    """When to stop; checked after every cycle, in this order."""

    accuracy: float | None
    loss: float | None
    work_units: float | None
    seconds: float | None
    cycles: int

    def __post_init__(self) -> None:
        numbers = {
            "target_accuracy": self.accuracy,
            "target_loss": self.loss,
            "max_work_units": self.work_units,
            "max_seconds": self.seconds,
        }
        for name, value in numbers.items():
            if value is not None and math.isnan(number_of(value)):
                raise ValueError(f"{name}: expected a number or None, got {value!r}")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise ValueError(f"target_accuracy: expected a share from 0 to 1, got {self.accuracy}")
        object.__setattr__(self, "cycles", check_integer("max_cycles", self.cycles, least=0))

    def goal(self, record: Record) -> bool:
        """Return whether `record` meets the accuracy or the loss that is wanted, on its level."""
        return _at_least(record.accuracy, self.accuracy) or _at_most(record.loss, self.loss)

    def reached(self, record: Record) -> str | None:
        """Return the first limit that `record` meets, by name; goals on the finest level only."""
        finest = record.level == 0
        reached = {
            "accuracy": finest and _at_least(record.accuracy, self.accuracy),
            "loss": finest and _at_most(record.loss, self.loss),
            "work_units": _at_least(record.work_units, self.work_units),
            "seconds": _at_least(record.seconds, self.seconds),
            "cycles": record.cycle >= self.cycles,
        }
        return next((name for name, yes in reached.items() if yes), None)

    @property
    def total(self) -> int | None:
        """The number of cycles, if nothing else can end training before."""
        others = (self.accuracy, self.loss, self.work_units, self.seconds)
        return self.cycles if all(limit is None for limit in others) else None


def _at_least(value: float | None, bound: float | None) -> bool:
    return value is not None and bound is not None and value >= bound


def _at_most(value: float, bound: float | None) -> bool:
    return bound is not None and value <= bound


def check_method(hierarchy: Any, cycle: Any) -> None:
    """Raise a TypeError unless the two, where they are given, are what their names say."""
    if hierarchy is not None and not isinstance(hierarchy, Hierarchy):
        raise TypeError(f"hierarchy: expected a Hierarchy, got {hierarchy!r}")
    if cycle is not None and not all(hasattr(cycle, name) for name in METHOD):
        raise TypeError(
            "cycle: expected an object such as mgres.VCycle(schedule) or mgres.Cascade(), got "
            f"{cycle!r}"
        )


def check_batches(f: LayeredObjective, hierarchy: Hierarchy) -> None:
    """Raise a ValueError unless every level can be given batches."""
    for i, level in enumerate(hierarchy):
        own = getattr(getattr(level.objective, "objective", None), "samples", f.samples)
        if own is not f.samples:
            raise ValueError(
                f"hierarchy: level {i} has samples of its own, which batches would not replace; "
                "make coarse objectives by f.coarsen(factor)"
            )


def check_validation(f: LayeredObjective, validation: Validation) -> None:
    """Raise an error unless `validation` holds samples and labels for the network of `f`."""
    if not isinstance(validation, Sequence) or len(validation) != 2:
        raise TypeError(f"validation: expected a tuple (X, y), got {type(validation).__name__}")
    f.check_validation(*validation)


def check_callbacks(callbacks: Sequence[Any]) -> None:
    """Raise a TypeError unless `callbacks` is a sequence of callables."""
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TypeError(f"callbacks: expected a sequence of callables, got {callbacks!r}")


def copy_start(f: LayeredObjective, theta: Array) -> Array:
    """Return a copy of the parameters to start from, or raise an error if they do not fit `f`."""
    if not isinstance(theta, np.ndarray):
        raise TypeError(f"theta: expected a numpy array, got {type(theta).__name__}")
    if theta.shape != (f.size,):
        raise ValueError(f"theta: expected shape ({f.size},), got {theta.shape}")
    if theta.dtype != f.dtype:
        raise TypeError(f"theta: expected dtype {f.dtype}, got {theta.dtype}")
    return theta.copy()

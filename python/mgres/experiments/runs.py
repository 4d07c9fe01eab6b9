"""One training run, described by plain values so that it can be stored and found again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from ..mgopt import Adam, GradientDescent, LevelOptimizer, Schedule, VCycle
from ..resnet import DepthTransfer, ResNet, ResNetObjective, Tikhonov, resnet_hierarchy
from ..runs.setups import SETUPS, Data
from ..training import DivergenceError, FitResult, fit

CASCADE_DEPTH = 16


@dataclass(frozen=True)
class RunSpec:
    """What is run.

    Attributes
    ----------
    problem : str
        A key of :data:`SETUPS`.
    depth : int
        Layers of the finest network.
    schedule : str
        In the paper's notation; one level is the single-level method.
    optimizer : str
        "gd" or "adam", on every level.
    learning_rate, beta : float
        Of the optimiser and the regulariser.
    seed : int
        For data, initial parameters and batches.
    frozen : bool
        Do not train the blocks.
    cascade : bool
        First train a network of 16 layers to the target, then prolong it.
    target : float or None
        Validation accuracy at which the run ends; None for the problem's.
    validate_every : int
        Cycles from one validation to the next; a cascade is validated after every cycle.
    """

    problem: str
    depth: int
    schedule: str
    learning_rate: float
    beta: float
    seed: int
    optimizer: str = "gd"
    frozen: bool = False
    cascade: bool = False
    target: float | None = None
    validate_every: int = 1

    @property
    def levels(self) -> int:
        """The number of levels."""
        return len(Schedule.parse(self.schedule))

    @property
    def work_units_per_cycle(self) -> float:
        """U_c by formula (10)."""
        return Schedule.parse(self.schedule).work_units()


@dataclass(frozen=True)
class RunResult:
    """What came of it; the counts are None if the target was missed.

    Attributes
    ----------
    v_cycles, work_units, seconds : int or float or None
        Until the target was reached: cycles on the finest network, work, time without validation.
    loss, accuracy : list of float
        After 0, 1, 2, ... cycles.
    stopped : str
        Why the run ended: "accuracy" is success.
    rejected : int
        Corrections that were not taken.
    """

    v_cycles: int | None
    work_units: float | None
    seconds: float | None
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    stopped: str = ""
    rejected: int = 0


def run(spec: RunSpec, progress: bool = False, label: str = "") -> RunResult:
    """Train as `spec` says, until the target of the problem is reached or its budget is spent."""
    setup = SETUPS[spec.problem]
    data = load(spec.problem, spec.seed)
    classes = 1 + max(int(data[1].max()), int(data[3].max()))
    net = ResNet(data[0].shape[1], setup.width, classes, spec.depth)
    work, seconds, theta = 0.0, 0.0, None
    if spec.cascade:
        coarse_net = net.with_depth(CASCADE_DEPTH)
        coarse = _fit(spec, coarse_net, data, None, setup.max_work_units, False, "")
        theta = np.empty(net.size, net.dtype)
        DepthTransfer(net, coarse_net).prolong(coarse.theta, theta)
        work = coarse.work_units * CASCADE_DEPTH / spec.depth
        seconds = coarse.history[-1].seconds
    result = _fit(spec, net, data, theta, setup.max_work_units - work, progress, label)
    history = result.history
    reached = result.stopped == "accuracy"
    return RunResult(
        v_cycles=history[-1].cycle if reached else None,
        work_units=work + result.work_units if reached else None,
        seconds=seconds + history[-1].seconds if reached else None,
        loss=history.column("loss"),
        accuracy=history.column("accuracy"),
        stopped=result.stopped,
        rejected=sum(not c.accepted for record in history for c in record.corrections),
    )


def _fit(
    spec: RunSpec,
    net: ResNet,
    data: Data,
    theta: Any,
    budget: float,
    progress: bool,
    label: str,
) -> FitResult:
    setup = SETUPS[spec.problem]
    X, y, X_val, y_val = data
    f = ResNetObjective(
        net,
        X,
        y if setup.loss == "cross_entropy" else np.eye(net.n_outputs, dtype=net.dtype)[y],
        setup.loss,
        regularizer=Tikhonov(spec.beta),
        fixed=("blocks",) if spec.frozen else (),
    )
    schedule = Schedule.parse(spec.schedule)
    hierarchy = resnet_hierarchy(f, len(schedule), optimizer=_optimizer(spec))
    if theta is None:
        theta = net.init(spec.seed, setup.scheme)
    try:
        return fit(
            f,
            theta,
            hierarchy=hierarchy,
            cycle=VCycle(schedule),
            batch_size=setup.batch_size,
            validation=(X_val, y_val),
            validate_every=1 if spec.cascade else spec.validate_every,
            target_accuracy=setup.target if spec.target is None else spec.target,
            max_work_units=budget,
            max_cycles=10**9,
            progress=progress,
            label=label,
            seed=spec.seed,
        )
    except DivergenceError as error:
        return error.result


def _optimizer(spec: RunSpec) -> LevelOptimizer:
    if spec.optimizer == "adam":
        return Adam(spec.learning_rate)
    return GradientDescent(spec.learning_rate)


@lru_cache(maxsize=4)
def _load(problem: str, seed: int) -> Data:
    return SETUPS[problem].load(seed)


def load(problem: str, seed: int) -> Data:
    """Return the data of a problem; MNIST is the same for every seed."""
    return _load(problem, 0 if problem == "mnist" else seed)


def median(values: Sequence[float | None]) -> float | None:
    """Return the median, a miss (None) being larger than any number; None if that is a miss."""
    numbers = sorted(math.inf if v is None else v for v in values)
    middle = (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) / 2
    return middle if math.isfinite(middle) else None

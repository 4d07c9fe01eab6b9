"""Level optimisers: the contract that cycles rely on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from ..floats import quiet
from ..mgopt import Diagonal, Euclidean, LevelOptimizer, Metric, Vector
from .carrying import carry_failures, memo_failures
from .quadratic import Quadratic
from .report import Report, number, table

SIZE = 24
"""The dimension of the quadratics."""


@dataclass(frozen=True)
class Trial:
    """One quadratic with largest eigenvalue 1 in its metric, and where the optimiser starts."""

    name: str
    objective: Quadratic
    metric: Metric
    start: Vector


@dataclass(frozen=True)
class TrialResult:
    """What the optimiser did on one quadratic.

    Attributes
    ----------
    name : str
        The quadratic.
    reduction : float
        f at the end over f at the start; the minimum is 0.
    steps : int or None
        Steps until f had fallen below the tolerance; None if the budget did not suffice.
    """

    name: str
    reduction: float
    steps: int | None


@dataclass(frozen=True, kw_only=True)
class OptimizerReport(Report):
    """What :func:`check_optimizer` found.

    Attributes
    ----------
    optimizer : str
        What was checked.
    trials : tuple of TrialResult
        One for each quadratic.
    metric_deviation : float
        The distance between steps in the metric diag(w) and steps in the coordinates sqrt(w) x,
        relative to the way gone.  0 up to rounding for methods that are linear in the gradient;
        others, such as Adam, need not agree.
    drift : float
        How far three steps move a stationary point.
    cost : float
        Work units of a step, on average over the first eight, when the objective is wrapped in a
        :class:`Memo`: 1 for a gradient, 1/3 for a value.
    """

    optimizer: str
    trials: tuple[TrialResult, ...]
    metric_deviation: float
    drift: float
    cost: float

    def __str__(self) -> str:
        rows = [
            [t.name, number(t.reduction), "-" if t.steps is None else str(t.steps)]
            for t in self.trials
        ]
        body = table(["quadratic", "f / f at the start", "steps to tolerance"], rows)
        body.append(f"metric against scaled coordinates: {self.metric_deviation:.1e}")
        body.append(f"drift from a stationary point: {self.drift:.1e}")
        body.append(f"work units per step: {self.cost:.3g}")
        return self.render(f"check_optimizer {self.optimizer}", body)


@quiet("over", "invalid")  # a divergence is a finding, not an accident
def check_optimizer(
    optimizer: LevelOptimizer,
    *,
    dtype: DTypeLike = np.float64,
    seed: int = 0,
    budget: int = 200,
    tolerance: float = 1e-3,
    coarse: LevelOptimizer | None = None,
) -> OptimizerReport:
    """Run an optimiser on small quadratics and check the contract of :class:`LevelOptimizer`.

    Fails if f does not decrease or is not finite, `step` does not return f(x) from before the step
    or does not change `x` in place, two states influence each other, a repetition gives other
    bits, a stationary start leads to nan, an objective that remembers its last gradient
    (:class:`mgres.mgopt.Memo`) makes a difference, or one of these rules for states is broken:
    `carry_down` and the steps of the coarse level leave the fine level's state as it is, `carry_up`
    leaves the coarse level's, and steps after either are finite.  Whether f falls to `tolerance` of
    its start within `budget` steps, what the metric does, the drift from a stationary point and the
    cost of a step are reported.

    Parameters
    ----------
    optimizer : LevelOptimizer
        What is checked.
    dtype : dtype
        The floating-point type of the quadratics.
    seed : int
        Determines the quadratics.
    budget : int
        The number of steps on each.
    tolerance : float
        The reduction of f that counts as reached.
    coarse : LevelOptimizer, optional
        The optimiser of a level of half the size, SIZE / 2 = 12, for those that fit one level only;
        by default `optimizer` itself.

    Returns
    -------
    OptimizerReport
        ``print(report)`` shows a table.

    Raises
    ------
    ValueError
        If `budget` is not positive.

    Examples
    --------
    >>> from mgres.mgopt import GradientDescent
    >>> check_optimizer(GradientDescent(0.5)).ok
    True
    """
    if budget < 1:
        raise ValueError(f"budget: expected at least 1, got {budget}")
    trials = _trials(np.random.default_rng(seed), dtype)
    failures: list[str] = []
    results = []
    for trial in trials:
        result = _minimise(optimizer, trial, budget, tolerance)
        results.append(result)
        if not result.reduction < 1:
            failures.append(f"{trial.name}: f did not decrease (factor {result.reduction:.3g})")
    failures += _contract_failures(optimizer, trials[2])
    if not failures:  # else an exception might be all that comes out
        failures += carry_failures(optimizer, coarse or optimizer, SIZE, dtype, seed)
    rotated = trials[2]
    findings, cost = memo_failures(optimizer, rotated.objective, rotated.start, rotated.metric)
    failures += findings
    weighted = trials[3]
    deviation = _metric_deviation(optimizer, weighted)
    drift = _drift(optimizer, trials[2])
    if not math.isfinite(drift):
        failures.append("steps from a stationary point are not finite")
    warnings = []
    if np.array_equal(
        _run(optimizer, weighted, 3), _run(optimizer, _with_metric(weighted, Euclidean()), 3)
    ):
        warnings.append("the metric makes no difference")
    return OptimizerReport(
        failures=tuple(failures),
        warnings=tuple(warnings),
        optimizer=str(optimizer),
        trials=tuple(results),
        metric_deviation=deviation,
        drift=drift,
        cost=cost,
    )


def _trials(rng: np.random.Generator, dtype: DTypeLike) -> list[Trial]:
    minimiser, start = rng.standard_normal((2, SIZE)).astype(dtype)
    spectrum = np.geomspace(1e-2, 1, SIZE)
    rotation = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))[0]
    weights = np.geomspace(1e-2, 1e2, SIZE).astype(dtype)
    quadratics: list[tuple[str, Vector, Metric]] = [
        ("isotropic", np.ones(SIZE), Euclidean()),
        ("condition 100, diagonal", spectrum, Euclidean()),
        ("condition 100, rotated", rotation @ np.diag(spectrum) @ rotation.T, Euclidean()),
        ("condition 100, metric", spectrum * weights, Diagonal(weights)),
    ]
    return [
        Trial(name, Quadratic(matrix, minimiser, dtype), metric, start)
        for name, matrix, metric in quadratics
    ]


def _with_metric(trial: Trial, metric: Metric) -> Trial:
    return Trial(trial.name, trial.objective, metric, trial.start)


def _run(optimizer: LevelOptimizer, trial: Trial, steps: int) -> Vector:
    """Return where `steps` steps lead."""
    x = trial.start.copy()
    state = optimizer.init(x, trial.metric)
    for _ in range(steps):
        optimizer.step(trial.objective, x, state)
    return x


def _minimise(
    optimizer: LevelOptimizer, trial: Trial, budget: int, tolerance: float
) -> TrialResult:
    x = trial.start.copy()
    state = optimizer.init(x, trial.metric)
    initial = trial.objective.value(x)
    reached = None
    for k in range(1, budget + 1):
        optimizer.step(trial.objective, x, state)
        if reached is None and trial.objective.value(x) <= tolerance * initial:
            reached = k
    return TrialResult(trial.name, trial.objective.value(x) / initial, reached)


def _contract_failures(optimizer: LevelOptimizer, trial: Trial) -> list[str]:
    failures = []
    f = trial.objective
    x = trial.start.copy()
    state = optimizer.init(x, trial.metric)
    if not np.array_equal(x, trial.start):
        failures.append("init changed x")
    for _ in range(3):
        before, value = x.copy(), f.value(x)
        returned = optimizer.step(f, x, state)
        if not abs(returned - value) <= 100 * np.finfo(x.dtype).eps * max(abs(value), 1):
            failures.append(f"step returned {returned!r}, but f(x) was {value!r} before the step")
            break
        if np.array_equal(x, before):
            failures.append("step did not change x in place")
            break
    if not np.array_equal(_run(optimizer, trial, 5), _run(optimizer, trial, 5)):
        failures.append("a repetition gave other bits")
    if not np.array_equal(_run_beside_another(optimizer, trial, 5), _run(optimizer, trial, 5)):
        failures.append("two states influence each other")
    return failures


def _run_beside_another(optimizer: LevelOptimizer, trial: Trial, steps: int) -> Vector:
    """Return where `steps` steps lead that alternate with those of a second state."""
    x, other = trial.start.copy(), -trial.start
    state = optimizer.init(x, trial.metric)
    other_state = optimizer.init(other, trial.metric)
    for _ in range(steps):
        optimizer.step(trial.objective, x, state)
        optimizer.step(trial.objective, other, other_state)
    return x


def _metric_deviation(optimizer: LevelOptimizer, trial: Trial) -> float:
    """Compare x_k in the metric M = diag(w) with z_k / sqrt(w), z = sqrt(w) x in the metric I."""
    assert isinstance(trial.metric, Diagonal)
    root = np.sqrt(trial.metric.weights)
    f = trial.objective
    scaled = Trial(
        trial.name,
        Quadratic(f.matrix / root**2, root * f.minimiser, f.dtype),
        Euclidean(),
        root * trial.start,
    )
    x, z = _run(optimizer, trial, 5), _run(optimizer, scaled, 5)
    way = np.linalg.norm(x - trial.start)
    return float(np.linalg.norm(x - z / root) / way) if way > 0 else 0.0


def _drift(optimizer: LevelOptimizer, trial: Trial) -> float:
    """Return how far three steps move the minimiser, where the gradient is exactly zero."""
    at_rest = Trial(trial.name, trial.objective, trial.metric, trial.objective.minimiser)
    return float(np.linalg.norm(_run(optimizer, at_rest, 3) - trial.objective.minimiser))

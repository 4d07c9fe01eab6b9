"""Assertions with known answers.

They are functions so that ``test_mutations.py`` can show that each of them fails when the engine or
a transfer is broken on purpose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from mgres.mgopt import (
    GradientDescent,
    Hierarchy,
    Level,
    LevelSteps,
    LineSearch,
    Schedule,
    Transfer,
    VCycle,
    Vector,
)
from mgres.problems import (
    ControlObjective,
    LinearInterpolation,
    PiecewiseConstant,
    PoissonObjective,
    classical_v_cycle,
    control_hierarchy,
    poisson_hierarchy,
)
from mgres.testing import Quadratic

MakeTransfer = Callable[[int], Transfer]

POISSON_BAND = (0.17, 0.20)
CONTROL_FACTORS = {16: 0.0385, 32: 0.0111, 64: 0.0169, 128: 0.0083, 256: 0.0082}


def uniform_cycle(
    hierarchy: Hierarchy, pre: int, post: int, line_search: LineSearch | None = None
) -> VCycle:
    """V(pre, post) with one step on the coarsest level."""
    schedule = Schedule((LevelSteps(pre, post),) * (len(hierarchy) - 1), 1)
    return VCycle(schedule) if line_search is None else VCycle(schedule, line_search)


def error_history(
    hierarchy: Hierarchy,
    cycle: VCycle,
    solution: Vector,
    cycles: int,
    norm: Callable[[Vector], float],
) -> list[float]:
    """Norms of the error before and after each of `cycles` cycles started at 0."""
    x = np.zeros_like(solution)
    state = cycle.init(hierarchy, x)
    errors = [norm(x - solution)]
    for _ in range(cycles):
        cycle.step(hierarchy, x, state)
        errors.append(norm(x - solution))
    return errors


# ---- Poisson -------------------------------------------------------------------------------------


class FullWeighting(LinearInterpolation):
    """Linear interpolation whose Pi is a weighted mean, so that Pi P is only close to I."""

    def project(self, fine: Vector, out: Vector) -> None:
        self.restrict(fine, out)
        out /= 2


def energy_norm(e: Vector) -> float:
    return float(np.sqrt(e @ np.convolve(e, [-1.0, 2.0, -1.0], "same")))


def poisson_factor(n: int, transfer: MakeTransfer = LinearInterpolation) -> float:
    """Mean factor of the energy norm of the error over the cycles 9 to 12."""
    f = PoissonObjective.random(n, seed=7)
    hierarchy = poisson_hierarchy(f, transfer=transfer)
    cycle = uniform_cycle(hierarchy, 1, 1)
    errors = error_history(hierarchy, cycle, f.minimiser(), 12, energy_norm)
    return float((errors[12] / errors[8]) ** (1 / 4))


def assert_poisson_factor(n: int, transfer: MakeTransfer = LinearInterpolation) -> None:
    low, high = POISSON_BAND
    assert low < poisson_factor(n, transfer) < high


def assert_equals_classical_v_cycle(n: int, transfer: MakeTransfer = LinearInterpolation) -> None:
    f = PoissonObjective.random(n, seed=7)
    hierarchy = poisson_hierarchy(f, transfer=transfer)
    cycle = uniform_cycle(hierarchy, 1, 1)
    x, expected = np.zeros(n), np.zeros(n)
    state = cycle.init(hierarchy, x)
    # two ways to compute the same thing differ by rounding, which A^-1 amplifies with n
    tolerance = 1e-13 * max(1, n / 1000)
    for _ in range(6):
        cycle.step(hierarchy, x, state)
        expected = classical_v_cycle(expected, f.right_hand_side)
        assert np.linalg.norm(x - expected) < tolerance * np.linalg.norm(expected)


# ---- control -------------------------------------------------------------------------------------


def control_factor(steps: int, transfer: MakeTransfer = PiecewiseConstant) -> float:
    """Mean factor of the norm of the error over the cycles 3 to 5 of V(1, 0)."""
    f = ControlObjective(steps)
    hierarchy = control_hierarchy(f, transfer=transfer)
    cycle = uniform_cycle(hierarchy, 1, 0)
    errors = error_history(hierarchy, cycle, f.minimiser(), 5, lambda e: float(np.linalg.norm(e)))
    return float((errors[5] / errors[2]) ** (1 / 3))


def assert_control_factor(steps: int, transfer: MakeTransfer = PiecewiseConstant) -> None:
    expected = CONTROL_FACTORS[steps]
    assert abs(control_factor(steps, transfer) - expected) < 0.03 * expected


def linear_cycle_matrix(steps: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Hessian A and the matrix B for which V(1, 0) from x with gradient g ends at x - B g.

    The cycle is linear: one gradient step M^-1 = I/h, then the correction P B_c P' on what is left,
    down to the inverse of the Hessian for eight steps.
    """
    f = ControlObjective(steps)
    A = f.hessian(np.zeros(steps))
    if steps == 8:
        return A, np.linalg.inv(A)
    P = np.kron(np.eye(steps // 2), [[1.0], [1.0]])
    _, coarse = linear_cycle_matrix(steps // 2)
    smoother = np.eye(steps) / f.step_size
    return A, smoother + P @ coarse @ P.T @ (np.eye(steps) - A @ smoother)


def assert_equals_linear_cycle(steps: int, transfer: MakeTransfer = PiecewiseConstant) -> None:
    f = ControlObjective(steps)
    hierarchy = control_hierarchy(f, transfer=transfer)
    cycle = uniform_cycle(hierarchy, 1, 0)
    _, B = linear_cycle_matrix(steps)
    x = np.random.default_rng(11).standard_normal(steps)
    gradient = np.empty(steps)
    f.value_and_grad(x, gradient)
    expected = x - B @ gradient
    cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert np.linalg.norm(x - expected) < 1e-12 * np.linalg.norm(expected)


# ---- any hierarchy -------------------------------------------------------------------------------


def assert_fixed_point(hierarchy: Hierarchy, minimiser: Vector, cycle: Any = None) -> None:
    """A cycle neither moves the minimiser nor proposes to.

    There the sign of the slope of a correction is rounding noise, so a wrong correction may be
    rejected as ascending: what was proposed counts as movement, taken or not.
    """
    cycle = uniform_cycle(hierarchy, 1, 1) if cycle is None else cycle
    norm = hierarchy[0].metric.norm
    x = minimiser.copy()
    state = cycle.init(hierarchy, x)
    for _ in range(3):
        report = cycle.step(hierarchy, x, state)
        proposed = [c.correction_norm for c in report.corrections if c.level == 0]
        assert np.linalg.norm(x - minimiser) < 1e-12 * np.linalg.norm(minimiser)
        assert all(length < 1e-12 * norm(minimiser) for length in proposed)


def generic_hierarchy(
    levels: int, coarsest_size: int = 2, dtype: Any = np.float64, **options: Any
) -> Hierarchy:
    """Quadratics of size 2^k whose coarse ones are poor models of the finer ones."""
    rng = np.random.default_rng(5)
    made = []
    for i in reversed(range(levels)):
        n = coarsest_size * 2**i
        f = Quadratic(rng.uniform(0.5, 1, n), rng.standard_normal(n), dtype)
        transfer = PiecewiseConstant(n // 2) if i > 0 else None
        made.append(replace(Level(f, GradientDescent(0.25), transfer), **options))
    return Hierarchy(made)


def counted_cost(schedule: Schedule) -> float:
    """Work units that one V-cycle is seen to need."""
    hierarchy = generic_hierarchy(len(schedule))
    cycle = VCycle(schedule)
    x = np.zeros(hierarchy[0].objective.size)
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert report.work_units == hierarchy.work.total
    return report.work_units


def assert_cost_is_formula_10(schedule: Schedule) -> None:
    assert counted_cost(schedule) == schedule.work_units()

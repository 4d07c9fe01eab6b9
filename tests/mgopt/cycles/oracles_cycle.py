"""Assertions about shapes, couplings, guards and policies, with known answers.

Like ``oracles.py`` they are functions, so that the mutations can show that they fail.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mgres.mgopt import (
    AdditiveCycle,
    Cycle,
    FixedStep,
    GradientDescent,
    Hierarchy,
    Level,
    LevelSteps,
    Momentum,
    Schedule,
    StateDefect,
    TrustRegion,
    VCycle,
)
from mgres.problems import (
    ControlObjective,
    PiecewiseConstant,
    PoissonObjective,
    control_hierarchy,
    poisson_hierarchy,
)
from mgres.testing import Quadratic

from ..linear import additive_operator, control_levels, multigrid, poisson_levels
from ..oracles import FullWeighting, generic_hierarchy


def uniform(levels: int, pre: int, post: int) -> Schedule:
    return Schedule((LevelSteps(pre, post),) * (levels - 1), 1)


def problem(name: str, n: int) -> tuple[Any, Hierarchy, Any]:
    """Objective, hierarchy and dense levels; on Poisson with a projection that needs coupling."""
    if name == "poisson":
        f = PoissonObjective.random(n, seed=7)
        return f, poisson_hierarchy(f, transfer=FullWeighting), poisson_levels(n)
    g = ControlObjective(n)
    hierarchy = control_hierarchy(g)
    hessians = [
        level.objective.objective.hessian(np.zeros(level.objective.size)) for level in hierarchy
    ]
    return g, hierarchy, control_levels(hessians)


def assert_equals_multigrid(name: str, n: int, shape: str, pre: int = 1, post: int = 1) -> None:
    """A cycle on a quadratic is the linear cycle of the same shape, step by step."""
    f, hierarchy, levels = problem(name, n)
    cycle = Cycle(uniform(len(hierarchy), pre, post), shape=shape)
    x = np.random.default_rng(3).standard_normal(n)
    expected, b = x.copy(), np.empty(n)
    f.value_and_grad(np.zeros(n), b)
    state = cycle.init(hierarchy, x)
    for _ in range(4):
        cycle.step(hierarchy, x, state)
        expected = multigrid(levels, expected, -b, pre, post, shape)
        assert np.linalg.norm(x - expected) < 2e-12 * np.linalg.norm(expected)


def assert_equals_additive(name: str, n: int, alpha: float = 0.3) -> None:
    """An additive cycle with one step a level is x - alpha B g with the dense sum B."""
    f, hierarchy, levels = problem(name, n)
    cycle = AdditiveCycle(uniform(len(hierarchy), 1, 0), FixedStep(alpha))
    B, g = additive_operator(levels), np.empty(n)
    x = np.random.default_rng(3).standard_normal(n)
    state = cycle.init(hierarchy, x)
    for _ in range(3):
        f.value_and_grad(x, g)
        expected = x - alpha * B @ g
        cycle.step(hierarchy, x, state)
        assert np.linalg.norm(x - expected) < 1e-12 * np.linalg.norm(expected)


def assert_counted(cycle: Cycle | AdditiveCycle, expected: float) -> None:
    """A cycle with gradient steps costs what is computed in advance.

    Where a correction is rejected, the gradient for the next step is known, and it costs less.
    """
    hierarchy = generic_hierarchy(len(cycle.schedule))
    x = np.zeros(hierarchy[0].objective.size)
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert report.work_units == hierarchy.work.total
    if all(c.accepted for c in report.corrections):
        assert report.work_units == expected
    else:
        assert report.work_units <= expected


# ---- two levels by hand --------------------------------------------------------------------------


def by_hand(c: float = 1.0, rate: float = 1.0, optimizer: Any = None) -> Hierarchy:
    """f(x) = |x|^2 / 2 on R^2 over g(y) = c y^2 / 2 with P = (1, 1)', Pi the mean."""
    coarse = optimizer or GradientDescent(rate)
    fine = optimizer or GradientDescent(0.1)
    return Hierarchy(
        [
            Level(Quadratic(np.ones(2)), fine, PiecewiseConstant(1)),
            Level(Quadratic(np.full(1, c)), coarse),
        ]
    )


def assert_ratio(c: float, rate: float) -> None:
    """Actual over predicted reduction is (t - t^2) / (t - c t^2 / 2) for a coarse step of rate t.

    From x = (1, 3): y0 = 2, r = R g = 4, e = -4 t with t = rate; h(y0) - h(y) = 16 (t - c t^2 / 2),
    f(x) - f(x + P e) = 16 (t - t^2).
    """
    hierarchy = by_hand(c, rate)
    x = np.array([1.0, 3.0])
    cycle = VCycle(Schedule.parse("[0, {1}]"), trust=TrustRegion(radius=100.0))
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections[0]
    predicted, actual = 16 * (rate - c * rate**2 / 2), 16 * (rate - rate**2)
    np.testing.assert_allclose(report.predicted, predicted, rtol=1e-13)
    np.testing.assert_allclose(report.ratio, actual / predicted, rtol=1e-13)
    assert report.accepted == (actual / predicted >= 0.01)
    np.testing.assert_array_equal(x, np.array([1.0, 3.0]) - (4 * rate if report.accepted else 0))


def assert_confined(radius: float) -> None:
    """Steps of 1, 1, 1, ... from y0 = 0: the one that would leave the ball ends on its boundary."""
    flat = Quadratic(np.zeros(1))  # zero: the surrogate is the tilt alone
    hierarchy = Hierarchy(
        [
            Level(
                Quadratic(np.ones(2), np.full(2, 20.0)), GradientDescent(0.1), PiecewiseConstant(1)
            ),
            Level(flat, GradientDescent(1 / 40)),
        ]
    )
    x = np.zeros(2)  # g = (-20, -20), R g = -40: coarse steps of 1
    cycle = VCycle(Schedule.parse("[0, {9}]"), trust=TrustRegion(radius=radius))
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections[0]
    np.testing.assert_allclose(x, [radius, radius], rtol=1e-15)
    assert report.radius == radius
    # the coupling's gradient serves the first step; the step over the boundary is the last one
    assert hierarchy.work.gradients == [1, int(np.ceil(radius))]


def assert_momentum_policy(policy: str) -> None:
    """Velocities of a heavy ball in two cycles [1/0, {1}] with mu = 1/2 and small alpha.

    In the Euclidean metric gradients are carried down by R (sums) and up by the lift (halves).
    """
    mu, alpha = 0.5, 0.125
    hierarchy = by_hand(1.0, optimizer=Momentum(alpha, mu))
    cycle = VCycle(Schedule.parse("[(1), {1}]"), state=policy)
    x = np.array([1.0, 3.0])
    state = cycle.init(hierarchy, x)
    expected, u, w = x.copy(), np.zeros(2), 0.0
    for _ in range(3):
        u = mu * u + expected
        expected = expected - alpha * u
        start = {"reset": 0.0, "keep": w, "transfer": u.sum(), "down": u.sum()}[policy]
        w = mu * start + expected.sum()
        expected = expected - alpha * w
        if policy == "transfer":
            u = np.full(2, w / 2)
        cycle.step(hierarchy, x, state)
        np.testing.assert_allclose(x, expected, rtol=1e-13)
        np.testing.assert_allclose(state.levels[0].optimizer.velocity, u, rtol=1e-13)


# ---- couplings -----------------------------------------------------------------------------------


def assert_state_defect_is_first_order_on_a_quadratic(steps: int) -> None:
    """Shifts of linear state equations change f by a linear term, which the tilt replaces."""
    ends = []
    for coupling in (None, StateDefect()):
        hierarchy = control_hierarchy(ControlObjective(steps))
        options = {} if coupling is None else {"coupling": coupling}
        cycle = VCycle(uniform(len(hierarchy), 1, 0), **options)
        x = np.random.default_rng(2).standard_normal(steps)
        state = cycle.init(hierarchy, x)
        reports = [cycle.step(hierarchy, x, state) for _ in range(2)]
        assert all(c.accepted for r in reports for c in r.corrections)
        ends.append(x)
    np.testing.assert_allclose(ends[1], ends[0], rtol=1e-11, atol=1e-12)


def assert_states_are_the_fine_ones(fine_steps: int, coarse_steps: int) -> ControlObjective:
    fine, coarse = ControlObjective(fine_steps), ControlObjective(coarse_steps)
    rng = np.random.default_rng(1)
    x, origin = rng.standard_normal(fine_steps), rng.standard_normal(coarse_steps)
    shifted = coarse.with_state_defect(fine, x, origin)
    every = fine_steps // coarse_steps
    np.testing.assert_allclose(
        shifted.states(origin), fine.states(x)[every - 1 :: every], rtol=1e-13, atol=1e-14
    )
    np.testing.assert_allclose(shifted.value(origin), fine.value(x), rtol=1e-13)
    return shifted

"""Nested iteration on problems with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    Adam,
    Cascade,
    FullMultigrid,
    GradientDescent,
    GradientReduction,
    Hierarchy,
    Level,
    MaxSteps,
    Smoothing,
    Stall,
)
from mgres.problems import (
    ControlObjective,
    PiecewiseConstant,
    PoissonObjective,
    control_hierarchy,
    poisson_hierarchy,
)

from ..oracles import energy_norm, uniform_cycle


def v11(levels: int):
    return uniform_cycle([None] * levels, 1, 1)


def run(method, hierarchy, x, most=10_000):
    """Step until the method has finished on the finest level; return its state."""
    state = method.init(hierarchy, x)
    for _ in range(most):
        method.step(hierarchy, x, state)
        if state.finished:
            return state
    raise AssertionError(f"not finished after {most} steps")


def lbfgs_control(steps: int, optimizer=None) -> Hierarchy:
    """The control problem with one optimiser on all levels down to 8 steps."""
    levels = control_hierarchy(ControlObjective(steps))
    return Hierarchy(
        Level(
            level.objective.objective,
            optimizer or LBFGS(),
            level.transfer,
            level.metric if level.transfer else control_metric(level.objective.objective),
        )
        for level in levels
    )


def control_metric(objective):
    from mgres.mgopt import Diagonal

    return Diagonal(np.full(objective.size, objective.step_size))


# ---- full multigrid ------------------------------------------------------------------------------


def sine_problem(n: int) -> PoissonObjective:
    """-u'' = pi^2 sin(pi t), whose solution is sin(pi t)."""
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    return PoissonObjective(h**2 * np.pi**2 * np.sin(np.pi * t))


def algebraic_over_discretisation_error(n: int, x: np.ndarray) -> float:
    """Both in the energy norm; that of linear elements is h pi^2 / sqrt(24) in the norm of u'."""
    h = 1 / (n + 1)
    discretisation = np.sqrt(h) * h * np.pi**2 / np.sqrt(24)
    return energy_norm(x - sine_problem(n).minimiser()) / discretisation


@pytest.mark.parametrize("n", [31, 127, 511])
def test_full_multigrid_solves_to_the_discretisation_error(n):
    # the classical result: one V(1, 1) on each level is enough, at every n
    x = np.zeros(n)
    run(FullMultigrid(v11), poisson_hierarchy(sine_problem(n)), x)
    assert algebraic_over_discretisation_error(n, x) < 0.5


@pytest.mark.parametrize("n", [127, 511])
def test_a_cycle_from_zero_does_not(n):
    hierarchy, x = poisson_hierarchy(sine_problem(n)), np.zeros(n)
    cycle = uniform_cycle(hierarchy, 1, 1)
    cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert algebraic_over_discretisation_error(n, x) > 2


def test_full_multigrid_costs_the_sum_of_its_cycles():
    n = 63
    f = sine_problem(n)
    hierarchy = poisson_hierarchy(f)
    run(FullMultigrid(v11), hierarchy, np.zeros(n))
    expected = 0.0
    for l in range(len(hierarchy)):
        part = poisson_hierarchy(f).coarser(l)
        x = np.zeros(part[0].objective.size)
        cycle = v11(len(part))
        expected += cycle.step(part, x, cycle.init(part, x)).work_units
    # every gradient is that of another point, but for the first of a level
    assert hierarchy.work.total == pytest.approx(expected)


# ---- cascade -------------------------------------------------------------------------------------


def test_cascade_ends_at_the_minimiser():
    hierarchy = lbfgs_control(128)
    x = np.random.default_rng(3).standard_normal(128)
    run(Cascade(GradientReduction(1e-6)), hierarchy, x)
    exact = ControlObjective(128).minimiser()
    assert np.linalg.norm(x - exact) < 1e-5 * np.linalg.norm(exact)


def test_the_finest_level_has_a_rule_of_its_own():
    cascade = Cascade(MaxSteps(3), finish=MaxSteps(7))
    hierarchy, x = lbfgs_control(32), np.zeros(32)
    state = cascade.init(hierarchy, x)
    steps = []
    while not cascade.ended(state):
        steps.append(cascade.level(state))
        cascade.step(hierarchy, x, state)
    finest = len(hierarchy)
    assert [steps.count(l) for l in range(finest)] == [7] + [3] * (finest - 1)
    assert sorted(steps, reverse=True) == steps


class Below:
    """Stop when the gradient is small, however it was at the start."""

    def __init__(self, norm):
        self.norm = norm

    def init(self):
        return None

    def met(self, state, value, gradient_norm):
        return gradient_norm <= self.norm


def test_a_memory_that_is_carried_along_saves_work():
    spent = {}
    for state in ("transfer", "reset"):
        hierarchy = lbfgs_control(256)
        run(Cascade(Below(1e-7), state), hierarchy, np.ones(256))
        spent[state] = hierarchy.work.total
    assert spent["transfer"] < 0.95 * spent["reset"]


@pytest.mark.parametrize("state", ["transfer", "reset"])
def test_what_adam_carries(state):
    hierarchy = lbfgs_control(16, Adam(0.1))
    method, x = Cascade(MaxSteps(2), state), np.ones(16)
    own = method.init(hierarchy, x)
    coarse = own.inner.optimizer
    for _ in range(2):
        method.step(hierarchy, x, own)  # the second one is the last: the rule says stop
    assert coarse.steps == 2
    moment, steps = coarse.first_moment.copy(), coarse.steps
    assert own.level == 0
    carried = own.inner.optimizer
    if state == "transfer":
        np.testing.assert_allclose(carried.first_moment, np.repeat(moment, 2), rtol=1e-14)
        assert carried.steps == steps
    else:
        assert not carried.first_moment.any()
        assert carried.steps == 0


def test_cost_and_order_of_a_cascade():
    hierarchy = lbfgs_control(32, GradientDescent(1.0))
    method, x = Cascade(MaxSteps(3)), np.ones(32)
    state = method.init(hierarchy, x)
    levels = []
    while not state.finished:
        levels.append(method.step(hierarchy, x, state).level)
    assert levels == [2] * 3 + [1] * 3 + [0] * 3
    assert hierarchy.work.total == 3 * (1 + 1 / 2 + 1 / 4)


def test_start_is_the_projection_and_x_is_left_alone_until_the_finest_level():
    hierarchy = lbfgs_control(32)
    x = np.random.default_rng(5).standard_normal(32)
    before = x.copy()
    method = Cascade(MaxSteps(2))
    state = method.init(hierarchy, x)
    np.testing.assert_allclose(state.point, x.reshape(8, 4).mean(axis=1))
    while state.level > 0:
        np.testing.assert_array_equal(x, before)
        prolonged = np.repeat(state.point, 32 // state.point.size)
        np.testing.assert_array_equal(method.solution(hierarchy, x, state), prolonged)
        method.step(hierarchy, x, state)
    assert not np.array_equal(x, before)
    solution = method.solution(hierarchy, x, state)
    np.testing.assert_array_equal(solution, x)
    assert not np.shares_memory(solution, x)


def test_an_interrupted_step_leaves_the_point_whole():
    hierarchy = lbfgs_control(16, GradientDescent(0.5))

    class Interrupted(GradientDescent):
        def step(self, f, x, state):
            x[0] = np.nan
            raise KeyboardInterrupt

    broken = Hierarchy(
        Level(level.objective.objective, Interrupted(1.0), level.transfer, level.metric)
        for level in hierarchy
    )
    method, x = Cascade(), np.ones(16)
    state = method.init(broken, x)
    with pytest.raises(KeyboardInterrupt):
        method.step(broken, x, state)
    np.testing.assert_array_equal(state.point, np.ones(8))


def test_smoothing_is_the_single_level():
    hierarchy = lbfgs_control(16, GradientDescent(0.5))
    x, expected, gradient = np.ones(16), np.ones(16), np.empty(16)
    method = Smoothing()
    state = method.init(hierarchy, x)
    f = ControlObjective(16)
    for _ in range(3):
        report = method.step(hierarchy, x, state)
        assert report.value == f.value_and_grad(expected, gradient)
        assert report.work_units == 1
        expected -= 0.5 * gradient / f.step_size
    np.testing.assert_allclose(x, expected, rtol=1e-14)


@pytest.mark.parametrize("method", [Cascade(), FullMultigrid(v11)])
def test_bad_arguments_are_named(method):
    hierarchy = lbfgs_control(16)
    with pytest.raises(ValueError, match=r"^x: expected shape \(16,\) and dtype float64"):
        method.init(hierarchy, np.zeros(8))
    x = np.zeros(16)
    state = method.init(hierarchy, x)
    method.climb(hierarchy, x, state)
    with pytest.raises(ValueError, match=r"^state: nested iteration is on the finest level"):
        method.climb(hierarchy, x, state)
    with pytest.raises(ValueError, match=r"^state: expected one of"):
        Cascade(Stall(), "keep")


def test_transfers_are_those_of_the_hierarchy():
    assert isinstance(lbfgs_control(16)[0].transfer, PiecewiseConstant)


def test_optimisers_of_different_kinds_on_different_levels():
    levels = list(lbfgs_control(16))
    mixed = Hierarchy(
        [
            Level(levels[0].objective.objective, LBFGS(), levels[0].transfer, levels[0].metric),
            Level(levels[1].objective.objective, Adam(0.1), None, levels[1].metric),
        ]
    )
    x = np.ones(16)
    state = run(Cascade(MaxSteps(20)), mixed, x)
    assert state.inner.optimizer.learnt > 0
    exact = ControlObjective(16).minimiser()
    assert np.linalg.norm(x - exact) < 1e-3 * np.linalg.norm(exact)

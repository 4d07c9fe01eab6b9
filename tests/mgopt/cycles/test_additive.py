"""The additive cycle is a sum of corrections: BPX on quadratics."""

from itertools import pairwise

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    AdditiveCycle,
    Armijo,
    FixedStep,
    GradientDescent,
    Hierarchy,
    Level,
    Momentum,
    NoCoupling,
    Schedule,
    VCycle,
)
from mgres.problems import PiecewiseConstant, PoissonObjective, poisson_hierarchy
from mgres.testing import Quadratic

from ..chains import chain_hierarchy, run, start
from ..linear import additive_operator, poisson_levels
from ..oracles import assert_fixed_point, energy_norm, error_history
from .oracles_cycle import assert_counted, assert_equals_additive, problem, uniform


@pytest.mark.parametrize(("name", "n"), [("poisson", 31), ("poisson", 255), ("control", 64)])
def test_cycle_is_the_dense_sum(name, n):
    assert_equals_additive(name, n)


@pytest.mark.parametrize("n", [31, 63, 127, 255])
def test_preconditioner_is_optimal(n):
    A = poisson_levels(n)[0].A
    B = additive_operator(poisson_levels(n))
    eigenvalues = np.linalg.eigvals(B @ A).real
    low, high = eigenvalues.min(), eigenvalues.max()
    # the smoother alone has a condition number like n^2; the sum's hardly changes
    assert low == pytest.approx(2 / 3, rel=1e-9)
    assert high < 3.5
    # and the engine converges at the optimal rate of a fixed step
    f = PoissonObjective.random(n, seed=7)
    hierarchy = poisson_hierarchy(f)
    cycle = AdditiveCycle(uniform(len(hierarchy), 1, 0), FixedStep(2 / (low + high)))
    errors = error_history(hierarchy, cycle, f.minimiser(), 40, energy_norm)
    assert (errors[40] / errors[30]) ** 0.1 == pytest.approx((high - low) / (high + low), rel=0.03)


@pytest.mark.parametrize("name", ["poisson", "control"])
def test_minimiser_is_a_fixed_point(name):
    f, hierarchy, _ = problem(name, {"poisson": 63, "control": 64}[name])
    cycle = AdditiveCycle(uniform(len(hierarchy), 1, 0), FixedStep(0.5))
    assert_fixed_point(hierarchy, f.minimiser(), cycle)


def test_a_line_search_makes_it_converge_anywhere():
    hierarchy = chain_hierarchy(4)
    cycle = AdditiveCycle(Schedule.parse("[1, 1, 1, {2}]"), Armijo())
    x, reports = run(hierarchy, cycle, start(), cycles=150)
    values = [r.value for r in reports]
    assert all(later <= earlier for earlier, later in pairwise(values))
    gradient = np.empty(16)
    hierarchy.finest.value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-7


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("[{3}]", 3),
        ("[1, {2}]", 2 + 1),
        ("[0, {2}]", 1 + 1),  # the gradient that all levels answer
        ("[2/1, 1/0, 0, {4}]", 3 + 0.5 + 0 + 0.5),
    ],
)
def test_cost(text, cost):
    cycle = AdditiveCycle(Schedule.parse(text))
    assert cycle.work_units() == cost
    assert_counted(cycle, cost)


def test_one_level_is_the_plain_optimizer():
    f = Quadratic(np.array([1.0, 2.0]))
    ends = []
    for make in (AdditiveCycle, VCycle):
        hierarchy = Hierarchy([Level(f, LBFGS())])
        x = np.array([1.0, -2.0])
        cycle = make(Schedule.parse("[{1}]"))
        state = cycle.init(hierarchy, x)
        for _ in range(5):
            cycle.step(hierarchy, x, state)
        ends.append(x)
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-14)


def test_levels_without_steps_are_passed_by():
    # level 2 answers for level 1 too: its gradient is restricted twice
    hierarchy = chain_hierarchy(3)
    x, (report,) = run(hierarchy, AdditiveCycle(Schedule.parse("[0, 0, {1}]")), start())
    g = np.empty(16)
    hierarchy.finest.value_and_grad(start(), g)
    coarse = 0.4 * 4 * g.reshape(4, 4).sum(axis=1)  # metric h = 1/4, learning rate 0.4
    np.testing.assert_allclose(start() - x, np.repeat(coarse, 4), rtol=1e-13)
    assert report.work_units == 1.25
    assert [c.level for c in report.corrections] == [0]


def test_a_sum_that_is_not_finite_leaves_every_bit():
    fine, coarse = Quadratic(np.ones(4)), Quadratic(np.ones(2))
    hierarchy = Hierarchy(
        [
            Level(fine, GradientDescent(0.1), PiecewiseConstant(2)),
            Level(coarse, GradientDescent(1e308)),
        ]
    )
    with np.errstate(over="ignore", invalid="ignore"):
        x, (report,) = run(hierarchy, AdditiveCycle(Schedule.parse("[1, {3}]")), start(4))
    assert x.tobytes() == start(4).tobytes()
    assert not report.corrections[0].accepted


def test_report_has_the_largest_coupling():
    schedule = Schedule.parse("[1, 1, {1}]")
    _, (report,) = run(chain_hierarchy(3), AdditiveCycle(schedule), start())
    _, (other,) = run(chain_hierarchy(3), AdditiveCycle(schedule, coupling=NoCoupling()), start())
    assert report.corrections[0].coupling > 0
    assert other.corrections[0].coupling > 0
    assert report.value == chain_hierarchy(3).finest.value(start())


def test_reports_are_about_their_own_cycle():
    hierarchy = chain_hierarchy(3)
    points = [start()]
    cycle, x = AdditiveCycle(Schedule.parse("[1, 1, {1}]")), start()
    state = cycle.init(hierarchy, x)
    for _ in range(3):
        report = cycle.step(hierarchy, x, state)
        assert report.value == hierarchy.finest.value(points[-1])
        assert len(report.corrections) == 1
        points.append(x.copy())


@pytest.mark.parametrize("policy", ["reset", "keep"])
def test_optimisers_begin_a_visit_as_the_policy_says(policy):
    """Momentum of a coarse level lives on from one cycle to the next, or does not."""
    ends = []
    for momentum in (0.0, 0.9):
        hierarchy = chain_hierarchy(2, optimizer=Momentum(0.01, momentum))
        # one step a visit: momentum shows only if the state of the last visit is still there
        cycle = AdditiveCycle(Schedule.parse("[0, {1}]"), state=policy)
        ends.append(run(hierarchy, cycle, start(), cycles=3)[0])
    assert np.array_equal(*ends) == (policy == "reset")


def test_bad_arguments():
    with pytest.raises(ValueError, match="state: expected 'reset' or 'keep', got 'transfer'"):
        AdditiveCycle(Schedule.paper(2), state="transfer")
    with pytest.raises(ValueError, match="schedule: expected 3 levels, got 2"):
        AdditiveCycle(Schedule.paper(2)).init(chain_hierarchy(3), start())

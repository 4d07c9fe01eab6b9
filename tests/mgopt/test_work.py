import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    Armijo,
    Counted,
    GradientDescent,
    Hierarchy,
    Level,
    MatrixTransfer,
    Schedule,
    VCycle,
    WorkUnits,
)
from mgres.testing import Quadratic

from .oracles import assert_cost_is_formula_10, counted_cost, generic_hierarchy

TABLE_2 = {
    "[1, 1, 1, 1, 1, 1, 1, {1}]": 5.96,
    "[1, 1, 1, 1, 1, 1, 1, {2}]": 5.97,
    "[1, 1, 1, 1, 1, 1, 1, {5}]": 5.99,
    "[1, 1, 1, 1, 1, 1, 1, {10}]": 6.03,
    "[1, 1, 1, 1, 2, 2, 2, {2}]": 6.19,
    "[(1), 1, 1, 1, 2, 2, 2, {2}]": 5.19,
}


@pytest.mark.parametrize(("levels", "cost"), [(1, 1), (2, 3), (4, 5), (6, 5.25), (8, 5.1875)])
def test_table_1_is_counted_exactly(levels, cost):
    assert counted_cost(Schedule.paper(levels)) == cost
    assert_cost_is_formula_10(Schedule.paper(levels))


@pytest.mark.parametrize(("text", "cost"), TABLE_2.items())
def test_table_2_is_counted_exactly(text, cost):
    # the paper prints the first two in the other order
    schedule = Schedule.parse(text)
    assert round(counted_cost(schedule), 2) == cost
    assert_cost_is_formula_10(schedule)


@pytest.mark.parametrize("text", ["[{7}]", "[0, {3}]", "[0/1, 2/0, {1}]", "[(0), (3), 0/2, {5}]"])
def test_other_schedules_are_counted_exactly(text):
    assert_cost_is_formula_10(Schedule.parse(text))


def test_every_cycle_costs_the_same():
    schedule = Schedule.paper(4)
    hierarchy = generic_hierarchy(4)
    cycle = VCycle(schedule)
    x = np.zeros(hierarchy[0].objective.size)
    state = cycle.init(hierarchy, x)
    reports = [cycle.step(hierarchy, x, state) for _ in range(3)]
    assert [r.work_units for r in reports] == [5.0, 5.0, 5.0]
    assert hierarchy.work.total == 15.0
    assert hierarchy.work.per_level == [6.0, 4.5, 3.75, 0.75]


def test_line_search_values_count_a_third():
    # P = I and a coarse quadratic half as steep as the fine one: its minimisation is a step twice
    # too long, so that alpha = 1 brings no decrease and alpha = 1/2 leads to the minimiser
    fine = Level(Quadratic([2.0, 2.0]), GradientDescent(0.1), MatrixTransfer(np.eye(2)))
    coarse = Level(Quadratic([1.0, 1.0]), GradientDescent(1.0), cost=0.5)
    hierarchy = Hierarchy([fine, coarse])
    cycle = VCycle(Schedule.parse("[0, {1}]"), Armijo(c1=0.1))
    x = np.ones(2)
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert report.corrections[0].alpha == 0.5
    assert hierarchy.work.values == [2, 0]
    assert hierarchy.work.gradients == [1, 1]
    assert report.work_units == pytest.approx(1 + 0.5 + 2 / 3, rel=1e-15)


def test_line_search_values_of_coarse_levels_cost_less():
    hierarchy = generic_hierarchy(4)
    cycle = VCycle(Schedule.paper(4), Armijo(max_trials=1))
    x = np.zeros(hierarchy[0].objective.size)
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert hierarchy.work.values[:3] == [1, 1, 1]
    assert hierarchy.work.values[3] == 0
    assert report.work_units == pytest.approx(5 + (1 + 1 / 2 + 1 / 4) / 3, rel=1e-15)


def test_counted_passes_everything_through():
    f = Quadratic([1.0, 3.0], [1.0, 0.0], np.float32)
    work = WorkUnits([1.0, 0.25])
    counted = Counted(f, work, level=1)
    x, gradient = np.array([2.0, 1.0], np.float32), np.empty(2, np.float32)
    assert counted.objective is f
    assert (counted.size, counted.dtype) == (2, np.float32)
    assert counted.value(x) == counted.value_and_grad(x, gradient) == 2.0
    np.testing.assert_array_equal(gradient, [1.0, 3.0])
    assert (work.values, work.gradients) == ([0, 1], [0, 1])
    assert work.costs == (1.0, 0.25)
    assert work.total == pytest.approx(0.25 * (1 + 1 / 3), rel=1e-15)


def test_ledger_prints_its_total():
    work = WorkUnits([1.0])
    work.gradients[0] = 3
    assert repr(work) == "WorkUnits(total=3)"


def test_l_bfgs_costs_one_gradient_a_step_across_cycles():
    hierarchy = generic_hierarchy(2, optimizer=LBFGS())
    cycle = VCycle(Schedule.parse("[0/2, {3}]"))
    x = np.zeros(4)
    state = cycle.init(hierarchy, x)
    reports = [cycle.step(hierarchy, x, state) for _ in range(3)]
    assert all(c.alpha == 1 for r in reports for c in r.corrections)
    # fine: the coupling (known from the last step, but in the first cycle) and, after the
    # correction, one to start with and one for each of two steps; coarse: one and three steps
    assert hierarchy.work.gradients == [1 + 3 * 3, 3 * 4]


def test_counts_are_restored_in_place():
    work = WorkUnits([1.0, 0.5])
    work.gradients[1] += 3
    work.values[0] += 1
    counts = work.counts
    total = work.total
    work.gradients[0] += 2
    kept = work.gradients
    assert counts["gradients"] == [0, 3]  # a copy
    work.restore(counts)
    assert work.total == total
    assert work.gradients is kept


def test_counts_of_other_hierarchies_are_refused_and_change_nothing():
    work = WorkUnits([1.0, 0.5])
    work.gradients[0] += 1
    with pytest.raises(ValueError, match="counts: expected 2 levels, got 3"):
        work.restore({**work.counts, "hessian_products": [0, 0, 0], "gradients": [9, 9]})
    assert work.gradients == [1, 0]

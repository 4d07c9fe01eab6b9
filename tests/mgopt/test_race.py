"""Races on the coarsest level, and bridges: which levels nested iteration visits."""

from __future__ import annotations

import numpy as np
import pytest

from mgres.mgopt import Cascade, GradientDescent, Hierarchy, Level, MaxSteps, Race
from mgres.problems import PiecewiseConstant


class DoubleWell:
    """f(x) = mean (x_i^2 - 1)^2 + slope (1 - mean x): a good minimum at 1, a bad one at -1."""

    def __init__(self, size, slope=0.25):
        self.size, self.dtype, self.slope = size, np.dtype(np.float64), slope

    def value(self, x):
        return float(np.mean((x**2 - 1) ** 2 + self.slope * (1 - x)))

    def value_and_grad(self, x, out):
        out[:] = (4 * x * (x**2 - 1) - self.slope) / self.size
        return self.value(x)


class Same:
    """The transfer between two levels of the same size."""

    def __init__(self, size):
        self.fine_size = self.coarse_size = size

    def prolong(self, coarse, out):
        out[:] = coarse

    restrict = project = lift = prolong


def wells(sizes, bridges=(), rate=0.05):
    """A hierarchy of double wells, finest first; levels of equal size follow each other."""
    levels = []
    for l, size in enumerate(sizes):
        last = l == len(sizes) - 1
        equal = not last and sizes[l + 1] == size
        transfer = None if last else Same(size) if equal else PiecewiseConstant(sizes[l + 1])
        f, optimizer = DoubleWell(size), GradientDescent(rate * size)
        levels.append(Level(f, optimizer, transfer, bridge=l in bridges))
    return Hierarchy(levels)


def drive(method, hierarchy, x, most=2000):
    """Step until finished; return the levels worked on, without repetitions, and the state."""
    state, visited = method.init(hierarchy, x), []
    for _ in range(most):
        report = method.step(hierarchy, x, state)
        if not visited or visited[-1] != report.level:
            visited.append(report.level)
        if state.finished:
            return visited, state
    raise AssertionError("not finished")


# ---- races ---------------------------------------------------------------------------------------


def test_the_best_start_wins():
    start = np.full(8, -0.9)  # in the well of the bad minimum
    plain, x = Cascade(MaxSteps(40)), start.copy()
    drive(plain, wells([8, 4]), x)
    assert DoubleWell(8).value(x) > 0.4
    race, x = Cascade(MaxSteps(40), race=Race(starts=20, steps=40)), start.copy()
    drive(race, wells([8, 4]), x)
    # 16 signs are possible, and one of 20 draws has them all positive
    starts = [Race(20, 40).start(np.full(4, -0.9), i) for i in range(20)]
    best = min(DoubleWell(4).value(np.sign(s)) for s in starts)
    assert DoubleWell(8).value(x) == pytest.approx(best, abs=0.03)
    assert best < 0.2


def test_the_first_start_is_the_given_one_and_the_others_differ_in_signs():
    first = np.random.default_rng(0).standard_normal(12)
    race = Race(3, 10, slice(2, 8), seed=4)
    starts = [race.start(first, i) for i in range(3)]
    np.testing.assert_array_equal(starts[0], first)
    assert not np.shares_memory(starts[0], first)
    for start in starts[1:]:
        np.testing.assert_array_equal(np.abs(start), np.abs(first))
        np.testing.assert_array_equal(start[:2], first[:2])
        np.testing.assert_array_equal(start[8:], first[8:])
        assert not np.array_equal(start, first)
    assert not np.array_equal(starts[1], starts[2])
    np.testing.assert_array_equal(race.start(first, 2), starts[2])


def test_cost_of_a_race():
    hierarchy = wells([8, 4])
    method, x = Cascade(MaxSteps(5), race=Race(starts=3, steps=5)), np.full(8, 0.5)
    state = method.init(hierarchy, x)
    for _ in range(3 * 5):
        assert state.level == 1
        method.step(hierarchy, x, state)
    assert state.level == 0
    assert state.race is None
    # each start: its steps, a gradient where they have led, and a value on the next finer level
    assert hierarchy.work.gradients == [0, 3 * 6]
    assert hierarchy.work.values == [3, 0]


def test_a_start_that_meets_the_goal_ends_the_race_if_it_holds_above():
    hierarchy = wells([8, 4])
    method, x = Cascade(race=Race(starts=5, steps=40)), np.full(8, 0.9)
    state = method.init(hierarchy, x)
    method.step(hierarchy, x, state)
    method.look(state, state.point)
    method.ascend(hierarchy, x, state)
    assert state.level == 0
    assert len(hierarchy.work.gradients) == 2


def test_a_start_that_fails_above_does_not_end_the_race():
    levels = list(wells([8, 4]))
    spoilt = DoubleWell(8)
    spoilt.value = lambda x: 1e3
    hierarchy = Hierarchy(
        [
            Level(spoilt, levels[0].optimizer, levels[0].transfer),
            Level(levels[1].objective.objective, levels[1].optimizer),
        ]
    )
    method, x = Cascade(race=Race(starts=2, steps=40)), np.full(8, 0.9)
    state = method.init(hierarchy, x)
    method.step(hierarchy, x, state)
    method.ascend(hierarchy, x, state)
    assert state.level == 1
    assert state.race is not None
    assert state.race.number == 1
    method.step(hierarchy, x, state)
    method.ascend(hierarchy, x, state)
    assert state.level == 0


def test_a_race_ends_after_its_steps_whatever_the_rule():
    hierarchy = wells([8, 4])
    method, x = Cascade(MaxSteps(1000), race=Race(starts=2, steps=3)), np.full(8, 0.5)
    state = method.init(hierarchy, x)
    for _ in range(6):
        assert state.race is not None
        method.step(hierarchy, x, state)
    assert state.race is None
    assert state.level == 0


def test_starts_are_judged_on_the_next_finer_level():
    """The coarse objective prefers positive components, the fine one negative ones."""

    class Opposite(DoubleWell):
        def value(self, x):
            return 10 + super().value(x)  # a start is worth the larger of its two values

    levels = list(wells([8, 4]))
    opposite = Opposite(8, slope=-0.5)
    hierarchy = Hierarchy(
        [
            Level(opposite, levels[0].optimizer, levels[0].transfer),
            Level(levels[1].objective.objective, levels[1].optimizer),
        ]
    )
    starts = [Race(6, 30).start(np.full(4, 0.9), i) for i in range(6)]
    best = min(np.sum(s > 0) for s in starts)
    assert best < 4
    x = np.full(8, 0.9)
    method = Cascade(MaxSteps(30), race=Race(starts=6, steps=30))
    state = method.init(hierarchy, x)
    while state.level > 0:
        method.step(hierarchy, x, state)
    assert np.sum(x > 0) == 2 * best


# ---- bridges -------------------------------------------------------------------------------------

SIZES = [16, 8, 4, 4, 2, 2]
BRIDGES = (2, 4)


def test_bridges_are_passed_over_by_those_who_stall():
    visited, _ = drive(Cascade(MaxSteps(3)), wells(SIZES, BRIDGES), np.full(16, 0.9))
    assert visited == [5, 3, 1, 0]


def at_level(hierarchy, level):
    method, x = Cascade(MaxSteps(3)), np.full(16, 0.9)
    state = method.init(hierarchy, x)
    while state.level != level:
        method._ascend_to(hierarchy, x, state, state.level - 1)
    value = method.look(state, x if level == 0 else state.point)
    return method, x, state, value


@pytest.mark.parametrize(
    ("level", "ratio", "expected"),
    [
        (5, 2.0, 4),  # the goal nearly holds on the finest level: cross the bridge
        (5, 20.0, 3),  # it does not: the next level proper
        (5, None, 3),  # not known
        (4, 2.0, 2),  # from bridge to bridge
        (4, 20.0, 3),
        (3, 2.0, 2),
        (2, 2.0, 0),  # from the last bridge to the finest level
        (2, 20.0, 1),
        (1, 2.0, 0),
    ],
)
def test_where_the_way_leads_from_a_goal(level, ratio, expected):
    hierarchy = wells(SIZES, BRIDGES)
    method, x, state, value = at_level(hierarchy, level)
    method.ascend(hierarchy, x, state, None if ratio is None else ratio * value)
    assert state.level == expected
    size = SIZES[expected]
    np.testing.assert_array_equal(x if expected == 0 else state.point, np.full(size, 0.9))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Race(0, 5), "starts"),
        (lambda: Race(2.5, 5), "starts"),
        (lambda: Race(2, 0), "steps"),
        (lambda: Cascade(nearly=0.5), "nearly"),
        (lambda: Cascade(nearly=float("nan")), "nearly"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        make()

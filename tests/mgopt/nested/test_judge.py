"""Nested iteration with a judge: what a coarse level is worth is asked of the finest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    Cascade,
    Euclidean,
    FullMultigrid,
    GradientDescent,
    Hierarchy,
    Judge,
    Level,
    MaxSteps,
    Smoothing,
    Stall,
)
from mgres.mgopt.nested.judge import FALL, LARGEST_FALL, MOST_STEPS, Look
from mgres.problems import ControlObjective, PiecewiseConstant, control_hierarchy
from mgres.testing import Quadratic


class Shifted:
    """The quadratic 1/2 |x - c|^2 + 1, which on coarse levels has another minimiser."""

    def __init__(self, size, minimiser):
        self.f = Quadratic(np.ones(size), np.full(size, minimiser))
        self.size, self.dtype = size, np.dtype(np.float64)

    def value(self, x):
        return self.f.value(x) / self.size + 1

    def value_and_grad(self, x, out):
        value = self.f.value_and_grad(x, out)
        out /= self.size
        return value / self.size + 1


def pair(fine=3.0, coarse=3.0, rate=0.05, cost=1 / 8):
    """Two levels of Shifted, in which steps of gradient descent contract by 1 - `rate`."""
    return Hierarchy(
        [
            Level(Shifted(8, fine), GradientDescent(8 * rate), PiecewiseConstant(4), Euclidean()),
            Level(Shifted(4, coarse), GradientDescent(4 * rate), cost=cost),
        ]
    )


def drive(method, hierarchy, x, steps):
    """Take steps; return the reports and the state."""
    state = method.init(hierarchy, x)
    return [method.step(hierarchy, x, state) for _ in range(steps)], state


METHOD = Cascade(MaxSteps(10_000), judge=Judge())


def test_a_level_that_the_finest_does_not_follow_is_left():
    # the coarse minimiser is on the other side of the start: what helps there does harm here
    hierarchy, x = pair(fine=3.0, coarse=-3.0), np.zeros(8)
    reports, state = drive(METHOD, hierarchy, x, 60)
    assert state.level == 0
    asked = [r.finest for r in reports if r.finest is not None]
    assert len(asked) == 2  # the first answer says nothing about a fall, the second all
    assert hierarchy.work.values[0] == 2
    # the finest level went on from the best coarse point, not from the last
    assert asked[1] == asked[0]
    first = next(i for i, r in enumerate(reports) if r.level == 0)
    assert reports[first].value == pytest.approx(asked[0])


def test_a_level_that_the_finest_follows_is_kept():
    hierarchy, x = pair(), np.zeros(8)
    reports, state = drive(METHOD, hierarchy, x, 40)
    assert state.level == 1
    asked = [r.finest for r in reports if r.finest is not None]
    assert len(asked) >= 2
    assert asked == sorted(asked, reverse=True)
    assert method_best(state) == asked[-1]
    assert Shifted(8, 3.0).value(state.best.point) == state.best.value


def method_best(state):
    return METHOD.best(state).value


def test_every_question_is_work_and_nothing_else():
    hierarchy, x = pair(), np.zeros(8)
    reports, _ = drive(METHOD, hierarchy, x, 40)
    asked = sum(r.finest is not None for r in reports)
    # gradient descent does not know the value where it ends: it is asked for, too
    assert hierarchy.work.values == [asked, asked]
    assert hierarchy.work.gradients[0] == 0
    assert hierarchy.work.total == pytest.approx(sum(r.work_units for r in reports))


def test_the_rule_compares_with_what_the_next_level_promises():
    judge = Judge()
    for finest, leaves in ((math.exp(-0.6), False), (math.exp(-0.4), True), (1.2, True)):
        state = judge.init()
        assert not judge.leaves(state, Look(1.0, 1.0, np.zeros(1)), 0.5)
        # own falls by a factor e: a step above, at twice the cost, promises half as much
        assert judge.leaves(state, Look(math.exp(-1.0), finest, np.zeros(1)), 0.5) == leaves


def test_a_plateau_is_no_reason_to_leave():
    judge, state = Judge(), Judge().init()
    judge.leaves(state, Look(1.0, 1.0, np.zeros(1)), 0.5)
    assert not judge.leaves(state, Look(0.999, 1.0, np.zeros(1)), 0.5)
    assert judge.leaves(state, Look(0.998, 1.2, np.zeros(1)), 0.5)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_point_at_which_the_finest_objective_is_not_finite_is_left(value):
    judge, state = Judge(), Judge().init()
    assert judge.leaves(state, Look(1.0, value, np.zeros(1)), 0.5)


def test_an_answer_that_is_not_finite_is_not_kept():
    hierarchy, x = pair(), np.zeros(8)
    hierarchy[0].objective.objective.f.minimiser[:] = np.nan
    method, state = METHOD, METHOD.init(hierarchy, x)
    method.climb(hierarchy, x, state, finest=math.nan)
    assert state.best is None
    method.climb(hierarchy, x, state, finest=2.0)
    assert state.best.value == 2.0


def test_objectives_may_be_negative():
    judge, state = Judge(), Judge().init()
    judge.leaves(state, Look(-1.0, -1.0, np.zeros(1)), 0.5)
    assert not judge.leaves(state, Look(-2.0, -2.0, np.zeros(1)), 0.5)
    assert judge.leaves(state, Look(-4.0, -1.9, np.zeros(1)), 0.5)
    assert judge.expected(state, -3.0) == -1.9


def test_questions_are_asked_after_a_fall_or_after_so_many_steps():
    judge, state = Judge(), Judge().init()
    judge.leaves(state, Look(1.0, 1.0, np.zeros(1)), 0.5)
    assert not any(judge.is_due(state, 1.0, 0.01) for _ in range(MOST_STEPS - 1))
    assert judge.is_due(state, 1.0, 0.01)
    judge.leaves(state, Look(1.0, 1.0, np.zeros(1)), 0.5)
    assert not judge.is_due(state, 0.5, 0.5)  # too soon
    assert judge.is_due(state, 0.5, 0.5)


def test_questions_become_rarer_while_the_answers_follow():
    judge, state = Judge(), Judge().init()
    own = finest = 1.0
    falls = []
    for follows in (True, True, True, True, False, True):
        judge.leaves(state, Look(own, finest, np.zeros(1)), 0.5)
        falls.append(state.fall)
        own *= math.exp(-1)
        finest *= math.exp(-0.9 if follows else -0.7)
    judge.leaves(state, Look(own, finest, np.zeros(1)), 0.5)
    falls.append(state.fall)
    assert falls == pytest.approx(
        [FALL, 2 * FALL, 4 * FALL, 8 * FALL, LARGEST_FALL, FALL, 2 * FALL]
    )


def test_what_is_expected_is_what_was_seen():
    judge, state = Judge(), Judge().init()
    assert judge.expected(state, 0.5) == 0.5
    judge.leaves(state, Look(0.5, 1.0, np.zeros(1)), 0.5)
    assert judge.expected(state, 0.25) == 1.0  # the answer has only just come
    judge.is_due(state, 0.25, 0.5)
    assert judge.expected(state, 0.25) == 0.5
    assert judge.expected(state, 0.75) == 1.0


def test_a_goal_that_fails_above_is_not_tried_again_at_once():
    hierarchy, x = pair(), np.zeros(8)
    method, state = METHOD, METHOD.init(hierarchy, x)
    method.step(hierarchy, x, state)
    own = hierarchy[1].objective.objective.value(state.point)
    method.climb(hierarchy, x, state, finest=4 * own)
    assert state.level == 1
    assert method.expected(state, own) == pytest.approx(4 * own)


@pytest.mark.parametrize("steps", [64, 128])
def test_the_linear_control_problem_is_solved_and_the_best_is_kept(steps):
    levels = control_hierarchy(ControlObjective(steps))
    hierarchy = Hierarchy(
        Level(level.objective.objective, LBFGS(), level.transfer, level.metric) for level in levels
    )
    method, x = Cascade(Stall(1e-6, 5), "reset", judge=Judge()), np.zeros(steps)
    state = method.init(hierarchy, x)
    for _ in range(400):
        method.step(hierarchy, x, state)
        if state.finished:
            break
    f = ControlObjective(steps)
    assert state.level == 0
    assert f.value(x) <= state.best.value
    assert f.value(x) - f.value(f.minimiser()) < 1e-6 * f.value(np.zeros(steps))


def test_full_multigrid_takes_a_judge_too():
    hierarchy, x = pair(fine=3.0, coarse=-3.0), np.zeros(8)
    method = FullMultigrid(lambda levels: Smoothing(), MaxSteps(10_000), judge=Judge())
    _, state = drive(method, hierarchy, x, 60)
    assert state.level == 0


def test_on_other_samples_the_judge_asks_their_objectives():
    hierarchy, x = pair(), np.zeros(8)
    # on the samples that stay the fine minimiser is elsewhere
    judge = Judge((Shifted(8, -3.0), Shifted(4, 3.0)))
    reports, state = drive(Cascade(MaxSteps(10_000), judge=judge), hierarchy, x, 60)
    assert state.level == 0
    asked = [r.finest for r in reports if r.finest is not None]
    assert state.best.value == min(asked)
    assert hierarchy.work.values[1] == len(asked)  # the level's own objective is asked for too

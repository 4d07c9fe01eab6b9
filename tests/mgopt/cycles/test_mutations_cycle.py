"""Break shapes, couplings, guards and policies on purpose: the assertions have to notice.

As in ``test_mutations.py``, each assertion passes with nothing broken: other files show that.
"""

import numpy as np
import pytest

from mgres.mgopt import (
    AdditiveCycle,
    Carrier,
    Cycle,
    Momentum,
    Schedule,
    TrustRegion,
    Untilted,
)
from mgres.mgopt.cycles import acceptance, coupling, cycle, schedule, state
from mgres.mgopt.cycles.acceptance import Guard
from mgres.mgopt.cycles.trust import Ball
from mgres.problems import ControlObjective

from ..test_mutations import assert_noticed
from . import test_ball, test_coupling, test_policies, test_trust, test_visits
from .oracles_cycle import (
    assert_confined,
    assert_counted,
    assert_equals_additive,
    assert_equals_multigrid,
    assert_momentum_policy,
    assert_ratio,
    assert_state_defect_is_first_order_on_a_quadratic,
    assert_states_are_the_fine_ones,
)

# ---- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "wrong"), [("W", "V"), ("W", "WV"), ("F", "VF"), ("F", "FF"), ("V", "VV")]
)
def test_other_recursions(shape, wrong, monkeypatch):
    monkeypatch.setitem(schedule._INNER, shape, tuple(wrong))
    for name, n in (("poisson", 63), ("control", 64)):
        assert_noticed(assert_equals_multigrid, name, n, shape)


def test_second_visit_of_the_coarsest_level(monkeypatch):
    monkeypatch.setattr(Schedule, "inner_visits", lambda self, level, shape: schedule._INNER[shape])
    four = Schedule.paper(4)
    assert_noticed(assert_counted, Cycle(four, shape="W"), 2 + 2 * 1.5 + 4 * 1.25 + 4 * 0.25)


def test_miscounted_visits(monkeypatch):
    monkeypatch.setattr(Schedule, "visits", lambda self, shape="V": [1] * len(self))
    four = Schedule.paper(4)
    assert_noticed(assert_counted, Cycle(four, shape="W"), four.work_units(shape="W"))


def test_visits_that_all_begin_at_the_projection(monkeypatch):
    """A second visit must go on where the first one ended."""
    right = Cycle._visit

    def wrong(self, hierarchy, l, shape, f, x, state):
        own = state.levels[l]
        if l > 0:
            np.copyto(own.point, own.origin)
        right(self, hierarchy, l, shape, f, x, state)

    monkeypatch.setattr(Cycle, "_visit", wrong)
    assert_noticed(assert_equals_multigrid, "control", 64, "W")


# ---- additive ------------------------------------------------------------------------------------


def test_coarse_answers_to_another_gradient(monkeypatch):
    """Levels below the second answer the gradient of the fine level's end, as a V-cycle's do."""
    right = AdditiveCycle._answer

    def wrong(self, hierarchy, x, state):
        finest = state.levels[0]
        moved = x - 0.1 * finest.gradient
        finest.objective.value_and_grad(moved, finest.gradient)
        return right(self, hierarchy, x, state)

    monkeypatch.setattr(AdditiveCycle, "_answer", wrong)
    assert_noticed(assert_equals_additive, "poisson", 31)


def test_answers_that_are_not_passed_on(monkeypatch):
    def wrong(self, hierarchy, state):
        finest, next_level = state.levels[:2]
        hierarchy[0].transfer.prolong(next_level.point - next_level.origin, finest.correction)
        return finest.point - finest.origin + finest.correction

    monkeypatch.setattr(AdditiveCycle, "_add", wrong)
    assert_noticed(assert_equals_additive, "poisson", 31)
    assert_noticed(assert_equals_additive, "control", 64)


# ---- couplings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["control"])
def test_state_defect_without_its_tilt(name, monkeypatch):
    monkeypatch.setattr(coupling, "Tilted", Untilted)
    assert_noticed(assert_state_defect_is_first_order_on_a_quadratic, 16)


@pytest.mark.parametrize("sign", [0.0, -1.0, 2.0])
def test_wrong_defect(sign, monkeypatch):
    right = ControlObjective.with_state_defect

    def wrong(self, fine, x, origin):
        shifted = right(self, fine, x, origin)
        shifted._defects *= sign
        return shifted

    monkeypatch.setattr(ControlObjective, "with_state_defect", wrong)
    assert_noticed(assert_states_are_the_fine_ones, 32, 8)


def test_defect_of_the_fine_level_is_lost(monkeypatch):
    monkeypatch.setattr(coupling, "innermost", lambda f: ControlObjective(f.size))
    with pytest.MonkeyPatch.context() as patch:
        assert_noticed(
            test_coupling.test_coarser_levels_see_the_shifted_objectives_of_finer_ones, patch
        )


# ---- trust regions -------------------------------------------------------------------------------


def test_ratio_upside_down(monkeypatch):
    right = Guard._judge_ratio

    def wrong(self, *arguments):
        verdict = right(self, *arguments)
        return acceptance.replace(verdict, ratio=verdict.ratio and 1 / verdict.ratio)

    monkeypatch.setattr(Guard, "_judge_ratio", wrong)
    assert_noticed(assert_ratio, 1.0, 0.5)


def test_everything_is_accepted(monkeypatch):
    monkeypatch.setattr(
        Guard,
        "_step",
        staticmethod(lambda trust, trial, ratio: acceptance.Step(1.0, True, 1)),
    )
    assert_noticed(assert_ratio, 0.1, 1.5)
    assert_noticed(test_trust.test_rejected_correction_leaves_every_bit_and_shrinks_the_radius)


def test_radius_that_never_changes(monkeypatch):
    monkeypatch.setattr(TrustRegion, "next_radius", lambda self, radius, length, ratio: radius)
    assert_noticed(test_trust.test_rejected_correction_leaves_every_bit_and_shrinks_the_radius)
    assert_noticed(test_trust.test_radius_grows_when_the_model_is_good)


def test_ball_without_a_boundary(monkeypatch):
    monkeypatch.setattr(Ball, "confine", lambda self, before, y: None)
    assert_noticed(assert_confined, 2.25)


def test_visit_that_goes_on_at_the_boundary(monkeypatch):
    right = Ball.confine

    def wrong(self, before, y):
        right(self, before, y)
        self.left = False

    monkeypatch.setattr(Ball, "confine", wrong)
    assert_noticed(assert_confined, 2.25)


def test_balls_that_are_not_nested(monkeypatch):
    monkeypatch.setattr(Ball, "remaining", lambda self, y: np.inf)
    assert_noticed(test_ball.test_balls_are_nested, "V")


def test_trial_that_forgets_its_gradient(monkeypatch):
    monkeypatch.setattr(acceptance, "WithGradient", lambda f: f)
    assert_noticed(test_trust.test_trial_serves_the_next_step)


# ---- policies, skipping, verification ------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "done"),
    [
        (a, b)
        for a in ("reset", "keep", "transfer")
        for b in ("reset", "keep", "transfer")
        if a != b
    ],
)
def test_policy_that_does_something_else(declared, done, monkeypatch):
    start, learn = cycle.start_visit, cycle.learn_from_visit
    monkeypatch.setattr(cycle, "start_visit", lambda policy, *rest: start(done, *rest))
    monkeypatch.setattr(cycle, "learn_from_visit", lambda policy, *rest: learn(done, *rest))
    assert_noticed(assert_momentum_policy, declared)


def test_states_that_are_carried_one_way_only(monkeypatch):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cycle, "learn_from_visit", lambda *arguments: None)
        assert_noticed(assert_momentum_policy, "transfer")
    monkeypatch.setattr(
        Momentum, "carry_down", lambda self, fine, carrier: self.init(np.empty(1), None)
    )
    with pytest.raises((AssertionError, AttributeError)):
        assert_momentum_policy("transfer")


@pytest.mark.parametrize("name", ["gradient_down", "gradient_up"])
def test_gradients_carried_as_points(name, monkeypatch):
    monkeypatch.setattr(Carrier, name, getattr(Carrier, name.replace("gradient", "point")))
    assert_noticed(assert_momentum_policy, "transfer")


def test_pair_of_the_correction_from_the_wrong_gradient(monkeypatch):
    right = state.learn_from_visit

    def wrong(policy, hierarchy, l, cycle_state, f, x, *rest):
        cycle_state.levels[l].gradient[:] = 0
        right(policy, hierarchy, l, cycle_state, f, x, *rest)

    monkeypatch.setattr(cycle, "learn_from_visit", wrong)
    assert_noticed(test_policies.test_l_bfgs_learns_from_the_coarse_level_and_from_the_correction)


def test_skipping_in_the_wrong_norm(monkeypatch):
    def wrong(self, hierarchy, l, cycle_state):
        restricted = np.linalg.norm(cycle_state.levels[l + 1].restricted)
        if restricted < self.skip_below * np.linalg.norm(cycle_state.levels[l].gradient):
            cycle_state.skipped.append(l)
            return False
        return True

    monkeypatch.setattr(Cycle, "_is_worth_a_visit", wrong)
    assert_noticed(
        test_visits.test_visit_is_skipped_by_the_dual_norms_of_the_levels, [1.0, 1.0], 0.5, 1.0, 1.0
    )


def test_second_opinion_that_is_ignored(monkeypatch):
    monkeypatch.setattr(Guard, "_verify", lambda self, verify, h, trial, verdict: verdict)
    assert_noticed(test_visits.test_second_opinion, 3.0, 0.0, False, None)

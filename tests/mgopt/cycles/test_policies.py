"""What the optimisers of coarse levels remember from visit to visit."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    STATE_POLICIES,
    Adam,
    Diagonal,
    GradientDescent,
    Hierarchy,
    Level,
    Momentum,
    Schedule,
    VCycle,
    WCycle,
)
from mgres.problems import ControlObjective, NewtonStep, PiecewiseConstant
from mgres.testing import Quadratic

from ..chains import chain_hierarchy, run, start
from .oracles_cycle import assert_momentum_policy


@pytest.mark.parametrize("policy", STATE_POLICIES)
def test_momentum_by_hand(policy):
    assert_momentum_policy(policy)


@pytest.mark.parametrize("policy", STATE_POLICIES)
@pytest.mark.parametrize("cycle", [VCycle, WCycle])
def test_gradient_descent_has_nothing_to_remember(policy, cycle):
    schedule = Schedule.parse("[(1), 1, {2}]")
    plain, reports = run(chain_hierarchy(3), cycle(schedule), start(), cycles=2)
    x, other = run(chain_hierarchy(3), cycle(schedule, state=policy), start(), cycles=2)
    assert x.tobytes() == plain.tobytes()
    assert [r.work_units for r in other] == [r.work_units for r in reports]


def test_adam_counts_its_steps_through_all_levels():
    hierarchy = chain_hierarchy(3, optimizer=Adam(0.01))
    steps = {}
    for policy in STATE_POLICIES:
        x = start()
        cycle = VCycle(Schedule.parse("[1, 2/0, {3}]"), state=policy)
        state = cycle.init(hierarchy, x)
        for _ in range(2):
            cycle.step(hierarchy, x, state)
        steps[policy] = [own.optimizer.steps for own in state.levels]
    assert steps == {
        "reset": [4, 2, 3],
        "keep": [4, 4, 6],
        "transfer": [14, 13, 13],
        "down": [4, 5, 8],
    }


@dataclass(frozen=True)
class Carried:
    """Gradient descent that notes what is carried."""

    log: list = field(default_factory=list)
    inner: GradientDescent = field(default_factory=lambda: GradientDescent(0.1))

    def init(self, x, metric):
        return self.inner.init(x, metric)

    def step(self, f, x, state):
        return self.inner.step(f, x, state)

    def carry_down(self, fine, carrier):
        self.log.append(("down", carrier.fine_size, carrier.fine_metric, carrier.coarse_metric))
        return self.inner.carry_down(fine, carrier)

    def carry_up(self, fine, coarse, carrier):
        self.log.append(("up", carrier.fine_size, carrier.fine_metric, carrier.coarse_metric))


def test_states_are_carried_down_and_up_between_the_right_levels():
    optimizer = Carried()
    hierarchy = chain_hierarchy(3, optimizer=optimizer)
    run(hierarchy, VCycle(Schedule.parse("[1, 1, {1}]"), state="transfer"), start())
    metrics = [level.metric for level in hierarchy]
    first, second = (16, metrics[0], metrics[1]), (8, metrics[1], metrics[2])
    assert optimizer.log == [("down", *first), ("down", *second), ("up", *second), ("up", *first)]


def test_nothing_is_learnt_from_a_rejected_correction():
    optimizer = Carried()
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(4)), optimizer, Backwards(2)),
            Level(Quadratic(np.ones(2)), optimizer),
        ]
    )
    _, (report,) = run(hierarchy, VCycle(Schedule.parse("[1, {1}]"), state="transfer"), start(4))
    assert not report.corrections[0].accepted
    assert [entry[0] for entry in optimizer.log] == ["down"]


class Backwards(PiecewiseConstant):
    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out *= -1


def test_different_optimisers_start_afresh():
    coarse = Quadratic(np.array([1.0, 2.0]))
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(4)), Momentum(0.1), PiecewiseConstant(2)),
            Level(coarse, NewtonStep(coarse)),
        ]
    )
    schedule = Schedule.parse("[1, {1}]")
    ends = [
        run(hierarchy, VCycle(schedule, state=policy), start(4), cycles=3)[0]
        for policy in ("reset", "transfer")
    ]
    assert ends[0].tobytes() == ends[1].tobytes()


# ---- L-BFGS --------------------------------------------------------------------------------------


def l_bfgs_pairs(policy, text="[0/1, {2}]", cycles=1):
    A = np.arange(1.0, 5.0)
    hierarchy = Hierarchy(
        [
            Level(Quadratic(A), LBFGS(first_move=0.01), PiecewiseConstant(2)),
            Level(Quadratic(A[::2] + A[1::2]), LBFGS(first_move=0.01)),
        ]
    )
    x = start(4)
    cycle = VCycle(Schedule.parse(text), state=policy)
    state = cycle.init(hierarchy, x)
    reports = [cycle.step(hierarchy, x, state) for _ in range(cycles)]
    return A, state.levels[0].optimizer.pairs, hierarchy, reports


def test_l_bfgs_learns_from_the_coarse_level_and_from_the_correction():
    A, pairs, _, _ = l_bfgs_pairs("transfer")
    assert len(pairs) == 4
    coarse, correction, own = list(pairs)[:2], pairs[2], pairs[3]
    for pair in coarse:  # P s and lift y: constant on pairs, with the curvature of the coarse one
        np.testing.assert_array_equal(pair.s[::2], pair.s[1::2])
        np.testing.assert_allclose(pair.y[::2], (A[::2] + A[1::2]) * pair.s[::2] / 2, rtol=1e-12)
    for pair in (correction, own):  # of the level itself: y = A s
        np.testing.assert_allclose(pair.y, A * pair.s, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(correction.s, coarse[0].s + coarse[1].s, rtol=1e-12)


def test_l_bfgs_may_learn_from_the_correction_alone():
    A, pairs, _, _ = l_bfgs_pairs("down")
    assert len(pairs) == 2
    for pair in pairs:
        np.testing.assert_allclose(pair.y, A * pair.s, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("policy", ["reset", "keep"])
def test_l_bfgs_without_transfer_knows_its_own_steps_only(policy):
    A, pairs, _, _ = l_bfgs_pairs(policy)
    assert len(pairs) == 1
    np.testing.assert_allclose(pairs[0].y, A * pairs[0].s, rtol=1e-10)


def test_learning_costs_nothing():
    work = {policy: l_bfgs_pairs(policy)[2].work.gradients for policy in STATE_POLICIES}
    assert work == {policy: [1 + 1 + 1, 3] for policy in STATE_POLICIES}


def test_without_a_step_afterwards_the_gradient_is_not_asked_for():
    _, pairs, hierarchy, _ = l_bfgs_pairs("transfer", "[0, {2}]")
    assert hierarchy.work.gradients[0] == 1
    assert len(pairs) == 2


@pytest.mark.parametrize("steps", [64, 256])
def test_transfer_helps_l_bfgs(steps):
    x0, gradient, norms = start(steps), np.empty(steps), {}
    for policy in ("reset", "transfer"):
        f, half = ControlObjective(steps), ControlObjective(steps // 2)
        metric, half_metric = (Diagonal(np.full(g.size, g.step_size)) for g in (f, half))
        hierarchy = Hierarchy(
            [
                Level(f, LBFGS(), PiecewiseConstant(half.size), metric),
                Level(half, LBFGS(), metric=half_metric),
            ]
        )
        x, _ = run(hierarchy, VCycle(Schedule.parse("[0/2, {10}]"), state=policy), x0, cycles=4)
        f.value_and_grad(x, gradient)
        norms[policy] = metric.dual_norm(gradient)
    assert norms["transfer"] < 0.1 * norms["reset"]


def test_other_policies():
    with pytest.raises(ValueError, match=r"state: expected one of .*'keep'.*, got 'forget'"):
        VCycle(Schedule.paper(2), state="forget")

"""When a coarse visit is skipped, when a smoothing ends, and a second opinion."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    AnyOf,
    Armijo,
    Diagonal,
    FCycle,
    GradientDescent,
    GradientReduction,
    Hierarchy,
    Level,
    MaxSteps,
    Schedule,
    TrustRegion,
    VCycle,
    VerifiedOn,
    WCycle,
)
from mgres.problems import ControlObjective, PiecewiseConstant, control_hierarchy
from mgres.testing import Quadratic

from ..chains import Chain, chain_hierarchy, run, start
from ..oracles import generic_hierarchy

# ---- skipped visits ------------------------------------------------------------------------------


def weighted(weight, coarse_weight):
    """f(x) = |x|^2 / 2 on R^2 with metrics that weigh every component alike."""
    return Hierarchy(
        [
            Level(
                Quadratic(np.ones(2)),
                GradientDescent(0.1),
                PiecewiseConstant(1),
                Diagonal(np.full(2, weight)),
            ),
            Level(
                Quadratic(np.ones(1)),
                GradientDescent(0.1),
                metric=Diagonal(np.full(1, coarse_weight)),
            ),
        ]
    )


@pytest.mark.parametrize(
    ("x", "weight", "coarse_weight", "quotient"),
    [
        ([1.0, 1.0], 0.5, 1.0, 1.0),  # L^2: M_c = P' M P, and a smooth gradient
        ([1.0, -1.0], 0.5, 1.0, 0.0),  # nothing of it is seen on the coarse level
        ([1.0, 0.0], 0.5, 1.0, math.sqrt(0.5)),
        ([1.0, 1.0], 1.0, 1.0, math.sqrt(2)),  # Euclidean: R sums
        ([1.0, 1.0], 3.0, 24.0, 0.5),
    ],
)
def test_visit_is_skipped_by_the_dual_norms_of_the_levels(x, weight, coarse_weight, quotient):
    for kappa in (0.9 * quotient, 1.1 * quotient + 0.01):
        hierarchy = weighted(weight, coarse_weight)
        cycle = VCycle(Schedule.parse("[0, {1}]"), skip_below=kappa)
        end, (report,) = run(hierarchy, cycle, np.array(x))
        if kappa > quotient:
            assert (report.skipped, report.corrections, report.work_units) == ((0,), (), 1.0)
            assert end.tolist() == x
        else:
            assert report.skipped == ()
            assert report.work_units == 1.5


@pytest.mark.parametrize(("cycle", "visits"), [(VCycle, 1), (WCycle, 2), (FCycle, 2)])
def test_every_visit_decides_for_itself(cycle, visits):
    # gradients that P' cannot see between levels 1 and 2, but between 0 and 1
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(8)), GradientDescent(0.1), PiecewiseConstant(4)),
            Level(Quadratic(np.ones(4)), GradientDescent(0.1), PiecewiseConstant(2)),
            Level(Quadratic(np.ones(2)), GradientDescent(0.1)),
        ]
    )
    x = np.repeat([1.0, -1.0, 1.0, -1.0], 2)
    end, (report,) = run(hierarchy, cycle(Schedule.parse("[0, 1, {1}]"), skip_below=0.1), x)
    assert report.skipped == (1,) * visits
    assert [c.level for c in report.corrections] == [0]
    # level 1: the coupling's gradient is the first step's; then one before and one after the skip,
    # where the gradient at the skip serves the next step
    assert hierarchy.work.gradients == [1, 2 * visits, 0]
    assert np.all(np.abs(end) < np.abs(x))


def test_zero_never_skips():
    hierarchy = chain_hierarchy(3)
    cycle = VCycle(Schedule.paper(3), skip_below=0.0)
    _, reports = run(hierarchy, cycle, np.zeros(16), cycles=3)
    assert all(r.skipped == () for r in reports)
    assert all(len(r.corrections) == 2 for r in reports)


@pytest.mark.parametrize("kappa", [-0.1, math.nan, math.inf])
def test_bad_kappa(kappa):
    with pytest.raises(ValueError, match="skip_below: expected a number from 0, got"):
        VCycle(Schedule.paper(2), skip_below=kappa)


# ---- stopping rules ------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [GradientDescent(0.3), LBFGS()], ids=str)
def test_a_rule_ends_what_step_counts_only_bound(optimizer):
    fewer = VCycle(Schedule.parse("[(1), 2/0, {3}]"))
    ruled = VCycle(Schedule.parse("[(1), 9/0, {99}]"), stop=(None, MaxSteps(2), MaxSteps(3)))
    ends, costs = [], []
    for cycle in (fewer, ruled):
        hierarchy = chain_hierarchy(3, optimizer=optimizer)
        x, _ = run(hierarchy, cycle, start(), cycles=3)
        ends.append(x.tobytes())
        costs.append(hierarchy.work.gradients)
    assert ends[0] == ends[1]
    assert costs[0] == costs[1]  # asking a rule costs nothing


def test_one_rule_for_all_levels():
    hierarchy = chain_hierarchy(2)
    cycle = VCycle(Schedule.parse("[5/5, {7}]"), stop=MaxSteps(2))
    expected, _ = run(chain_hierarchy(2), VCycle(Schedule.parse("[2, {2}]")), start())
    x, _ = run(hierarchy, cycle, start())
    assert x.tobytes() == expected.tobytes()


def test_gradient_reduction_is_measured_in_the_metric_of_the_level():
    f = Quadratic(np.array([1.0, 4.0]))
    log = []

    @dataclass(frozen=True)
    class Spy:
        inner: GradientReduction

        def init(self):
            return self.inner.init()

        def met(self, state, value, norm):
            log.append((value, norm))
            return self.inner.met(state, value, norm)

    metric = Diagonal(np.array([4.0, 16.0]))
    hierarchy = Hierarchy([Level(f, GradientDescent(1.0), metric=metric)])
    cycle = VCycle(Schedule.parse("[{50}]"), stop=AnyOf(Spy(GradientReduction(0.1)), MaxSteps(40)))
    _, (report,) = run(hierarchy, cycle, np.array([1.0, 1.0]))
    # every step takes x to 3/4 x: |g|_{M^-1} = sqrt(1/4 + 1) (3/4)^k
    norms = math.sqrt(1.25) * 0.75 ** np.arange(10)
    np.testing.assert_allclose([norm for _, norm in log], norms[:10], rtol=1e-12)
    assert report.work_units == 10  # the tenth step is the first that begins at a small gradient
    assert 0.75**9 <= 0.1 < 0.75**8
    assert report.value == log[0][0] == 2.5


def test_rule_that_is_met_at_once():
    @dataclass(frozen=True)
    class Once:
        def init(self):
            return None

        def met(self, state, value, norm):
            return True

    x, (report,) = run(
        chain_hierarchy(3), VCycle(Schedule.parse("[3, 4, {5}]"), stop=Once()), start()
    )
    expected, _ = run(chain_hierarchy(3), VCycle(Schedule.parse("[1, 1, {1}]")), start())
    assert x.tobytes() == expected.tobytes()
    assert report.value == Chain(16).value(start())


def test_bad_rules():
    with pytest.raises(ValueError, match="stop: expected 3 rules, got 2"):
        VCycle(Schedule.paper(3), stop=(None, MaxSteps(1)))


# ---- verification --------------------------------------------------------------------------------


@pytest.mark.parametrize("trust", [None, TrustRegion(100.0)], ids=["line search", "trust region"])
@pytest.mark.parametrize(
    ("target", "tolerance", "accepted"),
    [(0.0, 0.0, True), (3.0, 0.0, False), (3.0, 1.4, False), (3.0, 1.6, True), (1.0, 0.0, True)],
)
def test_second_opinion(target, tolerance, accepted, trust):
    # the correction takes (1, 3) to (0, 2), |x - 3|^2 / 2 from 2 to 5 and |x - 1|^2 / 2 from 2 to 1
    other = Quadratic(np.ones(2), np.full(2, target))
    levels = [
        Level(Quadratic(np.ones(2)), GradientDescent(0.1), PiecewiseConstant(1)),
        Level(Quadratic(np.ones(1)), GradientDescent(0.25)),
    ]
    hierarchy = Hierarchy(levels)
    x = np.array([1.0, 3.0])
    cycle = VCycle(Schedule.parse("[0, {1}]"), trust=trust, verify=VerifiedOn(other, tolerance))
    (c,) = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections
    assert (c.accepted, c.verified) == (accepted, accepted)
    assert x.tolist() == ([0.0, 2.0] if accepted else [1.0, 3.0])
    assert c.alpha == (1.0 if accepted else 0.0)
    assert hierarchy.work.values[0] == 2 + (trust is not None)


def test_nobody_is_asked_about_a_rejected_or_a_coarse_correction():
    other = Quadratic(np.ones(16))
    hierarchy = generic_hierarchy(4)
    cycle = VCycle(Schedule.parse("[0, 0, 0, {40}]"), Armijo(), verify=VerifiedOn(other, 1e3))
    _, (report,) = run(hierarchy, cycle, start(16))
    *coarse, fine = report.corrections
    assert fine.verified
    assert all(c.verified is None for c in coarse)
    steep = VCycle(
        Schedule.parse("[0, 0, 0, {40}]"),
        Armijo(initial=1e6, max_trials=1),
        verify=VerifiedOn(other),
    )
    _, (report,) = run(generic_hierarchy(4), steep, start(16))
    assert all(c.alpha == 0 and c.verified is None for c in report.corrections)


def test_value_that_is_not_finite_is_a_refusal():
    class Undefined(Quadratic):
        def value(self, x):
            return math.nan

    f = ControlObjective(16)
    hierarchy = control_hierarchy(f)
    cycle = VCycle(Schedule.parse("[0, {1}]"), verify=VerifiedOn(Undefined(np.ones(16)), 1.0))
    x = np.ones(16)
    (c,) = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections
    assert not c.accepted
    np.testing.assert_array_equal(x, np.ones(16))


def test_bad_verification():
    with pytest.raises(ValueError, match="tolerance: expected a number from 0, got -1"):
        VerifiedOn(Quadratic(np.ones(2)), -1.0)
    cycle = VCycle(Schedule.paper(2), verify=VerifiedOn(Quadratic(np.ones(2))))
    with pytest.raises(ValueError, match="verify: expected an objective of size 16, got 2"):
        cycle.init(chain_hierarchy(2), start())

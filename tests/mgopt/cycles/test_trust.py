"""Recursive trust regions: ratios, radii, and the whole method."""

import math

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    Armijo,
    FixedStep,
    GradientDescent,
    Hierarchy,
    Level,
    Schedule,
    TrustRegion,
    VCycle,
)
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic

from ..chains import chain_hierarchy, run, start
from ..oracles import assert_fixed_point, generic_hierarchy
from .oracles_cycle import assert_ratio, by_hand, problem, uniform

RULES = TrustRegion(radius=2.0, eta1=0.25, eta2=0.75, shrink=0.5, grow=3.0)


# ---- ratio and radius ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("c", "rate"), [(1.0, 0.5), (2.0, 0.5), (2.0, 0.25), (0.5, 0.9), (0.1, 0.995), (0.1, 1.5)]
)
def test_ratio_by_hand(c, rate):
    assert_ratio(c, rate)


@pytest.mark.parametrize(
    ("radius", "length", "ratio", "after"),
    [
        (2.0, 1.0, 0.8, 3.0),  # grows to 3 |e|
        (2.0, 0.5, 0.8, 2.0),  # but only where the ball mattered
        (2.0, 2.0, 0.75, 6.0),
        (2.0, 2.0, 0.74, 2.0),
        (2.0, 2.0, 0.25, 2.0),
        (2.0, 2.0, 0.24, 1.0),
        (2.0, 0.5, -7.0, 0.25),  # below the step that failed
        (2.0, math.inf, -math.inf, 1.0),
        (2.0, math.nan, -math.inf, 1.0),
        (math.inf, 4.0, 0.5, math.inf),
        (math.inf, 4.0, 0.0, 2.0),
    ],
)
def test_next_radius(radius, length, ratio, after):
    assert RULES.next_radius(radius, length, ratio) == after


@pytest.mark.parametrize(
    ("actual", "predicted", "ratio"),
    [
        (1.0, 2.0, 0.5),
        (-1.0, 2.0, -0.5),
        (1.0, 0.0, -math.inf),
        (1.0, -1.0, -math.inf),
        (math.nan, 1.0, -math.inf),
        (1.0, math.inf, -math.inf),
        (1.0, math.nan, -math.inf),
        (2e-15, -1e-15, 1.0),  # both are rounding errors of f = 1
        (2e-15, 1e-13, 0.02),
    ],
)
def test_ratio_of_reductions(actual, predicted, ratio):
    class Fixed:
        def value(self, x):
            return 1.0 - actual

    found = RULES.ratio(Fixed(), np.ones(1), np.ones(1), 1.0, predicted)
    assert found == pytest.approx(ratio, rel=0.1 if 0 < abs(actual) < 1e-10 else 1e-12)


def test_rejected_correction_leaves_every_bit_and_shrinks_the_radius():
    # the coarse model is 100 x too flat: a step to its minimum, 100 x too long, inside the ball
    hierarchy = by_hand(c=0.01, rate=100.0)
    cycle = VCycle(Schedule.parse("[0, {1}]"), trust=TrustRegion(radius=1e4))
    x0 = np.array([1.0, 3.0])
    x = x0.copy()
    state = cycle.init(hierarchy, x)
    seen = []
    for _ in range(6):
        before = x.tobytes()
        (c,) = cycle.step(hierarchy, x, state).corrections
        seen.append((c.radius, c.accepted))
        assert c.accepted == (c.ratio >= 0.01)
        assert c.accepted or (x.tobytes() == before and c.alpha == 0.0)
    # a coarse step of 400, then steps to the boundary: 100, 25, 6.25, and 1.5625 is accepted
    assert seen[:5] == [(1e4, False), (100.0, False), (25.0, False), (6.25, False), (1.5625, True)]
    assert hierarchy.finest.value(x) < hierarchy.finest.value(x0)


def test_radius_grows_when_the_model_is_good():
    hierarchy = by_hand(c=2.0, rate=0.5)  # the Galerkin operator: the model is exact
    cycle = VCycle(Schedule.parse("[0, {1}]"), trust=TrustRegion(radius=0.5))
    x = np.array([1.0, 3.0])
    state = cycle.init(hierarchy, x)
    reports = [cycle.step(hierarchy, x, state).corrections[0] for _ in range(3)]
    assert [c.ratio for c in reports] == pytest.approx([1.0] * 3, rel=1e-12)
    assert [c.radius for c in reports] == [0.5, 1.25, 3.125]
    np.testing.assert_allclose(x, [-1.0, 1.0], atol=1e-14)  # 0.5 + 1.25 + 0.25: solved


def test_otherwise_a_line_search():
    hierarchy = by_hand(c=0.01, rate=100.0)
    trust = TrustRegion(radius=1e4, otherwise=Armijo(shrink=0.1))
    cycle = VCycle(Schedule.parse("[0, {1}]"), trust=trust)
    x = np.array([1.0, 3.0])
    (c,) = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections
    assert c.accepted
    assert c.ratio < 0
    assert c.alpha == pytest.approx(0.001)  # of a step of 400: 40 and 4 are too long
    assert c.evaluations == 5
    assert hierarchy.work.values[0] == 5


class Wells:
    """The sum of w(x_i) = x_i^4 / 4 - x_i^2 / 2 - x_i / 4 over n points, times a weight."""

    def __init__(self, n, weight):
        self.size, self.dtype, self._weight = n, np.dtype(np.float64), weight

    def value(self, x):
        return self._weight * float(np.sum(x**4 / 4 - x**2 / 2 - x / 4))

    def value_and_grad(self, x, out):
        out[:] = self._weight * (x**3 - x - 0.25)
        return self.value(x)


class JumpTo:
    """An optimiser that ends each step at one point, however the way there looks."""

    def __init__(self, target):
        self._target = target

    def init(self, x, metric):
        return None

    def step(self, f, x, state):
        fx = f.value(x)
        x[:] = self._target
        return fx


def over_the_hill(target, **options):
    """From 0.8 left of the hill at -0.27 to `target`: the way there begins uphill."""
    fine = Level(Wells(4, 1.0), GradientDescent(0.1), PiecewiseConstant(2))
    hierarchy = Hierarchy([fine, Level(Wells(2, 2.0), JumpTo(target))])
    x = np.full(4, -0.8)
    (report,) = run(hierarchy, VCycle(Schedule.parse("[0, {1}]"), **options), x)[1]
    (correction,) = report.corrections
    assert correction.slope > 0
    return correction


def test_a_correction_that_begins_uphill_is_judged_by_where_it_ends():
    taken = over_the_hill(1.1, trust=TrustRegion(10.0))
    assert taken.accepted
    assert taken.ratio == pytest.approx(1.0, rel=1e-12)
    assert not over_the_hill(1.1, line_search=Armijo()).accepted


def test_no_line_search_uphill():
    """On top of the hill the ratio is bad, and a line search has nothing to begin with."""
    refused = over_the_hill(-0.1, trust=TrustRegion(10.0, otherwise=FixedStep()))
    assert not refused.accepted
    assert refused.ratio is not None
    assert refused.evaluations == 1


def test_only_the_first_trial_comes_with_its_gradient():
    hierarchy = by_hand(c=0.01, rate=100.0)
    trust = TrustRegion(radius=1e4, otherwise=Armijo(shrink=0.1))
    run(hierarchy, VCycle(Schedule.parse("[0/1, {1}]"), trust=trust), np.array([1.0, 3.0]))
    # coupling, trial, step; then the values of the line search, whose first trial is known
    assert (hierarchy.work.gradients[0], hierarchy.work.values[0]) == (3, 3)


@pytest.mark.parametrize("broken", ["nan", "inf"])
def test_coarse_visit_that_explodes(broken):
    class Broken(Quadratic):
        def value_and_grad(self, x, out):
            out.fill(float(broken))
            return float(broken)

    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(2)), GradientDescent(0.1), PiecewiseConstant(1)),
            Level(Broken(np.ones(1)), GradientDescent(0.1)),
        ]
    )
    cycle = VCycle(Schedule.parse("[0, {3}]"), trust=TrustRegion(radius=1.0))
    x = np.array([1.0, 3.0])
    state = cycle.init(hierarchy, x)
    with np.errstate(invalid="ignore"):
        (c,) = cycle.step(hierarchy, x, state).corrections
    np.testing.assert_array_equal(x, [1.0, 3.0])
    assert not c.accepted
    assert (c.ratio, c.predicted, c.radius) == (None, None, 1.0)
    assert state.levels[0].radius == 0.25


# ---- the whole method ----------------------------------------------------------------------------


def test_never_increases_and_converges_where_plain_corrections_fail():
    hierarchy = generic_hierarchy(4)
    f = hierarchy.finest
    x0 = start(f.size)
    schedule = Schedule.parse("[1, 1, 1, {40}]")
    cycle = VCycle(schedule, trust=TrustRegion(radius=1.0))
    x, reports = run(hierarchy, cycle, x0, cycles=200)
    assert f.value(run(hierarchy, VCycle(schedule), x0, cycles=20)[0]) > f.value(x0)
    corrections = [c for r in reports for c in r.corrections]
    assert any(not c.accepted for c in corrections)
    gradient = np.empty_like(x)
    f.value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-8


@pytest.mark.parametrize("name", ["poisson", "control"])
def test_large_radius_is_the_plain_cycle(name):
    f, hierarchy, _ = problem(name, {"poisson": 63, "control": 64}[name])
    schedule = uniform(len(hierarchy), 1, 1)
    x0 = np.random.default_rng(1).standard_normal(f.size)
    plain, _ = run(hierarchy, VCycle(schedule), x0, cycles=3)
    trusted, reports = run(hierarchy, VCycle(schedule, trust=TrustRegion(math.inf)), x0, cycles=3)
    assert plain.tobytes() == trusted.tobytes()
    ratios = [c.ratio for r in reports for c in r.corrections]
    assert all(ratio > 0.25 for ratio in ratios)
    if name == "poisson":  # Galerkin operators: all the error is in the coarse solve
        assert ratios[0] == pytest.approx(1, rel=1e-9)
    assert_fixed_point(hierarchy, f.minimiser(), VCycle(schedule, trust=TrustRegion(10.0)))


def test_prediction_costs_nothing_with_l_bfgs():
    costs = {}
    for optimizer in (GradientDescent(0.1), LBFGS()):
        hierarchy = chain_hierarchy(2, optimizer=optimizer)
        run(hierarchy, VCycle(Schedule.parse("[0, {3}]"), trust=TrustRegion(100.0)), start())
        costs[type(optimizer)] = hierarchy.work.values
    assert costs == {GradientDescent: [1, 1], LBFGS: [1, 0]}


def test_trial_serves_the_next_step():
    hierarchies = [chain_hierarchy(2), chain_hierarchy(2)]
    for hierarchy, trust in zip(hierarchies, (None, TrustRegion(100.0)), strict=True):
        cycle = VCycle(Schedule.parse("[0/2, {3}]"), trust=trust)
        _, (report,) = run(hierarchy, cycle, start())
        assert report.corrections[0].accepted
    plain, trusted = (hierarchy.work for hierarchy in hierarchies)
    assert trusted.gradients == plain.gradients
    assert trusted.values == [0, 1]  # the coarse one is that of the prediction


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.0}, "radius: expected a positive number, got 0"),
        ({"radius": True}, "radius: expected a positive number, got True"),
        ({"radius": "1"}, "radius: expected a positive number, got '1'"),
        ({"radius": -(10**400)}, "radius: expected a positive number, got -10"),
        ({"radius": math.nan}, "radius: expected a positive number, got nan"),
        ({"eta1": 0.0}, "eta1, eta2: expected 0 < eta1 <= eta2 < 1"),
        ({"eta1": 0.95}, "eta1, eta2: expected 0 < eta1 <= eta2 < 1"),
        ({"eta2": 1.0}, "eta1, eta2: expected 0 < eta1 <= eta2 < 1"),
        ({"shrink": 1.0}, "shrink: expected a finite number > 0 and < 1, got 1"),
        ({"grow": 1.0}, "grow: expected a finite number > 1, got 1"),
        ({"grow": math.inf}, "grow: expected a finite number > 1, got inf"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        TrustRegion(**options)


def test_a_line_search_beside_a_trust_region():
    with pytest.raises(ValueError, match="line_search: a trust region takes its place"):
        VCycle(Schedule.paper(2), Armijo(), trust=TrustRegion())
    assert VCycle(Schedule.paper(2), FixedStep(), trust=TrustRegion()).trust == TrustRegion()

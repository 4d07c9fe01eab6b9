from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from mgres.mgopt import (
    Armijo,
    Diagonal,
    FixedStep,
    GradientDescent,
    Hierarchy,
    Level,
    Schedule,
    Step,
    Tilted,
    VCycle,
)
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic

from ..chains import Chain, chain_hierarchy, run, start
from ..oracles import generic_hierarchy


class Broken:
    """A coarse objective that answers with a given value and gradient away from its origin."""

    def __init__(self, n, value, gradient):
        self.size, self.dtype = n, np.dtype(np.float64)
        self._value, self._gradient = value, gradient

    def value(self, x):
        return self._value

    def value_and_grad(self, x, out):
        out[:] = self._gradient
        return self._value


class BadProlongation(PiecewiseConstant):
    """Puts a given number into one entry of every correction."""

    bad = np.nan

    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out[3] = self.bad


class InfiniteProlongation(BadProlongation):
    bad = np.inf


class HugeProlongation(BadProlongation):
    bad = -1e200  # finite, downhill, but its norm is not finite


class SteepProlongation(PiecewiseConstant):
    def prolong(self, coarse, out):
        out.fill(-1e10)  # of finite norm, but with the gradient of `steep` its slope is not finite


class UphillProlongation(PiecewiseConstant):
    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out *= -1


steep = Quadratic([1e300, 1.0, 1.0, 1.0])


def two_levels(transfer=None, coarse=None, optimizer=None, fine=None):
    fine, coarse = fine or Quadratic(np.ones(4)), coarse or Quadratic(np.ones(2))
    return Hierarchy(
        [
            Level(fine, GradientDescent(0.1), transfer or PiecewiseConstant(2)),
            Level(coarse, optimizer or GradientDescent(0.1)),
        ]
    )


REJECTIONS = {
    "nan in the correction": lambda: two_levels(BadProlongation(2)),
    "inf in the correction": lambda: two_levels(InfiniteProlongation(2)),
    "norm overflows": lambda: two_levels(HugeProlongation(2)),
    "slope overflows": lambda: two_levels(SteepProlongation(2), fine=steep),
    "uphill": lambda: two_levels(UphillProlongation(2)),
    "coarse gradient is nan": lambda: two_levels(coarse=Broken(2, 0.0, np.nan)),
    "coarse gradient is inf": lambda: two_levels(coarse=Broken(2, 0.0, np.inf)),
    "coarse objective is nan": lambda: two_levels(coarse=Broken(2, np.nan, np.nan)),
    "coarse optimizer overshoots": lambda: two_levels(optimizer=GradientDescent(1e308)),
}


@pytest.mark.parametrize("line_search", [FixedStep(), Armijo()], ids=["fixed", "armijo"])
@pytest.mark.parametrize("make", REJECTIONS.values(), ids=REJECTIONS)
def test_unfit_correction_leaves_every_bit(make, line_search):
    hierarchy = make()
    x0 = np.array([1.0, -0.0, 3.0, 1e-310])
    # no smoothing on the finest level, and enough coarse steps for nan to spread
    with np.errstate(over="ignore", invalid="ignore"):
        x, reports = run(hierarchy, VCycle(Schedule.parse("[0, {3}]"), line_search), x0)
    assert x.tobytes() == x0.tobytes()
    (correction,) = reports[0].corrections
    assert not correction.accepted
    assert correction.alpha == 0.0
    assert correction.level == 0


def test_line_search_that_finds_nothing_leaves_every_bit():
    # a coarse model that is 100 x too flat makes steps 100 x too long
    hierarchy = two_levels(coarse=Quadratic([0.02, 0.02]), optimizer=GradientDescent(100.0))
    x0 = start(4)
    x, reports = run(hierarchy, VCycle(Schedule.parse("[0, {1}]"), Armijo(max_trials=3)), x0)
    assert x.tobytes() == x0.tobytes()
    assert not reports[0].corrections[0].accepted
    assert reports[0].corrections[0].slope < 0


def test_rejection_on_one_level_does_not_stop_the_others():
    made = list(chain_hierarchy(3))
    made[1] = replace(made[1], transfer=UphillProlongation(4))
    hierarchy = Hierarchy(made)
    x, reports = run(hierarchy, VCycle(Schedule.parse("[1, 1, {2}]")), start())
    assert [(c.level, c.accepted) for c in reports[0].corrections] == [(1, False), (0, True)]
    f = hierarchy[0].objective
    assert f.value(x) < f.value(start())


def test_correction_report():
    # f = |x|^2 / 2 from (1, 3) with P = (1, 1)' and a coarse g(y) = y^2 / 2, gradient step 1/2:
    # Pi x = 2, R g = 4, v = g'(2) - 4 = -2, y - y0 = -2, d = (-2, -2), <g, d> = -8
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(2)), GradientDescent(0.1), PiecewiseConstant(1)),
            Level(Quadratic(np.ones(1)), GradientDescent(0.5)),
        ]
    )
    x, (report,) = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), np.array([1.0, 3.0]))
    np.testing.assert_array_equal(x, [-1.0, 1.0])
    (c,) = report.corrections
    assert (c.level, c.value, c.coupling, c.slope, c.alpha) == (0, 5.0, 0.5, -8.0, 1.0)
    assert c.accepted
    assert c.gradient_norm == pytest.approx(np.sqrt(10))
    assert c.correction_norm == pytest.approx(np.sqrt(8))
    assert report.value == 5.0
    assert report.work_units == 1.5


def test_report_measures_in_the_metric_of_the_level():
    metric = Diagonal(np.array([4.0, 4.0]))
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(2)), GradientDescent(0.1), PiecewiseConstant(1), metric),
            Level(Quadratic(np.ones(1)), GradientDescent(0.5), metric=Diagonal(np.array([9.0]))),
        ]
    )
    _, (report,) = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), np.array([1.0, 3.0]))
    (c,) = report.corrections
    assert c.gradient_norm == pytest.approx(np.sqrt(10 / 4))
    assert c.correction_norm == pytest.approx(np.sqrt(2 * 4) * 2 / 9)
    assert c.coupling == pytest.approx(0.5)


def test_corrections_are_reported_coarse_levels_first():
    cycle = VCycle(Schedule.paper(4))
    hierarchy = generic_hierarchy(4)
    x = np.zeros(hierarchy[0].objective.size)
    state = cycle.init(hierarchy, x)
    for _ in range(2):
        report = cycle.step(hierarchy, x, state)
        assert [c.level for c in report.corrections] == [2, 1, 0]


@dataclass
class Recorder:
    """A line search that notes what it was asked and takes half the correction."""

    asked: list = field(default_factory=list)

    def __call__(self, f, x, d, fx, slope):
        h, gradient = 1e-6, np.empty_like(x)
        assert f.value_and_grad(x, gradient) == fx
        assert slope == pytest.approx(gradient @ d, rel=1e-12)
        difference = (f.value(x + h * d) - f.value(x - h * d)) / (2 * h)
        assert slope == pytest.approx(difference, rel=1e-5)
        self.asked.append((f, x.copy(), d.copy()))
        return Step(0.5, accepted=True)


def test_line_search_judges_the_objective_of_the_level_with_its_coupling():
    recorder = Recorder()
    hierarchy = chain_hierarchy(4)
    run(hierarchy, VCycle(Schedule.parse("[1, 1, 1, {2}]"), recorder), start())
    assert [x.size for _, x, _ in recorder.asked] == [4, 8, 16]
    for f, x, d in recorder.asked[:2]:
        assert isinstance(f, Tilted)
        raw = Chain(x.size)
        change, raw_change = f.value(x + d) - f.value(x), raw.value(x + d) - raw.value(x)
        assert change == pytest.approx(raw_change - f.v @ d, rel=1e-9)
        assert abs(f.v @ d) > 1e-3 * abs(change)
    assert recorder.asked[2][0].objective is hierarchy[0].objective


def test_the_step_of_the_line_search_is_taken():
    cycle = VCycle(Schedule.parse("[0, {1}]"), FixedStep(0.25))
    hierarchy = two_levels()
    x0 = start(4)
    full, _ = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), x0)
    quarter, reports = run(hierarchy, cycle, x0)
    np.testing.assert_allclose(quarter - x0, (full - x0) / 4, rtol=1e-14)
    assert reports[0].corrections[0].alpha == 0.25


def test_armijo_never_lets_a_correction_increase_the_objective():
    # corrections up to 8 x too long: without the search the objective grows
    hierarchy = generic_hierarchy(4)
    x0 = start(hierarchy[0].objective.size)
    f = hierarchy[0].objective
    schedule = Schedule.parse("[0, 0, 0, {40}]")
    assert f.value(run(hierarchy, VCycle(schedule), x0)[0]) > f.value(x0)
    x, reports = run(hierarchy, VCycle(schedule, Armijo()), x0)
    assert f.value(x) < f.value(x0)
    assert any(c.alpha < 1 for c in reports[0].corrections)

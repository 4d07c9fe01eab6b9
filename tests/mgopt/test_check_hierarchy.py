"""`check_hierarchy` passes what is right, and catches one planted fault each."""

from dataclasses import replace

import numpy as np
import pytest

from mgres.mgopt import (
    Armijo,
    Diagonal,
    GradientDescent,
    Hierarchy,
    Level,
    MatrixTransfer,
    Schedule,
    VCycle,
)
from mgres.problems import ControlObjective, PiecewiseConstant, control_hierarchy
from mgres.testing import Quadratic, check_hierarchy

from .verdicts import DTYPES, Affine, InjectedGradient, Summed, assert_fails


def control(transfer=PiecewiseConstant, dtype=np.float64):
    f = ControlObjective(64, dtype=dtype)
    hierarchy = control_hierarchy(f, transfer=transfer)
    return hierarchy, 10 * f.minimiser(), VCycle(Schedule.parse("[1, 1, 1, {1}]"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_right_hierarchy_passes(dtype):
    hierarchy, x, cycle = control(dtype=dtype)
    kept = x.copy()
    report = check_hierarchy(hierarchy, x, cycle)
    report.raise_if_failed()
    assert report.warnings == ()
    np.testing.assert_array_equal(x, kept)
    assert hierarchy.work.total == 0
    assert [level.size for level in report.levels] == [64, 32, 16, 8]
    assert all(level.coherence < 1e-6 for level in report.levels[:-1])
    assert all(level.descent < -0.5 for level in report.levels[:-1])
    assert report.growth == pytest.approx(1, abs=0.1)
    assert report.fixed_point == 0
    assert list(report.moved) == ["quarter 1", "quarter 2", "quarter 3", "quarter 4"]


def test_without_a_cycle_nothing_is_cycled():
    hierarchy, x, _ = control()
    report = check_hierarchy(hierarchy, x)
    report.raise_if_failed()
    assert report.fixed_point is None
    assert report.moved == {}


def test_one_level():
    hierarchy = Hierarchy([Level(Quadratic(np.ones(4)), GradientDescent(0.5))])
    report = check_hierarchy(hierarchy, np.ones(4), VCycle(Schedule.parse("[{1}]")))
    report.raise_if_failed()
    assert report.growth is None


def test_groups_have_names():
    hierarchy, x, cycle = control()
    groups = {"first half": slice(0, 32), "last": slice(63, 64)}
    report = check_hierarchy(hierarchy, x, cycle, groups=groups)
    assert list(report.moved) == ["first half", "last"]
    moving = x.copy()
    cycle.step(hierarchy, moving, cycle.init(hierarchy, moving))
    assert report.moved["last"] == pytest.approx(abs(moving - x)[63])
    rms = np.sqrt(np.mean((moving - x)[:32] ** 2))
    assert report.moved["first half"] == pytest.approx(rms)
    assert "first half" in str(report)


def test_summed_parameters_fail_and_the_loss_is_seen_to_grow():
    hierarchy, x, cycle = control(Summed)
    report = check_hierarchy(hierarchy, x, cycle)
    assert_fails(report, *["parameters are summed"] * 3)
    assert report.growth > 1.5
    assert "parameters being summed" in report.warnings[0]


def test_injected_gradients_fail():
    report = check_hierarchy(*control(InjectedGradient))
    assert_fails(report, *["not the adjoint"] * 3)


def test_uphill_correction_fails_and_its_rejection_is_a_warning():
    class Uphill(PiecewiseConstant):
        def prolong(self, coarse, out):
            super().prolong(coarse, out)
            out *= -1

        def restrict(self, fine, out):
            super().restrict(fine, out)
            out *= -1

    class WrongSign(Uphill):
        restrict = PiecewiseConstant.restrict

    # minus P with minus P' is still a descent method
    assert all(level.descent < 0 for level in check_hierarchy(*control(Uphill)).levels[:-1])
    report = check_hierarchy(*control(WrongSign))
    assert any("goes uphill" in failure for failure in report.failures)
    assert "level 0: the cycle rejected the coarse correction" in report.warnings


def test_moving_fixed_point_fails():
    report = check_hierarchy(*control(Affine))
    assert any("a cycle moves a stationary point" in failure for failure in report.failures)


def test_incoherent_coarse_gradient_fails():
    class Drifting(ControlObjective):
        """Returns a slightly different gradient at every call."""

        calls = 0

        def value_and_grad(self, x, out):
            self.calls += 1
            value = super().value_and_grad(x, out)
            out += 1e-6 * self.calls
            return value

    hierarchy, x, _ = control()
    levels = list(hierarchy)
    levels[1] = replace(levels[1], objective=Drifting(32))
    report = check_hierarchy(Hierarchy(levels), x)
    assert any("differs from R f'(x)" in failure for failure in report.failures)


def test_loss_that_is_not_finite_fails():
    class Undefined(ControlObjective):
        def value_and_grad(self, x, out):
            super().value_and_grad(x, out)
            return np.nan

    hierarchy, x, _ = control()
    levels = list(hierarchy)
    levels[2] = replace(levels[2], objective=Undefined(16))
    report = check_hierarchy(Hierarchy(levels), x)
    assert_fails(report, "level 2: the loss is nan")


def test_cycle_that_diverges_fails():
    hierarchy, x, cycle = control()
    levels = list(hierarchy)
    levels[0] = replace(levels[0], optimizer=GradientDescent(1e308))
    report = check_hierarchy(Hierarchy(levels), x, cycle)
    assert "one cycle made parameters that are not finite" in report.failures


def test_fixed_point_with_a_line_search():
    hierarchy, x, cycle = control()
    report = check_hierarchy(hierarchy, x, replace(cycle, line_search=Armijo()))
    report.raise_if_failed()
    assert report.fixed_point == 0
    assert not report.warnings


def test_idle_parameters_are_a_warning():
    # the gradient of the second half is 1000 x smaller
    f = Quadratic(np.repeat([1.0, 1e-3], 8))
    coarse = Quadratic(np.repeat([1.0, 1e-3], 4))
    step = GradientDescent(0.1)
    hierarchy = Hierarchy([Level(f, step, PiecewiseConstant(8)), Level(coarse, step)])
    report = check_hierarchy(hierarchy, np.ones(16), VCycle(Schedule.parse("[1, {1}]")))
    report.raise_if_failed()
    assert [warning.split(":")[0] for warning in report.warnings] == ["quarter 3", "quarter 4"]


def test_hierarchy_report_prints_a_table():
    lines = str(check_hierarchy(*control())).splitlines()
    assert lines[0] == "check_hierarchy: ok"
    assert lines[1].split()[:3] == ["level", "parameters", "loss"]
    assert [line.split()[0] for line in lines[2:6]] == ["0", "1", "2", "3"]
    assert lines[6] == "  a cycle moves a stationary point by 0.0e+00"
    assert len({len(line) for line in lines[1:6]}) == 1


def test_check_hierarchy_bad_arguments():
    hierarchy, x, _ = control()
    for bad in (x[:-1], x.astype(np.float32)):
        with pytest.raises(ValueError, match=r"^x: expected shape \(64,\) and dtype float64"):
            check_hierarchy(hierarchy, bad)
    with pytest.raises(ValueError, match="schedule"):
        check_hierarchy(hierarchy, x, VCycle(Schedule.parse("[1, {1}]")))


def test_matrix_transfer_with_scaled_metric_is_coherent():
    # coherence does not depend on the metric, nor on Pi being exact
    P = np.eye(6, 3) + 0.1 * np.random.default_rng(2).standard_normal((6, 3))
    transfer = MatrixTransfer(P, np.linalg.pinv(P) * 1.1)
    levels = [
        Level(Quadratic(np.arange(1.0, 7)), GradientDescent(0.1), transfer, Diagonal(np.ones(6))),
        Level(Quadratic(np.ones(3)), GradientDescent(0.1), metric=Diagonal(np.full(3, 2.0))),
    ]
    check_hierarchy(Hierarchy(levels), np.ones(6)).raise_if_failed()

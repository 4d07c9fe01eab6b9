"""`check_optimizer` passes what is right, and catches one planted fault each."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from mgres.mgopt import LBFGS, Adam, Armijo, Euclidean, GradientDescent, Memo, Momentum
from mgres.testing import Quadratic, check_optimizer


@dataclass(frozen=True)
class Faulty(GradientDescent):
    learning_rate: float = 0.5


class ReturnsValueAfter(Faulty):
    def step(self, f, x, state):
        super().step(f, x, state)
        return f.value(x)


class WorksOnACopy(Faulty):
    def step(self, f, x, state):
        return super().step(f, x.copy(), state)


class ChangesStart(Faulty):
    def init(self, x, metric):
        x += 1
        return super().init(x, metric)


class IgnoresMetric(Faulty):
    def init(self, x, metric):
        return super().init(x, Euclidean())


class Normalised(Faulty):
    def step(self, f, x, state):
        fx = f.value_and_grad(x, state.gradient)
        with np.errstate(invalid="ignore"):
            x -= 0.01 * state.gradient / np.linalg.norm(state.gradient)
        return fx


class Ascends(Faulty):
    def step(self, f, x, state):
        fx = f.value_and_grad(x, state.gradient)
        x += 0.01 * state.gradient
        return fx


class Drifts(Faulty):
    def step(self, f, x, state):
        fx = super().step(f, x, state)
        x += 1e-5
        return fx


@dataclass(frozen=True)
class SharesState(Faulty):
    velocity: dict = field(default_factory=dict)

    def step(self, f, x, state):
        fx = f.value_and_grad(x, state.gradient)
        self.velocity["u"] = 0.5 * self.velocity.get("u", 0) + state.gradient
        x -= 0.1 * self.velocity["u"]
        return fx

    def init(self, x, metric):
        self.velocity.clear()
        return super().init(x, metric)


class Random(Faulty):
    generator = np.random.default_rng(0)

    def step(self, f, x, state):
        fx = super().step(f, x, state)
        x += 1e-9 * self.generator.standard_normal(x.size)
        return fx


class MemoSensitive(Faulty):
    def step(self, f, x, state):
        fx = super().step(f, x, state)
        if isinstance(f, Memo):
            x *= 1 - 1e-9
        return fx


@dataclass(frozen=True)
class BadCarrier(Momentum):
    learning_rate: float = 0.1


class SharesVelocity(BadCarrier):
    def carry_down(self, fine, carrier):
        state = super().carry_down(fine, carrier)
        state.velocity = fine.velocity[: state.velocity.size]
        return state


class EmptiesFine(BadCarrier):
    def carry_down(self, fine, carrier):
        state = super().carry_down(fine, carrier)
        fine.velocity[:] = 0
        return state


class CarriesNan(BadCarrier):
    def carry_down(self, fine, carrier):
        state = super().carry_down(fine, carrier)
        state.velocity[0] = np.nan
        return state


class LearnsNan(BadCarrier):
    def carry_up(self, fine, coarse, carrier):
        with np.errstate(all="ignore"):
            fine.velocity /= fine.velocity.sum() * 0


class EmptiesCoarse(BadCarrier):
    def carry_up(self, fine, coarse, carrier):
        super().carry_up(fine, coarse, carrier)
        coarse.velocity[:] = 0


@dataclass
class WithoutCarrier:
    """Has init and step only."""

    def init(self, x, metric):
        return Faulty().init(x, metric)

    def step(self, f, x, state):
        return Faulty().step(f, x, state)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (MemoSensitive(), "a Memo around f gave other bits"),
        (SharesVelocity(), "steps after carry_down change the state of the fine level"),
        (EmptiesFine(), "carry_down changed the state of the fine level"),
        (CarriesNan(), "steps after carry_down are not finite"),
        (LearnsNan(), "steps after carry_up are not finite"),
        (EmptiesCoarse(), "changed the state of the coarse level"),
        (WithoutCarrier(), "no method carry_up"),
        (ReturnsValueAfter(), "step returned"),
        (WorksOnACopy(), "did not change x in place"),
        (ChangesStart(), "init changed x"),
        (Normalised(), "from a stationary point are not finite"),
        (Ascends(), "f did not decrease"),
        (GradientDescent(2.5), "f did not decrease"),
        (SharesState(), "two states influence each other"),
        (Random(), "a repetition gave other bits"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_faulty_optimizer_fails(optimizer, message):
    report = check_optimizer(optimizer)
    assert not report.ok
    assert any(message in failure for failure in report.failures), str(report)


def test_ignored_metric_is_a_warning_and_shows_in_the_deviation():
    report = check_optimizer(IgnoresMetric(1e-3))
    assert "the metric makes no difference" in report.warnings
    assert report.metric_deviation > 0.1
    assert check_optimizer(GradientDescent(1e-3)).metric_deviation < 1e-12


def test_drift_is_reported():
    report = check_optimizer(Drifts())
    report.raise_if_failed()
    assert report.drift > 1e-5


def test_slow_optimizer_passes_but_the_report_says_so():
    report = check_optimizer(Adam(1e-4), budget=20)
    report.raise_if_failed()
    assert all(trial.steps is None for trial in report.trials)
    assert all(0.9 < trial.reduction < 1 for trial in report.trials)
    fast = check_optimizer(GradientDescent(1.0))
    assert fast.trials[0].steps == 1


class Backtracks(Faulty):
    """Armijo's rule, whose values cost a third each."""

    def step(self, f, x, state):
        fx = f.value_and_grad(x, state.gradient)
        d = -state.gradient
        slope = float(d @ state.gradient)
        step = Armijo(initial=4.0)(f, x, d, fx, slope)
        x += step.alpha * d
        return fx


def test_cost_of_a_step_is_reported():
    assert check_optimizer(GradientDescent(0.5)).cost == 1
    # one gradient more at the end, which the next step would get for nothing
    assert check_optimizer(LBFGS()).cost == pytest.approx(9 / 8)
    assert 1 + 1 / 3 < check_optimizer(Backtracks()).cost < 3


def test_optimizer_of_the_coarse_level_may_be_another():
    fails = check_optimizer(Momentum(0.1), coarse=CarriesNan())
    assert any("steps after carry_down are not finite" in f for f in fails.failures)


def test_optimizer_report_prints_its_numbers():
    text = str(check_optimizer(GradientDescent(0.5)))
    assert text.startswith("check_optimizer GradientDescent(learning_rate=0.5): ok\n")
    assert "condition 100, metric" in text


def test_check_optimizer_bad_arguments():
    with pytest.raises(ValueError, match=r"^budget: expected"):
        check_optimizer(GradientDescent(0.5), budget=0)


def test_quadratic():
    matrix, c, x = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([1.0, -1.0]), np.array([2.0, 1.0])
    f, gradient = Quadratic(matrix, c), np.empty(2)
    assert f.value_and_grad(x, gradient) == f.value(x) == 9.0
    np.testing.assert_array_equal(gradient, [4.0, 7.0])
    np.testing.assert_array_equal(f.hessian(x), matrix)
    np.testing.assert_array_equal(Quadratic([2.0, 3.0]).hessian(x), np.diag([2.0, 3.0]))
    assert (f.size, f.dtype) == (2, np.float64)


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (2, 2, 2)])
def test_quadratic_matrix_of_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"^matrix: expected"):
        Quadratic(np.ones(shape))


def test_quadratic_minimiser_of_wrong_shape():
    with pytest.raises(ValueError, match=r"^minimiser: expected"):
        Quadratic(np.ones(2), np.ones(3))

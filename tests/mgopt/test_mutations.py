"""Break the method on purpose: the assertions of this suite have to notice.

Each test takes an assertion that the right method passes, breaks one thing, and expects the very
same assertion to fail.
"""

from dataclasses import replace

import numpy as np
import pytest

from mgres.mgopt import (
    Diagonal,
    Euclidean,
    GaussNewton,
    Memo,
    Schedule,
    Tilted,
    TruncatedNewton,
    VCycle,
)
from mgres.mgopt.cycles import coupling
from mgres.mgopt.optimizers import gauss_newton, newton
from mgres.problems import (
    ControlObjective,
    LinearInterpolation,
    PiecewiseConstant,
    control_hierarchy,
)
from mgres.testing import check_hierarchy, check_transfer

from .optimizers.newton_oracles import (
    Rosenbrock,
    Saddle,
    assert_damped_steps_are_exact,
    assert_descends_from_negative_curvature,
    assert_gauss_newton_leaves_a_maximum,
    assert_last_steps_are_quadratic,
    assert_one_product_in_the_metric_of_the_matrix,
    assert_rejected_step_leaves_x,
)
from .oracles import (
    FullWeighting,
    assert_control_factor,
    assert_cost_is_formula_10,
    assert_equals_classical_v_cycle,
    assert_equals_linear_cycle,
    assert_fixed_point,
    assert_poisson_factor,
    control_factor,
    poisson_factor,
    uniform_cycle,
)


def assert_noticed(assertion, *arguments):
    """`assertion` passes as long as nothing is broken: the other test files show that."""
    with pytest.raises(AssertionError):
        assertion(*arguments)


# ---- wrong transfers -----------------------------------------------------------------------------


class InjectedGradients(LinearInterpolation):
    def restrict(self, fine, out):
        self.project(fine, out)


class EvenGradients(PiecewiseConstant):
    def restrict(self, fine, out):
        out[:] = fine[::2]


class OddGradients(PiecewiseConstant):
    def restrict(self, fine, out):
        out[:] = fine[1::2]


class MeanGradients(PiecewiseConstant):
    """The operator for parameters, used for gradients."""

    def restrict(self, fine, out):
        self.project(fine, out)


class SummedParameters(PiecewiseConstant):
    """The operator for gradients, used for parameters: the paper read literally."""

    def project(self, fine, out):
        self.restrict(fine, out)


@pytest.mark.parametrize("n", [31, 63, 255, 1023])
def test_poisson_with_injected_gradients(n):
    assert_noticed(assert_poisson_factor, n, InjectedGradients)
    assert_noticed(assert_equals_classical_v_cycle, n, InjectedGradients)
    assert 0.8 < poisson_factor(n, InjectedGradients) < 1


@pytest.mark.parametrize("transfer", [EvenGradients, OddGradients])
@pytest.mark.parametrize("steps", [16, 32, 64, 128, 256])
def test_control_with_injected_gradients(steps, transfer):
    assert_noticed(assert_control_factor, steps, transfer)
    assert 0.22 < control_factor(steps, transfer) < 0.45


@pytest.mark.parametrize("steps", [16, 64])
def test_control_with_averaged_gradients(steps):
    assert_noticed(assert_control_factor, steps, MeanGradients)
    assert_noticed(assert_equals_linear_cycle, steps, MeanGradients)


@pytest.mark.parametrize(
    "transfer", [InjectedGradients(31), EvenGradients(32), OddGradients(32), MeanGradients(32)]
)
def test_check_transfer_notices_wrong_gradients(transfer):
    assert_noticed(check_transfer(transfer).raise_if_failed)


def test_summed_parameters_let_the_loss_grow():
    # factors cannot notice: on a quadratic the projection cancels out
    f = ControlObjective(256)
    x = 10 * f.minimiser()
    right = check_hierarchy(control_hierarchy(f), x)
    wrong = check_hierarchy(control_hierarchy(f, transfer=SummedParameters), x)
    right.raise_if_failed()
    assert_noticed(wrong.raise_if_failed)
    assert right.growth == pytest.approx(1, abs=0.02)
    assert wrong.growth > 2
    losses = [level.loss for level in wrong.levels]
    assert losses == sorted(losses)


# ---- a wrong coupling ----------------------------------------------------------------------------


class NoCoupling(Tilted):
    """Minimises the coarse objective as it is."""

    def __init__(self, f, origin, gradient):
        own = np.empty_like(gradient)
        f.value_and_grad(origin, own)
        super().__init__(f, origin, own)


class OppositeCoupling(Tilted):
    """Adds <v, x> where it should be subtracted."""

    def __init__(self, f, origin, gradient):
        own = np.empty_like(gradient)
        f.value_and_grad(origin, own)
        super().__init__(f, origin, 2 * own - gradient)


class ForgetfulCoupling(Tilted):
    """Evaluates again at the point where it was built."""

    def value_and_grad(self, x, out):
        value = self.objective.value_and_grad(x, out)
        out -= self._v
        return value - self._tilt(x)


@pytest.mark.parametrize("wrong", [NoCoupling, OppositeCoupling])
def test_wrong_coupling(wrong, monkeypatch):
    monkeypatch.setattr(coupling, "Tilted", wrong)
    f = ControlObjective(64)
    assert_noticed(assert_fixed_point, control_hierarchy(f), f.minimiser())
    assert_noticed(assert_control_factor, 64)
    assert_noticed(assert_equals_linear_cycle, 64)
    # not by injection: in one dimension P'A = (P'AP) Pi for it, so that no coupling is needed
    assert_noticed(assert_equals_classical_v_cycle, 63, FullWeighting)


def test_wrong_coupling_is_noticed_by_check_hierarchy(monkeypatch):
    hierarchy = control_hierarchy(ControlObjective(64))
    x = np.random.default_rng(1).standard_normal(64)
    check_hierarchy(hierarchy, x, uniform_cycle(hierarchy, 1, 1)).raise_if_failed()
    monkeypatch.setattr(coupling, "Tilted", NoCoupling)
    report = check_hierarchy(hierarchy, x, uniform_cycle(hierarchy, 1, 1))
    assert_noticed(report.raise_if_failed)
    assert report.fixed_point > 1e-6


@pytest.mark.parametrize("levels", [2, 4, 8])
def test_forgotten_first_gradient_costs_more(levels, monkeypatch):
    # either of the two that remember it is enough
    monkeypatch.setattr(coupling, "Tilted", ForgetfulCoupling)
    assert_cost_is_formula_10(Schedule.paper(levels))
    monkeypatch.setattr(Memo, "knows", lambda self, x: False)
    assert_noticed(assert_cost_is_formula_10, Schedule.paper(levels))


# ---- a wrong cycle -------------------------------------------------------------------------------


def test_correction_from_zero_instead_of_from_the_projection(monkeypatch):
    """Use P y for the correction instead of P (y - y0)."""
    right = VCycle._correct

    def wrong(self, hierarchy, level, f, x, fx, h, state):
        coarse = state.levels[level + 1]
        coarse.point += coarse.origin
        return right(self, hierarchy, level, f, x, fx, h, state)

    monkeypatch.setattr(VCycle, "_correct", wrong)
    f = ControlObjective(64)
    assert_noticed(assert_fixed_point, control_hierarchy(f), f.minimiser())
    assert_noticed(assert_equals_linear_cycle, 64)
    assert_noticed(assert_equals_classical_v_cycle, 63)


def test_correction_that_is_never_added(monkeypatch):
    right = VCycle._correct

    def wrong(self, hierarchy, level, f, x, *arguments):
        return right(self, hierarchy, level, f, x.copy(), *arguments)

    monkeypatch.setattr(VCycle, "_correct", wrong)
    assert_noticed(assert_poisson_factor, 63)
    assert_noticed(assert_control_factor, 64)


def test_missing_smoothing(monkeypatch):
    right = VCycle._smooth

    def wrong(self, hierarchy, level, f, x, state, steps):
        right(self, hierarchy, level, f, x, state, steps if level != 1 else 0)

    monkeypatch.setattr(VCycle, "_smooth", wrong)
    assert_noticed(assert_poisson_factor, 63)
    assert_noticed(assert_equals_classical_v_cycle, 63)
    assert_noticed(assert_control_factor, 64)
    assert_noticed(assert_cost_is_formula_10, Schedule.paper(4))


# ---- wrong Newton steps --------------------------------------------------------------------------

WEIGHTS = [0.5, 2.0, 1.0, 8.0]


def test_damping_by_the_identity_instead_of_the_metric(monkeypatch):
    monkeypatch.setattr(Diagonal, "to_dual", lambda self, primal, out: np.copyto(out, primal))
    assert_noticed(assert_damped_steps_are_exact, WEIGHTS)


def test_gain_against_the_damped_model(monkeypatch):
    right = GaussNewton._model

    def wrong(self, f, x, damping, state):
        predicted = right(self, f, x, damping, state)
        return predicted - damping / 2 * state.metric.norm(state.trial - x) ** 2

    monkeypatch.setattr(GaussNewton, "_model", wrong)
    assert_noticed(assert_damped_steps_are_exact, WEIGHTS)


def test_the_hessian_in_place_of_the_gauss_newton_matrix(monkeypatch):
    monkeypatch.setattr(Saddle, "gauss_newton_product", Saddle.hessian_product)
    assert_noticed(assert_gauss_newton_leaves_a_maximum)


def test_the_gauss_newton_matrix_in_place_of_the_hessian(monkeypatch):
    monkeypatch.setattr(Rosenbrock, "bend", lambda self, x: 5 * np.eye(2))
    assert_noticed(assert_last_steps_are_quadratic, TruncatedNewton())


def test_conjugate_gradients_without_the_metric(monkeypatch):
    right = newton.conjugate_gradients

    def wrong(product, gradient, metric, forcing, max_products):
        return right(product, gradient, Euclidean(), forcing, max_products)

    monkeypatch.setattr(newton, "conjugate_gradients", wrong)
    assert_noticed(assert_one_product_in_the_metric_of_the_matrix)


@pytest.mark.parametrize("start", [0.1, 1e-8])
def test_negative_curvature_that_is_not_followed(start, monkeypatch):
    right = newton.conjugate_gradients
    monkeypatch.setattr(
        newton, "conjugate_gradients", lambda *args: replace(right(*args), escape=None)
    )
    assert_noticed(assert_descends_from_negative_curvature, start)


def test_trials_that_are_always_accepted(monkeypatch):
    def decreasing(f, x, gradient):
        f.value_and_grad(x, gradient)
        return -1e9

    for module, method in ((newton, TruncatedNewton()), (gauss_newton, GaussNewton())):
        monkeypatch.setattr(module, "finite_value_and_grad", decreasing)
        assert_noticed(assert_rejected_step_leaves_x, method, np.float64)

from itertools import pairwise

import numpy as np
import pytest

from mgres.mgopt import MatrixTransfer
from mgres.problems import (
    LinearInterpolation,
    PoissonObjective,
    classical_v_cycle,
    poisson_hierarchy,
)
from mgres.testing import check_gradient, check_hierarchy, check_transfer

from .oracles import (
    FullWeighting,
    assert_equals_classical_v_cycle,
    assert_fixed_point,
    assert_poisson_factor,
    energy_norm,
    uniform_cycle,
)

SIZES = [31, 63, 255, 1023, 4095]


class SummedParameters(LinearInterpolation):
    def project(self, fine, out):
        self.restrict(fine, out)


class ForgottenParameters(LinearInterpolation):
    def project(self, fine, out):
        out.fill(0)


def matrix_transfer(coarse_size):
    """The same P as a matrix; Pi is its pseudo-inverse."""
    interpolation = LinearInterpolation(coarse_size)
    P = np.empty((interpolation.fine_size, coarse_size))
    for j, unit in enumerate(np.eye(coarse_size)):
        column = np.empty(interpolation.fine_size)
        interpolation.prolong(unit, column)
        P[:, j] = column
    return MatrixTransfer(P)


PROJECTIONS = [LinearInterpolation, FullWeighting, SummedParameters, ForgottenParameters]


@pytest.mark.parametrize("transfer", PROJECTIONS)
@pytest.mark.parametrize("n", SIZES)
def test_cycle_is_the_classical_v_cycle_whatever_the_projection(n, transfer):
    assert_equals_classical_v_cycle(n, transfer)


@pytest.mark.parametrize("n", [31, 255])
def test_cycle_is_the_classical_v_cycle_with_the_pseudo_inverse(n):
    assert_equals_classical_v_cycle(n, matrix_transfer)


@pytest.mark.parametrize("transfer", PROJECTIONS)
@pytest.mark.parametrize("n", SIZES)
def test_factor_does_not_depend_on_n(n, transfer):
    assert_poisson_factor(n, transfer)


@pytest.mark.parametrize("transfer", PROJECTIONS)
@pytest.mark.parametrize("n", SIZES)
def test_minimiser_is_a_fixed_point(n, transfer):
    f = PoissonObjective.random(n, seed=3)
    assert_fixed_point(poisson_hierarchy(f, transfer=transfer), f.minimiser())


@pytest.mark.parametrize("transfer", PROJECTIONS)
def test_exactly_stationary_point_does_not_move_by_a_bit(transfer):
    solution = np.random.default_rng(4).integers(-8, 9, 63).astype(float)
    f = PoissonObjective(np.convolve(solution, [-1.0, 2.0, -1.0], "same"))
    hierarchy = poisson_hierarchy(f, transfer=transfer)
    cycle = uniform_cycle(hierarchy, 1, 1)
    x = solution.copy()
    cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    assert np.array_equal(x, solution)


@pytest.mark.parametrize("n", SIZES)
def test_minimiser_solves_the_equation(n):
    f = PoissonObjective.random(n, seed=2)
    x = f.minimiser()
    residual = f.right_hand_side - np.convolve(x, [-1.0, 2.0, -1.0], "same")
    assert np.linalg.norm(residual) < 1e-15 * 4 * np.linalg.norm(x)


def test_coarse_operators_are_galerkin():
    hierarchy = poisson_hierarchy(PoissonObjective.random(31, seed=2))
    for fine, coarse in pairwise(hierarchy):
        f, f_coarse = fine.objective.objective, coarse.objective.objective
        P = matrix_transfer(f_coarse.size)
        galerkin = np.empty_like(f_coarse.hessian(None))
        for j, unit in enumerate(np.eye(f_coarse.size)):
            up, column = np.empty(f.size), np.empty(f_coarse.size)
            P.prolong(unit, up)
            P.restrict(f.hessian(None) @ up, column)
            galerkin[:, j] = column
        np.testing.assert_allclose(f_coarse.hessian(None), galerkin, rtol=1e-14, atol=1e-16)
        y, up = np.random.default_rng(1).standard_normal(f_coarse.size), np.empty(f.size)
        P.prolong(y, up)
        assert f_coarse.value(y) == pytest.approx(f.value(up), rel=1e-13)


def test_classical_cycle_converges_by_itself():
    # the oracle has an oracle: textbook factor and exact solution
    f = PoissonObjective.random(127, seed=1)
    x, errors = np.zeros(127), []
    for _ in range(20):
        x = classical_v_cycle(x, f.right_hand_side)
        errors.append(energy_norm(x - f.minimiser()))
    assert 0.17 < (errors[11] / errors[7]) ** 0.25 < 0.20
    assert errors[-1] < 1e-11 * energy_norm(f.minimiser())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_and_hessian(dtype):
    f = PoissonObjective.random(63, seed=6, dtype=dtype)
    x = np.random.default_rng(0).standard_normal(63).astype(dtype)
    check_gradient(f, x).raise_if_failed()
    gradient = np.empty_like(x)
    f.value_and_grad(x, gradient)
    expected = f.hessian(x) @ x - f.right_hand_side
    np.testing.assert_allclose(gradient, expected, atol=20 * np.finfo(dtype).eps)
    assert f.hessian(x).dtype == f.minimiser().dtype == f.dtype == dtype


def test_float32_reaches_single_precision():
    f = PoissonObjective.random(31, seed=6, dtype=np.float32)
    hierarchy = poisson_hierarchy(f)
    cycle = uniform_cycle(hierarchy, 1, 1)
    x = np.zeros(31, np.float32)
    state = cycle.init(hierarchy, x)
    for _ in range(12):
        cycle.step(hierarchy, x, state)
    assert x.dtype == np.float32
    assert np.linalg.norm(x - f.minimiser()) < 1e-5 * np.linalg.norm(f.minimiser())


def test_hierarchy_passes_its_check():
    f = PoissonObjective.random(63, seed=6)
    hierarchy = poisson_hierarchy(f)
    x = np.random.default_rng(0).standard_normal(63)
    report = check_hierarchy(hierarchy, x, uniform_cycle(hierarchy, 1, 1))
    report.raise_if_failed()
    check_transfer(LinearInterpolation(31), exact_projection=True).raise_if_failed()


@pytest.mark.parametrize("n", [0, 1, 2, 4, 30, 32])
def test_sizes_that_do_not_nest_are_refused(n):
    with pytest.raises(ValueError, match="right_hand_side"):
        PoissonObjective(np.zeros(n))


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="right_hand_side"):
        PoissonObjective(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="coarse_size"):
        LinearInterpolation(0)
    with pytest.raises(ValueError, match="learning_rate"):
        poisson_hierarchy(PoissonObjective.random(7), damping=0.0)

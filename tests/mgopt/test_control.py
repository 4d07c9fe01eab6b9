import numpy as np
import pytest

from mgres.problems import ControlObjective, PiecewiseConstant, control_hierarchy
from mgres.testing import check_gradient, check_hierarchy, check_transfer

from .oracles import (
    CONTROL_FACTORS,
    assert_control_factor,
    assert_equals_linear_cycle,
    assert_fixed_point,
    control_factor,
    linear_cycle_matrix,
    uniform_cycle,
)


@pytest.mark.parametrize("steps", CONTROL_FACTORS)
def test_factor(steps):
    assert_control_factor(steps)


def test_factor_improves_with_the_number_of_steps():
    assert control_factor(256) < control_factor(64) < control_factor(16) < 0.04
    assert control_factor(256) < 0.01


@pytest.mark.parametrize("steps", [16, 64])
def test_factor_is_the_spectral_radius_of_the_linear_cycle(steps):
    A, B = linear_cycle_matrix(steps)
    radius = max(abs(np.linalg.eigvals(np.eye(steps) - B @ A)))
    assert control_factor(steps) == pytest.approx(radius, rel=0.01)


@pytest.mark.parametrize("steps", [8, 16, 32, 128])
def test_cycle_is_the_linear_cycle(steps):
    assert_equals_linear_cycle(steps)


@pytest.mark.parametrize("steps", [16, 64, 256])
def test_minimiser_is_a_fixed_point(steps):
    f = ControlObjective(steps)
    assert_fixed_point(control_hierarchy(f), f.minimiser())


@pytest.mark.parametrize("steps", [8, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adjoint_gradient(steps, dtype):
    f = ControlObjective(steps, dtype=dtype)
    x = np.random.default_rng(0).standard_normal(steps).astype(dtype)
    check_gradient(f, x).raise_if_failed()


def test_hessian_and_minimiser_agree_with_the_adjoint():
    f = ControlObjective(32, final_time=2.0)
    x = f.minimiser()
    gradient, at_zero, at_unit = (np.empty(32) for _ in range(3))
    f.value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-14
    f.value_and_grad(np.zeros(32), at_zero)
    for j, unit in enumerate(np.eye(32)):
        f.value_and_grad(unit, at_unit)
        np.testing.assert_allclose(f.hessian(x)[:, j], at_unit - at_zero, atol=1e-14)


def test_states_follow_the_dynamics():
    f = ControlObjective(10)
    states = f.states(np.ones(10))
    assert states.shape == (10, 2)
    # one step by hand from (1, 0) with u = 1
    np.testing.assert_allclose(states[0], [1.0, 0.1 * (-2.0 + 1.0)], rtol=1e-15)
    # first order: halving h halves the distance to the limit
    ends = [ControlObjective(n).states(np.ones(n))[-1] for n in (100, 200, 400)]
    ratio = np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(ends[1] - ends[2])
    assert ratio == pytest.approx(2, abs=0.05)


def test_float32_follows_float64():
    solutions = {}
    for dtype in (np.float32, np.float64):
        hierarchy = control_hierarchy(ControlObjective(64, dtype=dtype))
        cycle = uniform_cycle(hierarchy, 1, 0)
        x = np.zeros(64, dtype)
        state = cycle.init(hierarchy, x)
        for _ in range(4):
            cycle.step(hierarchy, x, state)
        assert x.dtype == dtype
        solutions[dtype] = x
    difference = np.linalg.norm(solutions[np.float32] - solutions[np.float64])
    assert difference < 1e-5 * np.linalg.norm(solutions[np.float64])


def test_hierarchy_passes_its_check():
    hierarchy = control_hierarchy(ControlObjective(64))
    x = np.random.default_rng(0).standard_normal(64)
    report = check_hierarchy(hierarchy, x, uniform_cycle(hierarchy, 1, 0))
    report.raise_if_failed()
    assert not report.warnings
    couplings = [level.coupling for level in report.levels[:-1]]
    # consistent discretisations: the finer the levels, the less the coupling has to say
    assert couplings == sorted(couplings)
    check_transfer(PiecewiseConstant(32), exact_projection=True).raise_if_failed()


@pytest.mark.parametrize("coarsest", [0, -8, 7, 12, 128])
def test_coarsest_that_halving_does_not_reach(coarsest):
    with pytest.raises(ValueError, match="coarsest_steps"):
        control_hierarchy(ControlObjective(64), coarsest_steps=coarsest)


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="steps"):
        ControlObjective(0)
    for time in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="final_time"):
            ControlObjective(8, time)
    with pytest.raises(ValueError, match="coarse_size"):
        PiecewiseConstant(0)

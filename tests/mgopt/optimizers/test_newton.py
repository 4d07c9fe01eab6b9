"""Truncated Newton and Levenberg-Marquardt where the answer is known."""

import itertools

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    LSR1,
    Carrier,
    Counted,
    Diagonal,
    Euclidean,
    GaussNewton,
    Memo,
    Tilted,
    TruncatedNewton,
    WorkUnits,
)
from mgres.mgopt.optimizers.conjugate_gradients import conjugate_gradients
from mgres.problems import ControlObjective, PiecewiseConstant, PoissonObjective
from mgres.testing import Quadratic, check_optimizer

from .newton_oracles import (
    Cosine,
    Rosenbrock,
    assert_cg_ends_after_as_many_products_as_eigenvalues,
    assert_cg_solves,
    assert_damped_steps_are_exact,
    assert_descends_from_negative_curvature,
    assert_finds_valley,
    assert_gauss_newton_leaves_a_maximum,
    assert_last_steps_are_quadratic,
    assert_one_product_in_the_metric_of_the_matrix,
    assert_rejected_step_leaves_x,
    run,
)

METHODS = [TruncatedNewton(), GaussNewton()]


# ---- products of the model problems --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hessian_product", "gauss_newton_product"])
@pytest.mark.parametrize(
    "f",
    [
        PoissonObjective.random(15),
        PoissonObjective(np.ones(7), scale=0.25),
        ControlObjective(12, 2.0),
        Quadratic([1.0, 4.0, 9.0], [1.0, 1.0, 0.0]),
        Quadratic([[2.0, -1.0], [-1.0, 3.0]]),
    ],
    ids=lambda f: f"{type(f).__name__}-{f.size}",
)
def test_products_of_the_model_problems(f, kind):
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, f.size))
    out, here, there = (np.empty(f.size) for _ in range(3))
    getattr(f, kind)(x, v, out)
    np.testing.assert_allclose(out, f.hessian(x) @ v, rtol=1e-12, atol=1e-13)
    f.value_and_grad(x, here)
    f.value_and_grad(x + v, there)  # f' is linear
    np.testing.assert_allclose(out, there - here, rtol=1e-11, atol=1e-12)


# ---- conjugate gradients -------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0, 8.0, 3.0]], ids=["I", "diagonal"])
def test_cg_solves(weights):
    assert_cg_solves(weights)


@pytest.mark.parametrize("distinct", [1, 2, 3, 7])
def test_cg_ends_after_as_many_products_as_eigenvalues(distinct):
    assert_cg_ends_after_as_many_products_as_eigenvalues(distinct)


def test_one_product_in_the_metric_of_the_matrix():
    assert_one_product_in_the_metric_of_the_matrix()


def test_cg_keeps_the_residual_that_it_was_asked_for():
    f = PoissonObjective.random(63)
    for forcing in (0.5, 0.1, 1e-3):
        result = conjugate_gradients(
            lambda v, out: f.hessian_product(v, v, out), f.right_hand_side, Euclidean(), forcing, 99
        )
        residual = f.hessian(f.right_hand_side) @ result.step + f.right_hand_side
        reached = np.linalg.norm(residual) / np.linalg.norm(f.right_hand_side)
        assert reached <= forcing
        assert result.residual == pytest.approx(reached, rel=1e-8)


def test_cg_stops_at_its_budget():
    f = PoissonObjective.random(63)
    result = conjugate_gradients(
        lambda v, out: f.hessian_product(v, v, out), f.right_hand_side, Euclidean(), 1e-9, 4
    )
    assert result.products == 4
    A, d = f.hessian(f.right_hand_side), result.step
    assert result.model == pytest.approx(f.right_hand_side @ d + d @ A @ d / 2, rel=1e-12)
    assert result.model < 0


def test_cg_returns_the_steepest_descent_in_the_metric_if_that_has_negative_curvature():
    weights, g = np.array([1.0, 2.0, 4.0]), np.array([1.0, -1.0, 2.0])
    result = conjugate_gradients(
        lambda v, out: np.negative(v, out=out), g, Diagonal(weights), 0.1, 9
    )
    np.testing.assert_array_equal(result.escape, -g / weights)
    assert result.products == 1
    assert not result.step.any()
    assert result.model == 0
    assert result.residual == 1


def test_cg_keeps_what_it_has_found_before_negative_curvature():
    matrix, g = np.diag([1.0, -0.1]), np.array([1.0, 0.1])
    result = conjugate_gradients(
        lambda v, out: np.matmul(matrix, v, out=out), g, Euclidean(), 1e-9, 9
    )
    p = result.escape
    assert p @ matrix @ p < 0
    assert g @ p < 0
    assert result.products == 2
    np.testing.assert_allclose(result.step, -g * (g @ g) / (g @ matrix @ g))
    assert abs(p @ matrix @ result.step) < 1e-12  # conjugate


def test_steps_continue_along_negative_curvature():
    """The same function as above, from where its gradient is the same."""
    f = Quadratic([1.0, -0.1])
    x = np.array([1.0, -1.0])
    newton = TruncatedNewton(forcing=1e-9, first_move=0.25)
    state = newton.init(x, Euclidean())
    newton.step(f, x, state)
    g = np.array([1.0, 0.1])
    step = -g * (g @ g) / (g @ (f.matrix * g))
    p = (x - [1.0, -1.0]) - step
    assert np.abs(p).max() == pytest.approx(0.25)
    assert abs(p @ (f.matrix * step)) < 1e-12
    assert state.negative_curvature == 1


# ---- quadratics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [PoissonObjective.random(31), ControlObjective(16)], ids=["Poisson", "control"]
)
def test_truncated_newton_minimises_a_quadratic_in_one_step(f):
    x = np.random.default_rng(1).standard_normal(f.size)
    newton = TruncatedNewton(forcing=1e-12, max_products=2 * f.size)
    state = newton.init(x, Euclidean())
    before = f.value(x)
    assert newton.step(f, x, state) == pytest.approx(before, rel=1e-14)
    np.testing.assert_allclose(x, f.minimiser(), rtol=1e-8, atol=1e-9)
    assert state.products <= f.size + 2  # n without rounding
    assert state.negative_curvature == state.rejected == 0


def test_the_metric_of_the_control_problem_makes_cg_independent_of_depth():
    """f'' is h (I + compact), so that in the metric h I the number of products does not grow."""
    products = []
    for steps in (16, 64, 256):
        f = ControlObjective(steps)
        x = np.zeros(steps)
        newton = TruncatedNewton(forcing=1e-8)
        state = newton.init(x, Diagonal(np.full(steps, 1 / steps)))
        newton.step(f, x, state)
        np.testing.assert_allclose(x, f.minimiser(), atol=1e-6)
        products.append(state.products)
    assert max(products) <= 7
    assert products[2] <= products[0] + 1


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0, 8.0]], ids=["I", "diagonal"])
def test_damped_steps_are_exact(weights):
    assert_damped_steps_are_exact(weights)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_the_surrogate_of_a_cycle_is_minimised(method):
    rng = np.random.default_rng(8)
    root = rng.standard_normal((5, 5))
    f = Quadratic(root @ root.T + np.eye(5), rng.standard_normal(5))
    surrogate = Tilted(f, rng.standard_normal(5), rng.standard_normal(5))
    x, gradient = run(method, surrogate, np.zeros(5), 30), np.empty(5)
    surrogate.value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-7  # f is known to 1e-16, and so x to 1e-8


# ---- functions that are not quadratic ------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("start", [(-1.2, 1.0), (0.0, 0.0), (3.0, -4.0)])
def test_rosenbrock(method, start):
    assert_finds_valley(method, start)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_convergence_is_fast_at_the_end(method):
    assert_last_steps_are_quadratic(method)


@pytest.mark.parametrize("start", [0.1, -0.1, 1e-8])
def test_negative_curvature_leads_away_from_a_maximum(start):
    assert_descends_from_negative_curvature(start)


def test_gauss_newton_needs_no_second_derivatives_of_the_residuals():
    assert_gauss_newton_leaves_a_maximum()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rejected_steps_leave_x(method, dtype):
    assert_rejected_step_leaves_x(method, dtype)


def test_rejection_keeps_the_damping_if_nothing_was_found():
    f = Cosine(broken=True)
    method, x = GaussNewton(max_trials=3), np.array([0.5])
    state = method.init(x, Euclidean())
    method.step(f, x, state)
    first = state.damping
    assert first is not None
    assert state.rejected == 3
    assert state.gain == -np.inf
    method.step(f, x, state)
    assert state.damping == first


def test_damping_grows_by_powers_of_two_until_the_step_is_short_enough():
    f, x = Rosenbrock(), np.array([-1.2, 1.0])
    method = GaussNewton(damping=1e-9, forcing=1e-12)
    state = method.init(x, Euclidean())
    method.step(f, x, state)
    tries = state.rejected
    assert tries >= 2
    u = np.empty(2)
    f.value_and_grad(np.array([-1.2, 1.0]), u)
    image = np.empty(2)
    f.gauss_newton_product(np.array([-1.2, 1.0]), u, image)
    grown = 1e-9 * (u @ image) / (u @ u) * 2.0 ** (tries * (tries + 1) / 2)
    factor = max(1 / 3, 1 - (2 * state.gain - 1) ** 3)
    assert state.damping == pytest.approx(grown * factor, rel=1e-12)


# ---- forcing terms -------------------------------------------------------------------------------


def test_forcing_terms_are_those_of_eisenstat_and_walker():
    f, x = Rosenbrock(), np.array([-1.2, 1.0])
    method = TruncatedNewton()
    state = method.init(x, Euclidean())
    norms, forcing = [], []
    g = np.empty(2)
    for _ in range(8):
        f.value_and_grad(x, g)
        norms.append(np.linalg.norm(g))
        method.step(f, x, state)
        forcing.append(state.forcing)
    expected = [0.5]
    for before, now in itertools.pairwise(norms):
        eta, floor = 0.9 * (now / before) ** 2, 0.9 * expected[-1] ** 2
        expected.append(min(max(eta, floor) if floor > 0.1 else eta, 0.5))
    np.testing.assert_allclose(forcing, expected, rtol=1e-12)
    assert min(expected) < 0.5


# ---- contract ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "method", [*METHODS, TruncatedNewton(forcing=0.1, max_products=5), GaussNewton(1.0)], ids=str
)
def test_contract(method, dtype):
    report = check_optimizer(method, dtype=dtype)
    report.raise_if_failed()
    assert report.drift == 0
    assert report.metric_deviation < (1e-6 if dtype == np.float64 else 1e-2)
    assert all(trial.steps is not None for trial in report.trials)


@pytest.mark.parametrize("method", [TruncatedNewton(), GaussNewton(), LBFGS(), LSR1()], ids=repr)
def test_how_far_a_step_went_is_known(method):
    f = Quadratic(np.array([1.0, 3.0, 10.0]), np.array([1.0, -2.0, 0.5]))
    x = np.array([5.0, 1.0, -1.0])
    state, metric = method.init(x, Euclidean()), Euclidean()
    for _ in range(3):
        before = x.copy()
        method.step(Memo(f), x, state)
        assert state.moved == pytest.approx(np.max(np.abs(x - before)), rel=1e-12)
        assert metric.norm(x - before) > 0


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_work_is_counted(method):
    f = PoissonObjective.random(31)
    work = WorkUnits([1.0])
    counted = Memo(Counted(f, work, 0))
    x = np.zeros(31)
    state = method.init(x, Euclidean())
    for _ in range(3):
        method.step(counted, x, state)
    assert work.gradients == [4]  # one at the start, and one at each end
    assert work.values == [0]
    gauss_newton = isinstance(method, GaussNewton)
    assert work.gauss_newton_products == [state.products if gauss_newton else 0]
    assert work.hessian_products == [0 if gauss_newton else state.products]
    assert state.products > 3


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_an_objective_without_second_derivatives_is_an_error(method):
    class First:
        size, dtype = 2, np.dtype(np.float64)

        def value(self, x):
            return float(x @ x)

        def value_and_grad(self, x, out):
            out[:] = 2 * x
            return self.value(x)

    x = np.ones(2)
    with pytest.raises(TypeError, match="objective: expected hessian_product and gauss_newton"):
        method.step(First(), x, method.init(x, Euclidean()))


def test_damping_is_carried_down_and_up():
    carrier = Carrier(
        PiecewiseConstant(4), Diagonal(np.full(8, 1 / 8)), Diagonal(np.full(4, 1 / 4))
    )
    method = GaussNewton()
    f, x = ControlObjective(8), np.zeros(8)
    fine = method.init(x, carrier.fine_metric)
    assert method.carry_down(fine, carrier).damping is None
    method.step(f, x, fine)
    coarse = method.carry_down(fine, carrier)
    assert coarse.damping == fine.damping
    assert coarse.metric is carrier.coarse_metric
    coarse_f, y = ControlObjective(4), np.zeros(4)
    method.step(coarse_f, y, coarse)
    assert coarse.damping == pytest.approx(fine.damping / 3)  # a quadratic has gain 1
    method.carry_up(fine, coarse, carrier)
    assert fine.damping == coarse.damping
    assert fine.gradient.shape == (8,)


def test_truncated_newton_starts_afresh_on_another_level():
    carrier = Carrier(PiecewiseConstant(4), Euclidean(), Euclidean())
    method = TruncatedNewton()
    x = np.zeros(8)
    fine = method.init(x, Euclidean())
    method.step(ControlObjective(8), x, fine)
    before = fine.gradient_norm, fine.forcing
    coarse = method.carry_down(fine, carrier)
    assert coarse.gradient.shape == (4,)
    assert np.isnan(coarse.gradient_norm)
    method.carry_up(fine, coarse, carrier)
    assert (fine.gradient_norm, fine.forcing) == before


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *[
            (lambda n=n: TruncatedNewton(max_products=n), "max_products")
            for n in (0, -1, 1.5, True)
        ],
        *[(lambda n=n: TruncatedNewton(max_trials=n), "max_trials") for n in (0, 2.0)],
        *[(lambda s=s: TruncatedNewton(forcing=s), "forcing") for s in (0.0, 1.0, np.nan)],
        *[(lambda s=s: TruncatedNewton(max_forcing=s), "max_forcing") for s in (0.0, 1.0, np.nan)],
        *[(lambda s=s: TruncatedNewton(c1=s), "c1") for s in (0.0, 1.0)],
        *[(lambda s=s: TruncatedNewton(first_move=s), "first_move") for s in (0.0, np.inf)],
        *[(lambda s=s: GaussNewton(damping=s), "damping") for s in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda s=s: GaussNewton(forcing=s), "forcing") for s in (0.0, 1.0, np.nan)],
        *[(lambda s=s: GaussNewton(acceptance=s), "acceptance") for s in (0.0, 1.0)],
        *[(lambda n=n: GaussNewton(max_products=n), "max_products") for n in (0, 1.5)],
        *[(lambda n=n: GaussNewton(max_trials=n), "max_trials") for n in (0, 1.5)],
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        make()

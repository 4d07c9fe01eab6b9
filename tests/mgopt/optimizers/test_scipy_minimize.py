import sys

import numpy as np
import pytest
from scipy import optimize

from mgres.mgopt import (
    Counted,
    Diagonal,
    Euclidean,
    Hierarchy,
    Level,
    Memo,
    Schedule,
    SciPyMinimize,
    VCycle,
    WorkUnits,
)
from mgres.mgopt.optimizers.scipy_minimize import METHODS, WITH_HESSIAN, WITHOUT_GRADIENT
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic, check_optimizer

from ..chains import DTYPES, Chain, run, start
from .test_lbfgs import Fails, Rosenbrock, spd, weights

N = 6


class Smooth(Quadratic):
    def hessian_product(self, x, v, out):
        out[:] = self.matrix @ v

    def gauss_newton_product(self, x, v, out):
        out[:] = self.matrix @ v


class SmoothFails(Fails):
    def hessian_product(self, x, v, out):
        self.f.hessian_product(x, v, out)

    def gauss_newton_product(self, x, v, out):
        self.f.gauss_newton_product(x, v, out)


def problem(dtype=np.float64):
    return Smooth(spd(N), start(N, seed=9), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_methods_reduce_a_quadratic_and_everything_is_counted(method, dtype):
    work = WorkUnits([1.0])
    f, x = problem(dtype), start(N, dtype)
    optimizer = SciPyMinimize(method, iterations=30)
    state = optimizer.init(x, Diagonal(weights(N).astype(dtype)))
    before = f.value(x)
    assert optimizer.step(Memo(Counted(f, work, 0)), x, state) == before
    assert x.dtype == dtype
    assert f.value(x) < (0.7 if method in WITHOUT_GRADIENT else 0.05) * before
    assert (work.gradients[0] > 0) == (method not in WITHOUT_GRADIENT)
    assert (work.values[0] > 0) == (method in WITHOUT_GRADIENT)
    assert (work.hessian_products[0] > 0) == (method in WITH_HESSIAN)
    assert state.rejected == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_differences_of_gradients_rise_above_their_rounding(dtype):
    """Whatever the last bit of every component of a gradient, as other instruction sets round."""

    class Rounded(Smooth):
        def value_and_grad(self, x, out):
            value = super().value_and_grad(x, out)
            out[:] = np.nextafter(out, rng.choice([-np.inf, np.inf], out.size).astype(dtype))
            return value

    for seed in range(20):
        rng = np.random.default_rng(seed)
        f, x = Rounded(spd(N), start(N, seed=9), dtype), start(N, dtype)
        optimizer = SciPyMinimize("TNC", iterations=30)
        before = f.value(x)
        optimizer.step(f, x, optimizer.init(x, Diagonal(weights(N).astype(dtype))))
        assert f.value(x) < 0.05 * before


@pytest.mark.parametrize("method", ["CG", "BFGS", "L-BFGS-B", "Nelder-Mead", "SLSQP"])
def test_a_step_is_what_scipy_does_in_scaled_variables(method):
    f, w, x = Rosenbrock(N), weights(N), np.full(N, -0.5)
    optimizer = SciPyMinimize(method, iterations=8)
    optimizer.step(f, x, optimizer.init(x, Diagonal(w)))
    root = np.sqrt(w)

    def gradient(u):
        out = np.empty(N)
        f.value_and_grad(u / root, out)
        return out / root

    expected = optimize.minimize(
        lambda u: f.value(u / root),
        root * np.full(N, -0.5),
        method=method,
        jac=None if method in WITHOUT_GRADIENT else gradient,
        options={"maxiter": 8},
    )
    np.testing.assert_allclose(x, expected.x / root, rtol=1e-9)


def test_a_step_ends_at_the_best_point_seen():
    class Listens(Smooth):
        def value_and_grad(self, x, out):
            value = super().value_and_grad(x, out)
            seen.append(value)
            return value

    last = []
    for method in METHODS:
        seen = []
        f, x = Listens(spd(N), start(N, seed=9)), start(N)
        optimizer = SciPyMinimize(method, 12)
        optimizer.step(f, x, optimizer.init(x, Euclidean()))
        last.append(seen[-1] == min(seen))
        assert problem().value(x) == min(seen)
    assert not all(last)


def test_number_of_iterations_and_options_are_handed_on():
    ends = []
    for iterations in (1, 4, 40):
        f, x = problem(), start(N)
        optimizer = SciPyMinimize("CG", iterations)
        optimizer.step(f, x, optimizer.init(x, Euclidean()))
        ends.append(f.value(x))
    assert ends[0] > 5 * ends[1] > 50 * ends[2]
    x = start(N)
    optimizer = SciPyMinimize("CG", 40, gtol=1e3)  # satisfied at once
    state = optimizer.init(x, Euclidean())
    optimizer.step(f, x, state)
    assert state.rejected == 1
    assert x.tobytes() == start(N).tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_does_no_harm(method):
    f = problem()
    optimizer = SciPyMinimize(method, iterations=20)
    x0 = f.minimiser + 0.5
    fails = SmoothFails(f, lambda x: np.max(np.abs(x - f.minimiser)) > 0.55)
    x = x0.copy()
    state = optimizer.init(x, Euclidean())
    for _ in range(3):
        optimizer.step(fails, x, state)
    assert f.value(x) <= f.value(x0)
    nowhere = SmoothFails(f, lambda x: True)
    before, rejected = x.copy(), state.rejected
    assert np.isnan(optimizer.step(nowhere, x, state))
    assert x.tobytes() == before.tobytes()
    assert state.rejected == rejected + 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_a_step_that_does_not_help_keeps_every_bit(method, dtype):
    x0 = start(N, dtype)
    f = Quadratic(spd(N), None, dtype)
    fails = SmoothFails(f, lambda x: not np.array_equal(x, x0), value=1e9, gradient=None)
    fails.f = Smooth(spd(N), None, dtype)
    x, optimizer = x0.copy(), SciPyMinimize(method)
    state = optimizer.init(x, Diagonal(weights(N).astype(dtype)))
    optimizer.step(fails, x, state)
    assert x.tobytes() == x0.tobytes()
    assert state.rejected == 1


@pytest.mark.parametrize("method", ["CG", "BFGS", "SLSQP"])
def test_contract(method):
    report = check_optimizer(SciPyMinimize(method, 4), budget=15)
    report.raise_if_failed()
    assert not report.warnings
    assert report.drift == 0
    assert report.metric_deviation < 1e-6


def test_coarsest_level_of_a_cycle():
    metrics = Diagonal(np.full(8, 0.125)), Diagonal(np.full(4, 0.25))
    levels = [
        Level(Chain(8), SciPyMinimize("CG", 1, gtol=1e-9), PiecewiseConstant(4), metrics[0]),
        Level(Chain(4), SciPyMinimize("BFGS", 20, gtol=1e-9), None, metrics[1]),
    ]
    hierarchy = Hierarchy(levels)
    x, reports = run(hierarchy, VCycle(Schedule.parse("[1/1, {1}]")), start(8), cycles=12)
    gradient = np.empty(8)
    Chain(8).value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-6
    assert all(c.accepted for report in reports[:3] for c in report.corrections)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SciPyMinimize("newton"), r"^method: expected one of .*'BFGS'.*got 'newton'"),
        (lambda: SciPyMinimize("trust-exact"), r"^method: expected"),
        (lambda: SciPyMinimize("dogleg"), r"^method: expected"),
        (lambda: SciPyMinimize("CG", 0), r"^iterations: expected"),
        (lambda: SciPyMinimize("CG", maxiter=3), r"^maxiter: expected as `iterations`"),
        (lambda: SciPyMinimize("TNC", maxfun=3), r"^maxfun: expected as `iterations`"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_unknown_option():
    x, optimizer = start(N), SciPyMinimize("CG", colour="red")
    with pytest.raises(ValueError, match=r"^options: Unknown solver options: colour"):
        optimizer.step(problem(), x, optimizer.init(x, Euclidean()))


def test_hessian_products_are_needed():
    x, optimizer = start(N), SciPyMinimize("trust-ncg")
    with pytest.raises(TypeError, match=r"^objective: expected hessian_product"):
        optimizer.step(Rosenbrock(N), x, optimizer.init(x, Euclidean()))


def test_other_metrics():
    class Mine(Euclidean):
        pass

    class Other:
        pass

    SciPyMinimize("CG").init(start(N), Mine())
    with pytest.raises(TypeError, match=r"^metric: expected Euclidean or Diagonal, got Other"):
        SciPyMinimize("CG").init(start(N), Other())


def test_missing_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"pip install \"mgres\[scipy\]\""):
        SciPyMinimize("CG")


def test_prints_and_compares():
    optimizer = SciPyMinimize("CG", 20, gtol=1e-8)
    assert str(optimizer) == "SciPyMinimize('CG', iterations=20, gtol=1e-08)"
    assert optimizer == SciPyMinimize("CG", 20, gtol=1e-8) != SciPyMinimize("CG", 20)

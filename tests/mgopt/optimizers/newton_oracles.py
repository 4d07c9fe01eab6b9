"""Functions with known second derivatives, and assertions that mutations have to break."""

import numpy as np

from mgres.mgopt import Diagonal, Euclidean, GaussNewton, TruncatedNewton
from mgres.mgopt.optimizers.conjugate_gradients import conjugate_gradients
from mgres.testing import Quadratic


class LeastSquares:
    """f = |r(x)|^2 / 2 from residuals, their Jacobian and sum_i r_i r_i''."""

    dtype = np.dtype(np.float64)

    def value(self, x):
        r = self.residuals(x)
        return float(r @ r) / 2

    def value_and_grad(self, x, out):
        out[:] = self.jacobian(x).T @ self.residuals(x)
        return self.value(x)

    def gauss_newton_product(self, x, v, out):
        jacobian = self.jacobian(x)
        out[:] = jacobian.T @ (jacobian @ v)

    def hessian_product(self, x, v, out):
        jacobian = self.jacobian(x)
        out[:] = jacobian.T @ (jacobian @ v) + self.bend(x) @ v


class Rosenbrock(LeastSquares):
    """r = (10 (x_1 - x_0^2), 1 - x_0), with minimiser (1, 1)."""

    size = 2

    def residuals(self, x):
        return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    def jacobian(self, x):
        return np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])

    def bend(self, x):
        return self.residuals(x)[0] * np.diag([-20.0, 0.0])


class Saddle(LeastSquares):
    """r = x^2 - 1: minima at +-1, a maximum at 0, f'' = 6 x^2 - 2."""

    size = 1

    def residuals(self, x):
        return x**2 - 1

    def jacobian(self, x):
        return np.array([[2 * x[0]]])

    def bend(self, x):
        return np.array([[2 * self.residuals(x)[0]]])


class Cosine:
    """f = 1 - cos x.  If broken, every value but the one at 1/2 is infinite."""

    size = 1

    def __init__(self, dtype=np.float64, broken=False):
        self.dtype = np.dtype(dtype)
        self.broken = broken

    def value(self, x):
        return np.inf if self.broken and x[0] != 0.5 else float(1 - np.cos(x[0]))

    def value_and_grad(self, x, out):
        out[:] = np.sin(x)
        return self.value(x)

    def hessian_product(self, x, v, out):
        out[:] = np.cos(x) * v

    gauss_newton_product = hessian_product


def run(method, f, start, steps, metric=None):
    x = np.array(start, f.dtype)
    state = method.init(x, metric or Euclidean())
    for _ in range(steps):
        method.step(f, x, state)
    return x


def random_spd(n, seed=0):
    root = np.random.default_rng(seed).standard_normal((n, n))
    return root @ root.T + np.eye(n)


def assert_cg_solves(weights):
    matrix, g = random_spd(5), np.random.default_rng(1).standard_normal(5)
    metric = Euclidean() if weights is None else Diagonal(np.array(weights))
    result = conjugate_gradients(lambda v, out: np.matmul(matrix, v, out=out), g, metric, 1e-12, 20)
    step = -np.linalg.solve(matrix, g)
    np.testing.assert_allclose(result.step, step, rtol=1e-9)
    np.testing.assert_allclose(result.model, g @ step / 2, rtol=1e-9)
    assert result.escape is None
    assert result.products <= 6


def assert_cg_ends_after_as_many_products_as_eigenvalues(distinct):
    rng = np.random.default_rng(distinct)
    eigenvalues = np.resize(1.0 + 2 * np.arange(distinct), 14)
    rotation = np.linalg.qr(rng.standard_normal((14, 14)))[0]
    matrix = rotation @ np.diag(eigenvalues) @ rotation.T
    result = conjugate_gradients(
        lambda v, out: np.matmul(matrix, v, out=out),
        rng.standard_normal(14),
        Euclidean(),
        1e-10,
        50,
    )
    assert result.products == distinct


def assert_damped_steps_are_exact(weights):
    """On a quadratic each step is -(A + lambda M)^-1 f', has gain 1 and divides lambda by 3."""
    f = Quadratic(random_spd(4), [1.0, -1.0, 2.0, 0.5])
    w = np.ones(4) if weights is None else np.array(weights)
    metric = Euclidean() if weights is None else Diagonal(w)
    method = GaussNewton(damping=0.7, forcing=1e-13, max_products=20)
    x, g = np.zeros(4), np.empty(4)
    state = method.init(x, metric)
    f.value_and_grad(x, g)
    u = g / w
    damping = 0.7 * (u @ f.matrix @ u) / (u @ (w * u))
    for _ in range(4):
        f.value_and_grad(x, g)
        expected = x - np.linalg.solve(f.matrix + damping * np.diag(w), g)
        method.step(f, x, state)
        np.testing.assert_allclose(x, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(state.gain, 1, rtol=1e-6)
        damping /= 3
        np.testing.assert_allclose(state.damping, damping, rtol=1e-9)
    assert state.rejected == 0


def assert_finds_valley(method, start):
    np.testing.assert_allclose(run(method, Rosenbrock(), start, 60), [1, 1], rtol=1e-8)


def assert_last_steps_are_quadratic(method):
    f, x, errors = Rosenbrock(), np.array([-1.2, 1.0]), []
    state = method.init(x, Euclidean())
    while len(errors) < 80 and (not errors or errors[-1] > 1e-12):
        method.step(f, x, state)
        errors.append(np.linalg.norm(x - 1))
    assert errors[-1] <= 1e-12
    assert len(errors) < 50
    assert errors[-1] < 1e-2 * errors[-2]


def assert_descends_from_negative_curvature(start):
    method, f, x = TruncatedNewton(), Saddle(), np.array([start])
    state = method.init(x, Euclidean())
    values = [method.step(f, x, state) for _ in range(3)]
    assert values == sorted(values, reverse=True)
    assert state.negative_curvature >= 1
    for _ in range(20):
        method.step(f, x, state)
    np.testing.assert_allclose(x, np.sign(start), rtol=1e-9)


def assert_rejected_step_leaves_x(method, dtype):
    f, x = Cosine(dtype, broken=True), np.array([0.5], dtype)
    state = method.init(x, Euclidean())
    before = x.tobytes()
    value = method.step(f, x, state)
    assert x.tobytes() == before
    assert value == f.value(x)
    assert state.moved == 0
    assert state.rejected >= 1


def assert_gauss_newton_leaves_a_maximum():
    """At the maximum of |r|^2 between two roots, the Hessian is negative and G is not."""
    f, x = Saddle(), np.array([0.1])
    out = np.empty(1)
    f.gauss_newton_product(x, np.ones(1), out)
    assert out[0] > 0
    f.hessian_product(x, np.ones(1), out)
    assert out[0] < 0
    np.testing.assert_allclose(run(GaussNewton(), f, x, 20), 1, rtol=1e-9)


def assert_one_product_in_the_metric_of_the_matrix():
    weights = np.geomspace(1e-4, 1e4, 20)
    f = Quadratic(weights, np.random.default_rng(2).standard_normal(20))
    newton, x = TruncatedNewton(forcing=1e-10), np.zeros(20)
    state = newton.init(x, Diagonal(weights))
    newton.step(f, x, state)
    assert state.products == 1
    np.testing.assert_allclose(x, f.minimiser, rtol=1e-12)

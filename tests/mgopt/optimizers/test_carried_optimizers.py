"""States between levels: where the levels are the same problem, carrying must not be noticed.

With f(x) = h sum phi(x_i - c_i), c constant on the coarse cells, and the metric h I of L2(0, 1), a
method that starts on functions constant on coarse cells stays there, and f(P y) = f_coarse(y).  So
whoever goes on from a carried state must take the very steps of one who stayed.
"""

import numpy as np
import pytest

from mgres.mgopt import (
    L1,
    LBFGS,
    LSR1,
    Adam,
    AdamW,
    Carrier,
    CosineDecay,
    Diagonal,
    Euclidean,
    GradientDescent,
    MatrixTransfer,
    Momentum,
    Nesterov,
    ProximalGradient,
    RMSprop,
    StepDecay,
)
from mgres.problems import PiecewiseConstant

COARSE, FINE = 5, 10
CENTRES = np.array([0.3, -2.0, 1.5, 0.9, -0.4])
START = np.array([1.0, 0.5, -1.0, 2.0, 1.5])


class Separable:
    """f(x) = h sum a_i (log cosh(x_i - c_i) + (x_i - c_i)^2 / 20)."""

    def __init__(self, n):
        self.size, self.dtype, self.h = n, np.dtype(np.float64), 1 / n
        self.c = np.repeat(CENTRES, n // COARSE)
        self.a = np.repeat(np.arange(1.0, 1 + COARSE), n // COARSE) * self.h

    def value(self, x):
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x, out):
        d = x - self.c
        out[:] = self.a * (np.tanh(d) + d / 10)
        return float(np.sum(self.a * (np.log(np.cosh(d)) + d**2 / 20)))


def same(optimizer):
    return optimizer, optimizer


CASES = [
    same(GradientDescent(StepDecay(0.3, every=3))),
    same(Momentum(0.1)),
    same(Momentum(CosineDecay(0.1, 12), 0.5)),
    same(Nesterov(0.1)),
    same(RMSprop(0.05)),
    same(RMSprop(0.02, momentum=0.6)),
    same(Adam(0.1)),
    same(Adam(StepDecay(0.1, every=5))),
    same(AdamW(0.1, weight_decay=0.3)),
    same(LBFGS(3)),
    same(LBFGS()),
    same(LSR1(3)),
    same(LSR1()),
    tuple(ProximalGradient(StepDecay(0.3, 4), L1(np.full(n, 0.2 / n))) for n in (FINE, COARSE)),
]
IDS = [f"{type(fine).__name__}-{i}" for i, (fine, _) in enumerate(CASES)]


def metrics():
    return Diagonal(np.full(FINE, 1 / FINE)), Diagonal(np.full(COARSE, 1 / COARSE))


def advance(optimizer, f, x, state, steps):
    for _ in range(steps):
        optimizer.step(f, x, state)


@pytest.mark.parametrize(("fine", "coarse"), CASES, ids=IDS)
def test_going_up_is_not_noticed(fine, coarse):
    fine_metric, coarse_metric = metrics()
    f, f_coarse, y = Separable(FINE), Separable(COARSE), START.copy()
    state = coarse.init(y, coarse_metric)
    advance(coarse, f_coarse, y, state, 7)
    x = np.repeat(y, 2)
    above = fine.init(x, fine_metric)
    fine.carry_up(above, state, Carrier(PiecewiseConstant(COARSE), fine_metric, coarse_metric))
    for _ in range(6):
        advance(coarse, f_coarse, y, state, 1)
        advance(fine, f, x, above, 1)
        np.testing.assert_allclose(x, np.repeat(y, 2), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("fine", "coarse"), CASES, ids=IDS)
def test_going_down_is_not_noticed(fine, coarse):
    fine_metric, coarse_metric = metrics()
    f, f_coarse, x = Separable(FINE), Separable(COARSE), np.repeat(START, 2)
    state = fine.init(x, fine_metric)
    advance(fine, f, x, state, 7)
    y = x[::2].copy()
    carrier = Carrier(PiecewiseConstant(COARSE), fine_metric, coarse_metric)
    below = coarse.carry_down(state, carrier)
    for _ in range(6):
        advance(coarse, f_coarse, y, below, 1)
        advance(fine, f, x, state, 1)
        np.testing.assert_allclose(x, np.repeat(y, 2), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("fine", "coarse"), CASES, ids=IDS)
def test_a_fresh_state_is_noticed(fine, coarse):
    """Else the two tests above would say nothing."""
    fine_metric, coarse_metric = metrics()
    f, f_coarse, x = Separable(FINE), Separable(COARSE), np.repeat(START, 2)
    state = fine.init(x, fine_metric)
    advance(fine, f, x, state, 7)
    y = x[::2].copy()
    advance(coarse, f_coarse, y, coarse.init(y, coarse_metric), 3)
    advance(fine, f, x, state, 3)
    assert np.max(np.abs(x - np.repeat(y, 2))) > 1e-3


def euclidean():
    """Constant prolongation between Euclidean levels: coarse gradients are sums of fine ones."""
    return Carrier(PiecewiseConstant(1), Euclidean(), Euclidean())


def test_vectors_of_each_kind_in_the_euclidean_metric():
    c, optimizer = euclidean(), RMSprop(0.1, momentum=0.5)
    fine = optimizer.init(np.zeros(2), Euclidean())
    fine.mean_square[:], fine.velocity[:], fine.steps = [4.0, 9.0], [1.0, 3.0], 5
    coarse = optimizer.carry_down(fine, c)
    np.testing.assert_allclose(coarse.mean_square, [25.0])  # (2 + 3)^2: roots are gradients
    np.testing.assert_allclose(coarse.velocity, [2.0])  # steps are parameters: a mean
    assert coarse.steps == 5
    optimizer.carry_up(fine, coarse, c)
    np.testing.assert_allclose(fine.mean_square, [6.25, 6.25])
    np.testing.assert_allclose(fine.velocity, [2.0, 2.0])

    adam = Adam(0.1)
    fine = adam.init(np.zeros(2), Euclidean())
    fine.first_moment[:], fine.second_moment[:], fine.steps = [1.0, 3.0], [4.0, 9.0], 5
    coarse = adam.carry_down(fine, c)
    np.testing.assert_allclose(coarse.first_moment, [4.0])
    np.testing.assert_allclose(coarse.second_moment, [25.0])
    adam.carry_up(fine, coarse, c)
    np.testing.assert_allclose(fine.first_moment, [2.0, 2.0])
    assert (coarse.steps, fine.steps) == (5, 5)

    momentum = Momentum(0.1)
    fine = momentum.init(np.zeros(2), Euclidean())
    fine.velocity[:], fine.steps = [1.0, 3.0], 5
    coarse = momentum.carry_down(fine, c)
    np.testing.assert_allclose(coarse.velocity, [4.0])
    momentum.carry_up(fine, coarse, c)
    np.testing.assert_allclose(fine.velocity, [2.0, 2.0])


@pytest.mark.parametrize("optimizer", [RMSprop(0.1), Adam(0.1), AdamW(0.1)], ids=str)
def test_second_moments_stay_positive_under_any_transfer(optimizer):
    """Linear operators may make roots negative; squares of them are not."""
    p = np.array([[1.0, -0.9], [-0.9, 1.0], [0.5, 0.5]])
    c = Carrier(MatrixTransfer(p), Euclidean(), Euclidean())
    fine = optimizer.init(np.zeros(3), Euclidean())
    x = np.ones(3)
    f = Separable(5)
    f.size, f.c, f.a = 3, np.array([0.0, 5.0, 1.0]), np.ones(3)
    optimizer.step(f, x, fine)
    coarse = optimizer.carry_down(fine, c)
    optimizer.carry_up(fine, coarse, c)
    for state in (fine, coarse):
        second = getattr(state, "second_moment", None)
        assert np.all((state.mean_square if second is None else second) >= 0)
    optimizer.step(f, x, fine)
    assert np.all(np.isfinite(x))

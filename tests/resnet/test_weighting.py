"""Weights of samples and classes, against sums written out and against repeated samples."""

import numpy as np
import pytest

import mgres
from mgres.resnet import class_weights, reference
from mgres.resnet.objective import LOSSES

from .problems import core_value_and_grad, random_problem, relative_error

TARGETS = pytest.mark.parametrize("labels", [True, False], ids=["labels", "vectors"])
LOSS = pytest.mark.parametrize("loss", LOSSES)


def weighted_reference(net, loss, theta, X, vectors, w):
    """sum_j w_j l_j / sum_j w_j and its gradient, sample by sample, in double precision."""
    value, gradient = 0.0, np.zeros(net.size)
    for j in range(len(X)):
        one, slope = reference.value_and_grad(
            net, loss, theta.astype(np.float64), X[j : j + 1].astype(np.float64), vectors[j : j + 1]
        )
        value += w[j] * one
        gradient += w[j] * slope
    return value / w.sum(), gradient / w.sum()


@LOSS
@TARGETS
@pytest.mark.parametrize(("width", "n"), [(3, 37), (20, 5)])
def test_weighted_mean(loss, labels, width, n, dtype, tolerance, rng):
    net = mgres.ResNet(2, width, 3, 4, activation="tanh", dtype=dtype)
    theta, X, vectors, y = random_problem(net, n, labels=labels)
    w = rng.uniform(0, 5, n)
    w[::4] = 0
    value, gradient = core_value_and_grad(net, loss, theta, X, y, sample_weight=w)
    expected, expected_gradient = weighted_reference(net, loss, theta, X, vectors, w)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance
    assert mgres.ResNetObjective(net, X, y, loss, sample_weight=w).value(theta) == value


@LOSS
@TARGETS
def test_integer_weights_are_repeated_samples(loss, labels):
    net = mgres.ResNet(2, 3, 3, 4, activation="tanh", dtype=np.float64)
    theta, X, _, y = random_problem(net, 30, labels=labels)
    times = np.random.default_rng(0).integers(0, 4, 30)
    value, gradient = core_value_and_grad(net, loss, theta, X, y, sample_weight=times)
    expected, expected_gradient = core_value_and_grad(
        net, loss, theta, np.repeat(X, times, axis=0), np.repeat(y, times, axis=0)
    )
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-11, atol=1e-14)


@LOSS
@TARGETS
@pytest.mark.parametrize("product", ["hessian_product", "gauss_newton_product"])
def test_second_derivatives_of_weighted_samples_are_those_of_repeated_ones(product, loss, labels):
    net = mgres.ResNet(2, 3, 3, 4, activation="tanh", dtype=np.float64)
    theta, X, _, y = random_problem(net, 30, labels=labels)
    times = np.random.default_rng(0).integers(0, 4, 30)
    weighted = mgres.ResNetObjective(net, X, y, loss, sample_weight=times)
    repeated = mgres.ResNetObjective(
        net, np.repeat(X, times, axis=0), np.repeat(y, times, axis=0), loss
    )
    v = np.random.default_rng(1).standard_normal(net.size)
    actual, expected = np.empty(net.size), np.empty(net.size)
    getattr(weighted, product)(theta, v, actual)
    getattr(repeated, product)(theta, v, expected)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-13)


@LOSS
@pytest.mark.parametrize("weight", [1.0, 1e-3, 7, np.float32(0.1)])
def test_equal_weights_change_nothing_but_rounding(loss, weight):
    net = mgres.ResNet(2, 3, 3, 4, dtype=np.float64)
    theta, X, _, y = random_problem(net, 20)
    plain, plain_gradient = core_value_and_grad(net, loss, theta, X, y)
    value, gradient = core_value_and_grad(
        net, loss, theta, X, y, sample_weight=[weight] * 20, regularizer=None
    )
    assert value == pytest.approx(plain, rel=1e-14)
    np.testing.assert_allclose(gradient, plain_gradient, rtol=1e-12, atol=1e-15)


@LOSS
def test_weights_go_with_their_samples_to_coarse_levels_and_batches(loss):
    net = mgres.ResNet(2, 3, 2, 8, dtype=np.float64)
    theta, X, vectors, y = random_problem(net, 24)
    w = np.linspace(0.1, 2.0, 24)
    f = mgres.ResNetObjective(net, X, y, loss, sample_weight=w)
    coarse = f.coarsen(2)
    chosen = np.array([3, 17, 11, 20])
    f.samples.use(f.samples.X[chosen], f.samples.y[chosen])
    for g, point in ((f, theta), (coarse, coarse.net.init(0))):
        losses = reference.sample_losses(
            loss, reference.logits(g.net, point, X[chosen]), vectors[chosen]
        )
        # s_j = w_j / mean of all weights, and the plain mean over the batch
        assert g.value(point) == pytest.approx((w[chosen] / w.mean() * losses).mean(), rel=1e-13)


def test_one_output():
    net = mgres.ResNet(2, 3, 1, 4, dtype=np.float64)
    theta, X, _, _ = random_problem(net, 10)
    y, w = np.linspace(-1, 1, 10), np.arange(10.0)
    f = mgres.ResNetObjective(net, X, y, "squared_error", sample_weight=w)
    losses = (net.logits(theta, X)[:, 0] - y) ** 2 / 2
    assert f.value(theta) == pytest.approx((w * losses).sum() / w.sum(), rel=1e-13)


def test_weighted_training_decides_for_the_heavy_class():
    """The same two labels at every point: the class with the larger weight wins."""
    X = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    X, y = np.concatenate([X, X]), np.repeat([0, 1], 20)
    net = mgres.ResNet(2, 3, 2, 8)
    for heavy in (0, 1):
        w = class_weights(y, {heavy: 5.0})
        f = mgres.ResNetObjective(net, X, y, sample_weight=w)
        result = mgres.fit(f, levels=2, batch_size=10, max_cycles=300)
        assert (net.predict(result.theta, X) == heavy).all()


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones(9), ValueError, r"sample_weight: expected shape \(10,\), got \(9,\)"),
        (np.ones((10, 1)), ValueError, r"sample_weight: expected shape \(10,\), got \(10, 1\)"),
        (1.0, ValueError, r"sample_weight: expected shape \(10,\), got \(\)"),
        ([1.0] * 9 + [-2.0], ValueError, r"numbers >= 0, got -2.0 in row 9"),
        ([np.nan] + [1.0] * 9, ValueError, r"numbers >= 0, got nan in row 0"),
        ([np.inf] + [1.0] * 9, ValueError, r"numbers >= 0, got inf in row 0"),
        (np.zeros(10), ValueError, r"at least one weight > 0, got zeros only"),
        (["a"] * 10, TypeError, r"sample_weight: expected real numbers, got list"),
        (np.ones(10, complex), TypeError, r"expected real numbers, got dtype complex128"),
    ],
)
def test_wrong_sample_weights(weights, error, message):
    net = mgres.ResNet(2, 3, 2, 4)
    _, X, _, y = random_problem(net, 10)
    with pytest.raises(error, match=message):
        mgres.ResNetObjective(net, X, y, sample_weight=weights)


# ---- classes -------------------------------------------------------------------------------------


def test_balanced_weights_give_all_classes_the_same_total():
    y = np.array([5, 0, 0, 5, 5, 5, 2])
    w = class_weights(y)
    totals = [w[y == c].sum() for c in (0, 2, 5)]
    np.testing.assert_allclose(totals, 7 / 3)
    assert w.mean() == pytest.approx(1)


@pytest.mark.parametrize("weights", [[2.0, 0.5, 3.0], {0: 2.0, 1: 0.5, 2: 3.0, 9: -1.0}])
def test_weights_by_class(weights):
    expected = [3.0, 2.0, 0.5, 2.0]
    np.testing.assert_array_equal(class_weights(np.array([2, 0, 1, 0]), weights), expected)


@pytest.mark.parametrize(
    ("y", "weights", "error", "message"),
    [
        (np.array([0.5]), "balanced", TypeError, "y: expected an array of integer labels, got dt"),
        ([0, 1], "balanced", TypeError, "y: expected an array of integer labels, got list"),
        (np.zeros(0, int), "balanced", ValueError, r"y: expected labels of shape \(n,\), at least"),
        (np.zeros((2, 2), int), "balanced", ValueError, r"y: expected labels of shape \(n,\)"),
        (np.array([0, 1]), "fair", ValueError, "weights: expected 'balanced' or weights by label"),
        (np.array([0, 2]), [1.0, 1.0], ValueError, "weights: expected one for each label from 0"),
        (np.array([0, -1]), [1.0, 1.0], ValueError, "weights: expected one for each label from 0"),
        (np.array([0, 1]), {0: -1.0}, ValueError, "weights: expected finite numbers >= 0"),
        (np.array([0, 1]), [1.0, np.nan], ValueError, "weights: expected finite numbers >= 0"),
    ],
)
def test_wrong_class_weights(y, weights, error, message):
    with pytest.raises(error, match=message):
        class_weights(y, weights)

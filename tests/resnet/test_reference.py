"""The NumPy network is the specification: here it is compared with results derived by hand."""

import math

import numpy as np
import pytest

import mgres
from mgres.resnet import reference
from mgres.resnet.network import ACTIVATIONS
from mgres.resnet.objective import LOSSES

from .problems import random_problem


def test_one_sample_through_one_layer_by_hand():
    net = mgres.ResNet(2, 2, 1, 1, final_time=0.5, dtype=np.float64)
    theta = np.zeros(net.size)
    p = net.views(theta)
    p.Q[:] = [[1, 0], [1, 1]]
    p.W[0] = [[1, 2], [-3, 1]]
    p.b[0] = [0.5, 1.0]
    p.W_out[:] = [[2, -1]]
    p.b_out[:] = [0.25]
    X = np.array([[1.0, 2.0]])
    # y0 = (1, 3), z = (7.5, 1), y1 = (1 + 3.75, 3 + 0.5), logit = 9.5 - 3.5 + 0.25
    np.testing.assert_array_equal(reference.logits(net, theta, X), [[6.25]])

    value, gradient = reference.value_and_grad(net, "squared_error", theta, X, np.array([[6.0]]))
    assert value == 0.25**2 / 2
    g = net.views(gradient)
    # dz = 0.25, a1 = (0.5, -0.25), s = dt a1 = (0.25, -0.125), a0 = a1 + W' s
    np.testing.assert_array_equal(g.b_out, [0.25])
    np.testing.assert_array_equal(g.W_out, [[0.25 * 4.75, 0.25 * 3.5]])
    np.testing.assert_array_equal(g.b[0], [0.25, -0.125])
    np.testing.assert_array_equal(g.W[0], [[0.25, 0.75], [-0.125, -0.375]])
    np.testing.assert_array_equal(g.Q, np.outer([0.5 + 0.625, -0.25 + 0.375], [1, 2]))


def test_identity_activation_is_a_power_of_a_matrix():
    net = mgres.ResNet(3, 3, 3, 7, 2.0, "identity", np.float64)
    theta = np.zeros(net.size)
    p = net.views(theta)
    W = np.random.default_rng(0).standard_normal((3, 3))
    p.Q[:] = p.W_out[:] = np.eye(3)
    p.W[:] = W
    X = np.random.default_rng(1).standard_normal((4, 3))
    step = np.eye(3) + net.dt * W
    expected = X @ np.linalg.matrix_power(step, 7).T
    np.testing.assert_allclose(reference.logits(net, theta, X), expected, rtol=1e-13)


def test_forward_euler_converges_with_order_one():
    """y' = sigma(y) with a rotation as weights: the error against exp(T W) halves with dt."""
    T = 1.0
    errors = []
    for depth in (64, 128, 256):
        net = mgres.ResNet(2, 2, 2, depth, T, "identity", np.float64)
        theta = np.zeros(net.size)
        p = net.views(theta)
        p.Q[:] = p.W_out[:] = np.eye(2)
        p.W[:] = [[0, -1], [1, 0]]
        end = reference.logits(net, theta, np.array([[1.0, 0.0]]))
        errors.append(np.linalg.norm(end - [np.cos(T), np.sin(T)]))
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.05)
    assert errors[1] / errors[2] == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_and_their_derivatives(activation):
    z = np.array([-30.0, -1.0, -0.1, -0.05, 0.0, 0.05, 0.1, 0.7, 30.0])
    value, slope = reference.sigma(activation, z)
    expected = {
        "relu": np.maximum(z, 0),
        "tanh": np.tanh(z),
        "logistic": 0.5 * (1 + np.tanh(z / 2)),
        "identity": z,
        "smooth_relu": [0, 0, 0, 0.05**2 / 0.4, 0.01 / 0.4, 0.15**2 / 0.4, 0.1, 0.7, 30],
        "silu": z * 0.5 * (1 + np.tanh(z / 2)),
        "gelu": z * np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in z]),
        "softplus": np.logaddexp(0, z),
        "elu": [x if x > 0 else math.expm1(x) for x in z],
        "leaky_relu": np.maximum(z, 0.01 * z),
    }[activation]
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-15)
    assert slope.shape == z.shape
    step = 1e-30
    np.testing.assert_allclose(
        reference.sigma(activation, z + 1j * step)[0].imag / step, slope, rtol=1e-13, atol=1e-15
    )


def test_smooth_relu_has_a_continuous_derivative():
    z = np.linspace(-0.2, 0.2, 4001)
    value, slope = reference.sigma("smooth_relu", z)
    assert np.abs(np.diff(slope)).max() < 1.1 * (z[1] - z[0]) / 0.2
    np.testing.assert_allclose(np.diff(value) / np.diff(z), (slope[1:] + slope[:-1]) / 2, atol=1e-3)


def test_an_unknown_activation_is_an_error():
    with pytest.raises(ValueError, match="activation: 'mish' is unknown"):
        reference.sigma("mish", np.zeros(1))


def test_cross_entropy_of_equal_logits_is_log_m():
    for m in (1, 2, 10):
        z = np.full((3, m), 7.0)
        losses = reference.sample_losses("cross_entropy", z, np.eye(m)[[0, m - 1, m // 2]])
        np.testing.assert_allclose(losses, np.log(m), rtol=1e-15, atol=1e-15)


def test_cross_entropy_is_minimal_where_the_softmax_equals_the_target():
    p = np.array([[0.2, 0.3, 0.5]])
    z = np.log(p) + 4.0
    np.testing.assert_allclose(reference.loss_gradient("cross_entropy", z, p), 0, atol=1e-15)
    entropy = -(p * np.log(p)).sum()
    np.testing.assert_allclose(reference.sample_losses("cross_entropy", z, p), entropy, rtol=1e-14)


@pytest.mark.parametrize("loss", LOSSES)
def test_mean_over_samples(loss):
    net = mgres.ResNet(2, 3, 2, 5, dtype=np.float64)
    theta, X, vectors, _ = random_problem(net, 9)
    value, gradient = reference.value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(reference.value(net, loss, theta, X, vectors), rel=1e-15)
    parts = [
        reference.value_and_grad(net, loss, theta, X[i : i + 1], vectors[i : i + 1])
        for i in range(len(X))
    ]
    assert value == pytest.approx(np.mean([v for v, _ in parts]), rel=1e-14)
    np.testing.assert_allclose(gradient, np.mean([g for _, g in parts], axis=0), atol=1e-15)


def test_any_floating_point_type():
    net = mgres.ResNet(2, 3, 2, 5, activation="tanh", dtype=np.float64)
    theta, X, vectors, _ = random_problem(net, 4)
    expected = reference.logits(net, theta, X)
    for kind in (np.float32, np.longdouble, np.complex128):
        z = reference.logits(net, theta.astype(kind), X.astype(kind))
        assert z.dtype == kind
        np.testing.assert_allclose(z, expected, rtol=1e-5)
    value, gradient = reference.value_and_grad(
        net, "cross_entropy", theta.astype(np.longdouble), X, vectors
    )
    assert gradient.dtype == np.longdouble
    assert np.isfinite(value)

"""The compiled gradient against the plain NumPy network, and that one against a complex step."""

import mgres
import numpy as np
import pytest
from mgres.resnet import reference
from mgres.resnet.network import ACTIVATIONS
from mgres.resnet.objective import LOSSES
from mgres.testing import check_gradient

from .problems import (
    core_value_and_grad,
    random_problem,
    reference_value_and_grad,
    relative_error,
)


def assert_core_equals_reference(net, n, loss, tolerance, *, labels=True, seed=0):
    theta, X, vectors, y = random_problem(net, n, seed, labels)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance
    f = mgres.ResNetObjective(net, X, y, loss)
    assert f.value(theta) == value  # the same bits with and without a gradient


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_reference_adjoint_is_the_derivative_of_the_reference(activation, loss):
    """A complex step has no cancellation: f'(x) d = Im f(x + i h d) / h up to O(h^2)."""
    net = mgres.ResNet(3, 4, 3, 5, activation=activation, dtype=np.float64)
    theta, X, vectors, _ = random_problem(net, 7)
    _, gradient = reference.value_and_grad(net, loss, theta, X, vectors)
    rng = np.random.default_rng(5)
    for _ in range(5):
        d = rng.standard_normal(net.size)
        step = 1e-30
        z = theta + 1j * step * d
        slope = reference.value(net, loss, z, X, vectors).imag / step
        assert gradient @ d == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("width", range(1, 41))
def test_every_width(width, dtype, tolerance):
    """Widths up to 16 have their own kernel, the others share a tiled one."""
    net = mgres.ResNet(3, width, 3, 4, dtype=dtype)
    assert_core_equals_reference(net, 37, "cross_entropy", tolerance)


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 31, 33, 127, 128, 129, 257, 1003])
@pytest.mark.parametrize("width", [3, 10, 17])
def test_every_raggedness_of_the_batch(width, n, dtype, tolerance):
    net = mgres.ResNet(2, width, 2, 3, activation="tanh", dtype=dtype)
    assert_core_equals_reference(net, n, "cross_entropy", tolerance)


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "vectors"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("width", [5, 20])
def test_every_activation_loss_and_kind_of_target(
    width, activation, loss, labels, dtype, tolerance
):
    net = mgres.ResNet(4, width, 3, 6, 1.5, activation, dtype)
    assert_core_equals_reference(net, 50, loss, tolerance, labels=labels)


@pytest.mark.parametrize(("width", "depth"), [(10, 1), (10, 2), (10, 300), (2, 1500), (40, 700)])
def test_depths_with_one_and_with_many_recomputed_segments(width, depth, dtype, tolerance):
    net = mgres.ResNet(3, width, 2, depth, activation="tanh", dtype=dtype)
    assert_core_equals_reference(net, 140, "cross_entropy", 4 * tolerance)


@pytest.mark.parametrize("n_inputs", [1, 127, 129, 300])
def test_wide_inputs(n_inputs, dtype, tolerance):
    net = mgres.ResNet(n_inputs, 6, 10, 3, dtype=dtype)
    assert_core_equals_reference(net, 60, "cross_entropy", tolerance)


def test_one_output_regression(tolerance, dtype):
    net = mgres.ResNet(2, 3, 1, 5, dtype=dtype)
    theta, X, vectors, _ = random_problem(net, 20, labels=False)
    value, gradient = core_value_and_grad(
        net, "squared_error", theta, X, vectors[:, 0].astype(dtype)
    )
    expected, expected_gradient = reference_value_and_grad(net, "squared_error", theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance


def test_huge_logits_do_not_overflow():
    net = mgres.ResNet(1, 1, 2, 1, activation="identity", dtype=np.float32)
    theta = np.zeros(net.size, np.float32)
    net.views(theta).b_out[:] = [1e30, -1e30]
    value, gradient = core_value_and_grad(
        net, "cross_entropy", theta, np.ones((3, 1), np.float32), np.zeros(3, int)
    )
    assert value == 0.0
    assert np.isfinite(gradient).all()


def test_not_a_number_in_the_parameters_is_not_hidden():
    net = mgres.ResNet(2, 3, 2, 4, dtype=np.float64)
    theta, X, _, y = random_problem(net, 5)
    net.views(theta).W[1, 0, 0] = np.nan
    value, _ = core_value_and_grad(net, "cross_entropy", theta, X, y)
    assert np.isnan(value)


PARTS = ("opening", "blocks", "closing")


@pytest.mark.parametrize("fixed", [(), ("opening",), ("blocks",), ("closing",), PARTS[:2], PARTS])
def test_fixed_parts_have_a_gradient_of_exactly_zero_and_others_the_same_bits(fixed):
    net = mgres.ResNet(3, 10, 3, 200, dtype=np.float32)
    theta, X, _, y = random_problem(net, 300)
    regularizer = mgres.Tikhonov(0.1)
    value, free = core_value_and_grad(net, "cross_entropy", theta, X, y, regularizer=regularizer)
    value_fixed, gradient = core_value_and_grad(
        net, "cross_entropy", theta, X, y, regularizer=regularizer, fixed=fixed
    )
    assert value_fixed == value
    for part in PARTS:
        expected = 0 * free[net.part(part)] if part in fixed else free[net.part(part)]
        np.testing.assert_array_equal(gradient[net.part(part)], expected)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("measure", ["layers", "time"])
def test_taylor_remainder_is_of_second_order(activation, measure):
    net = mgres.ResNet(3, 5, 3, 8, activation=activation, dtype=np.float64)
    theta, X, _, y = random_problem(net, 30)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(0.01, measure))
    coarse = f.coarsen(4)
    assert check_gradient(f, theta).ok
    assert check_gradient(coarse, coarse.net.init(0)).ok


def test_logits_equal_the_reference(dtype, tolerance):
    net = mgres.ResNet(4, 7, 3, 20, activation="tanh", dtype=dtype)
    theta, X, _, _ = random_problem(net, 200)
    expected = reference.logits(net, theta.astype(np.float64), X.astype(np.float64))
    assert relative_error(net.logits(theta, X), expected) < tolerance
    np.testing.assert_array_equal(net.predict(theta, X), expected.argmax(axis=1))

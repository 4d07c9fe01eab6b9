"""The compiled gradient against the plain NumPy network, and that one against a complex step."""

import itertools

import numpy as np
import pytest

import mgres
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

PARTS = ("opening", "blocks", "closing")
TARGETS = pytest.mark.parametrize("labels", [True, False], ids=["labels", "vectors"])


def assert_core_equals_reference(net, n, loss, tolerance, *, labels=True, seed=0):
    theta, X, vectors, y = random_problem(net, n, seed, labels)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance
    # an error in one part must not hide behind another part with a larger gradient
    for part in map(net.part, PARTS):
        assert relative_error(gradient[part], expected_gradient[part]) < 3 * tolerance, part
    f = mgres.ResNetObjective(net, X, y, loss)
    assert f.value(theta) == value  # the same bits with and without a gradient


@TARGETS
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_reference_adjoint_is_the_derivative_of_the_reference(activation, loss, labels):
    """A complex step has no cancellation: df/dx = Im f(x + i h) / h up to O(h^2)."""
    net = mgres.ResNet(3, 4, 3, 5, activation=activation, dtype=np.float64)
    theta, X, vectors, _ = random_problem(net, 7, labels=labels)
    _, gradient = reference.value_and_grad(net, loss, theta, X, vectors)
    step = 1e-30
    for i in range(net.size):
        z = theta.astype(complex)
        z[i] += 1j * step
        slope = reference.value(net, loss, z, X, vectors).imag / step
        assert gradient[i] == pytest.approx(slope, rel=1e-12, abs=1e-14)


# ---- widths, batches, depths, shapes -------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("width", range(1, 41))
def test_every_width(width, activation, dtype, tolerance):
    """Widths up to 16 have their own kernel, the others share a tiled one."""
    n = [7, 37, 100, 130][width % 4]
    net = mgres.ResNet(3, width, 3, 5, 1.5, activation, dtype)
    # the wider, the more terms there are to round
    allowed = tolerance * max(1.0, width / 16)
    for loss, labels in itertools.product(LOSSES, (True, False)):
        assert_core_equals_reference(net, n, loss, allowed, labels=labels, seed=width)


@pytest.mark.parametrize(
    "n", [1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 257, 511, 1003, 1025]
)
@pytest.mark.parametrize("width", [3, 10, 17])
def test_every_raggedness_of_the_batch(width, n, dtype, tolerance):
    net = mgres.ResNet(2, width, 2, 3, activation="tanh", dtype=dtype)
    for loss, labels in itertools.product(LOSSES, (True, False)):
        assert_core_equals_reference(net, n, loss, tolerance, labels=labels)


@pytest.mark.parametrize("n", [2048, 2049, 5000])
def test_more_chunks_of_samples_than_partial_gradients(n, dtype, tolerance):
    net = mgres.ResNet(2, 3, 2, 3, activation="tanh", dtype=dtype)
    assert_core_equals_reference(net, n, "cross_entropy", tolerance)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("width", [1, 3, 16, 17, 40])
def test_one_and_two_layers(width, depth, dtype, tolerance):
    net = mgres.ResNet(2, width, 3, depth, dtype=dtype)
    assert_core_equals_reference(net, 50, "cross_entropy", tolerance)


# ---- the way back with checkpoints ---------------------------------------------------------------

TAPE = 40_000
"""Bytes, so few that every network here recomputes most of its states."""


def checkpointed(net, n, fixed=()):
    evaluator = net.evaluator("cross_entropy", fixed, tape_bytes=TAPE)
    assert evaluator.checkpoints(n) > 0, "this network is too small to test checkpoints"
    assert net.evaluator().checkpoints(n) == 0, "and this one compares checkpoints with themselves"
    return evaluator


@pytest.mark.parametrize(
    ("width", "depth", "n"),
    [(2, 1500, 140), (3, 700, 20), (10, 300, 140), (16, 129, 257), (24, 90, 130), (40, 100, 140)],
)
def test_a_gradient_with_checkpoints_is_that_of_the_reference(width, depth, n, dtype, tolerance):
    net = mgres.ResNet(3, width, 2, depth, activation="tanh", dtype=dtype)
    theta, X, vectors, y = random_problem(net, n)
    gradient = np.full_like(theta, np.nan)
    value = checkpointed(net, n).value_and_grad(theta, X, y, gradient)
    expected, expected_gradient = reference_value_and_grad(net, "cross_entropy", theta, X, vectors)
    assert value == pytest.approx(expected, rel=4 * tolerance)
    for part in map(net.part, PARTS):
        assert relative_error(gradient[part], expected_gradient[part]) < 12 * tolerance, part


@pytest.mark.parametrize(
    "form",
    [{"scheme": s} for s in ("euler", "matched", "rk4", "verlet")] + [{"weights": "antisymmetric"}],
    ids=str,
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_checkpoints_change_no_bit(activation, form, dtype):
    """In every activation, and so relu, whose kinks a reference may take on the other side."""
    net = mgres.ResNet(3, 6, 2, 150, activation=activation, dtype=dtype, **form)
    theta, X, _, y = random_problem(net, 140, scale=0.3)
    expected, gradient = np.full_like(theta, np.nan), np.full_like(theta, np.nan)
    value = net.evaluator().value_and_grad(theta, X, y, expected)
    for threads in (1, 3):
        evaluator = checkpointed(net, 140)
        assert evaluator.value_and_grad(theta, X, y, gradient, None, threads) == value
        np.testing.assert_array_equal(gradient, expected)


def test_so_deep_that_the_usual_tape_is_too_short():
    net = mgres.ResNet(3, 64, 2, 1100, activation="tanh", dtype=np.float64)
    assert net.evaluator().checkpoints(128) > 0
    assert_core_equals_reference(net, 128, "cross_entropy", 1e-12)


@pytest.mark.parametrize("n_outputs", [2, 10, 33])
@pytest.mark.parametrize("n_inputs", [1, 63, 64, 65, 128, 129, 784])
def test_inputs_and_outputs(n_inputs, n_outputs, dtype, tolerance):
    net = mgres.ResNet(n_inputs, 6, n_outputs, 3, activation="tanh", dtype=dtype)
    for loss in LOSSES:
        assert_core_equals_reference(net, 60, loss, tolerance, labels=loss == "cross_entropy")


def test_one_output_regression(tolerance, dtype):
    net = mgres.ResNet(2, 3, 1, 5, dtype=dtype)
    theta, X, vectors, _ = random_problem(net, 20, labels=False)
    value, gradient = core_value_and_grad(
        net, "squared_error", theta, X, vectors[:, 0].astype(dtype)
    )
    expected, expected_gradient = reference_value_and_grad(net, "squared_error", theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance


def test_cross_entropy_of_a_single_class_is_zero(dtype):
    net = mgres.ResNet(2, 3, 1, 5, dtype=dtype)
    theta, X, _, y = random_problem(net, 20)
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    assert value == 0
    assert not gradient.any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("width", [1, 7, 16, 17, 40])
def test_logits_equal_the_reference(width, activation, dtype, tolerance):
    net = mgres.ResNet(4, width, 3, 20, activation=activation, dtype=dtype)
    for n in (1, 17, 200):
        theta, X, _, _ = random_problem(net, n, seed=width)
        expected = reference.logits(net, theta.astype(np.float64), X.astype(np.float64))
        logits = net.logits(theta, X)
        assert logits.dtype == dtype
        assert relative_error(logits, expected) < tolerance
        np.testing.assert_array_equal(net.predict(theta, X), logits.argmax(axis=1))


# ---- extremes ------------------------------------------------------------------------------------


def test_huge_logits_do_not_overflow():
    net = mgres.ResNet(1, 1, 2, 1, activation="identity", dtype=np.float32)
    theta = np.zeros(net.size, np.float32)
    net.views(theta).b_out[:] = [1e30, -1e30]
    value, gradient = core_value_and_grad(
        net, "cross_entropy", theta, np.ones((3, 1), np.float32), np.zeros(3, int)
    )
    assert value == 0.0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("scale", [10, 1e3, 1e5])
def test_large_logits_equal_the_reference(scale, dtype, tolerance):
    net = mgres.ResNet(2, 3, 4, 5, activation="tanh", dtype=dtype)
    theta, X, vectors, y = random_problem(net, 100)
    net.views(theta).W_out[:] *= scale
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, "cross_entropy", theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    # differences of logits lose as many digits as the logits have before the point
    assert relative_error(gradient, expected_gradient) < tolerance * scale


def test_relu_has_derivative_zero_at_zero(dtype):
    net = mgres.ResNet(2, 3, 2, 4, dtype=dtype)
    theta, X, _, y = random_problem(net, 20)
    theta[net.part("blocks")] = 0
    _, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    assert not gradient[net.part("blocks")].any()
    assert gradient[net.part("opening")].all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("place", ["Q", "W", "b", "W_out", "b_out"])
def test_not_a_number_in_the_parameters_is_not_hidden(place, activation, dtype):
    net = mgres.ResNet(2, 3, 2, 4, activation=activation, dtype=dtype)
    theta, X, _, y = random_problem(net, 20)
    getattr(net.views(theta), place).flat[0] = np.nan
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    assert np.isnan(value)
    assert np.isnan(gradient).any()
    assert np.isnan(mgres.ResNetObjective(net, X, y).value(theta))


# ---- fixed parts and regulariser -----------------------------------------------------------------


@pytest.mark.parametrize(
    "fixed", [fixed for r in range(4) for fixed in itertools.combinations(PARTS, r)]
)
@pytest.mark.parametrize("width", [10, 20])
def test_fixed_parts_have_a_gradient_of_exactly_zero_and_others_the_same_bits(width, fixed):
    net = mgres.ResNet(3, width, 3, 200, dtype=np.float32)
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


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("opening", [False, True])
@pytest.mark.parametrize("measure", ["layers", "time", "mean"])
def test_regulariser_adds_its_formula_to_value_and_gradient(measure, opening, factor):
    beta, T = 0.3, 1.5
    net = mgres.ResNet(2, 3, 2, 6, T, "tanh", np.float64)
    _, X, _, y = random_problem(net, 20)
    plain = mgres.ResNetObjective(net, X, y)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(beta, measure, opening))
    if factor > 1:
        plain, f = plain.coarsen(factor), f.coarsen(factor)
    theta, *_ = random_problem(f.net, 1)
    gradient, plain_gradient = np.empty_like(theta), np.empty_like(theta)
    penalty = f.value_and_grad(theta, gradient) - plain.value_and_grad(theta, plain_gradient)

    c = {"layers": factor, "time": T / f.net.depth, "mean": 1 / f.net.depth}[measure]
    p = f.net.views(theta)
    blocks = c * ((p.W**2).sum() + (p.b**2).sum())
    others = opening * (p.Q**2).sum() + (p.W_out**2).sum() + (p.b_out**2).sum()
    assert penalty == pytest.approx(beta * (blocks + others), rel=1e-12)
    expected = 2 * beta * theta
    expected[f.net.part("opening")] *= opening
    expected[f.net.part("blocks")] *= c
    np.testing.assert_allclose(gradient - plain_gradient, expected, rtol=1e-12, atol=1e-14)


# ---- against differences of values ---------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "logistic", "identity"])
@pytest.mark.parametrize("measure", ["layers", "time"])
def test_check_gradient_passes(activation, measure, dtype):
    net = mgres.ResNet(3, 5, 3, 8, activation=activation, dtype=dtype)
    theta, X, _, y = random_problem(net, 30)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(0.01, measure))
    coarse = f.coarsen(4)
    for objective, point in ((f, theta), (coarse, coarse.net.init(0))):
        report = check_gradient(objective, point)
        assert report.ok, str(report)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_taylor_remainder_falls_with_slope_two(activation, loss):
    net = mgres.ResNet(3, 5, 3, 8, activation=activation, dtype=np.float64)
    theta, X, _, y = random_problem(net, 30)
    f = mgres.ResNetObjective(net, X, y, loss, regularizer=mgres.Tikhonov(0.01))
    gradient = np.empty_like(theta)
    value = f.value_and_grad(theta, gradient)
    d = np.random.default_rng(1).standard_normal(net.size)
    steps = 2.0 ** -np.arange(6, 13)
    remainders = [abs(f.value(theta + e * d) - value - e * (gradient @ d)) for e in steps]
    slope = np.polyfit(np.log(steps), np.log(remainders), 1)[0]
    assert slope == pytest.approx(2, abs=0.05)

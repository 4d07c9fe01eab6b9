"""Every block: the reference against complex steps and PyTorch, the core against both."""

import numpy as np
import pytest

import mgres
from mgres.blocks import ACTIVATIONS
from mgres.resnet import curvature_reference, reference
from mgres.resnet.objective import LOSSES
from mgres.testing import check_gradient

from .cases import CASES, FEW, KINKED, network
from .problems import (
    core_value_and_grad,
    random_problem,
    reference_value_and_grad,
    relative_error,
)

EVERY_CASE = pytest.mark.parametrize("name", CASES)
STEP = 1e-30


def problem(net, n=40, seed=0, labels=True):
    theta, X, vectors, y = random_problem(net, n, seed, labels, scale=0.4)
    return theta, X, vectors, y


def direction_of(net, seed=1):
    return np.random.default_rng(seed).standard_normal(net.size).astype(net.dtype)


# ---- the reference -------------------------------------------------------------------------------


@EVERY_CASE
def test_reference_adjoint_is_the_derivative_of_the_reference(name):
    net = network(name)
    theta, X, vectors, _ = problem(net, 7)
    _, gradient = reference.value_and_grad(net, "cross_entropy", theta, X, vectors)
    v = direction_of(net)
    moved = reference.value(net, "cross_entropy", theta + 1j * STEP * v, X, vectors)
    assert gradient @ v == pytest.approx(moved.imag / STEP, rel=1e-12, abs=1e-14)
    for part in ("opening", "blocks", "closing"):  # each in its own right
        w = np.zeros_like(v)
        w[net.part(part)] = v[net.part(part)]
        moved = reference.value(net, "cross_entropy", theta + 1j * STEP * w, X, vectors)
        assert gradient @ w == pytest.approx(moved.imag / STEP, rel=1e-11, abs=1e-14)


@EVERY_CASE
def test_reference_derivative_by_each_array_of_a_layer(name):
    net = network(name, depth=2)
    theta, X, vectors, _ = problem(net, 5)
    gradient, by_inputs = reference.vjp(net, theta, X, vectors)
    layers = net.views(gradient)._asdict()
    for array in net.layer_arrays:
        w = np.zeros_like(theta)
        net.views(w)._asdict()[array][:] = np.random.default_rng(2).standard_normal(
            layers[array].shape
        )
        z = reference.logits(net, theta + 1j * STEP * w, X)
        assert gradient @ w == pytest.approx((vectors * z).sum().imag / STEP, rel=1e-11, abs=1e-13)
    along = np.random.default_rng(3).standard_normal(X.shape)
    z = reference.logits(net, theta, X + 1j * STEP * along)
    assert (by_inputs * along).sum() == pytest.approx((vectors * z).sum().imag / STEP, rel=1e-11)


# ---- the core against the reference --------------------------------------------------------------


@EVERY_CASE
@pytest.mark.parametrize("loss", LOSSES)
def test_core_equals_reference(loss, name, dtype, tolerance):
    net = network(name, dtype, width=10, depth=9)
    theta, X, vectors, y = problem(net, 150, labels=loss == "cross_entropy")
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(expected, rel=3 * tolerance)
    found, wanted = (net.views(g)._asdict() for g in (gradient, expected_gradient))
    for array in found:
        assert relative_error(found[array], wanted[array]) < 10 * tolerance, array
    assert relative_error(gradient, expected_gradient) < 3 * tolerance
    assert mgres.ResNetObjective(net, X, y, loss).value(theta) == value


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize(
    ("inputs", "width", "depth", "n"),
    [(1, 2, 1, 1), (5, 16, 3, 17), (30, 40, 4, 200), (2, 34, 60, 130), (2, 4, 1500, 65)],
)
def test_core_equals_reference_for_other_shapes(inputs, width, depth, n, name):
    if depth == 1500 and CASES[name][0].filters is not None:
        depth = 600  # images fill the tape sooner, and their reference is slow
        mgres.set_num_threads(8)  # who share what the tapes may take
        assert network(name, depth=depth).evaluator().checkpoints(n) > 0
    net = network(name, width=width, depth=depth, n_inputs=inputs)
    theta, X, vectors, y = random_problem(net, n, scale=0.3 if width < 20 else 0.1)
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, "cross_entropy", theta, X, vectors)
    assert value == pytest.approx(expected, rel=1e-11)
    assert relative_error(gradient, expected_gradient) < 1e-11


@EVERY_CASE
def test_states_logits_and_vjp(name, dtype, tolerance):
    net = network(name, dtype)
    theta, X, vectors, _ = problem(net, 30)
    double, inputs = theta.astype(np.float64), X.astype(np.float64)
    states = np.array(reference.states(net, double, inputs))
    assert relative_error(net.states(theta, X), states) < 3 * tolerance
    logits = reference.logits(net, double, inputs)
    assert relative_error(net.logits(theta, X), logits) < 3 * tolerance
    found = net.vjp(theta, X, vectors.astype(dtype))
    for array, expected in zip(found, reference.vjp(net, double, inputs, vectors), strict=True):
        assert relative_error(array, expected) < 3 * tolerance


@EVERY_CASE
def test_products_equal_those_of_the_reference(name, dtype, tolerance):
    net = network(name, dtype)
    theta, X, vectors, y = problem(net)
    v = direction_of(net)
    f, out = mgres.ResNetObjective(net, X, y), np.empty_like(theta)
    given = (a.astype(np.float64) for a in (theta, X, vectors, v))
    double, inputs, targets, along = given
    for kind in ("hessian_product", "gauss_newton_product"):
        getattr(f, kind)(theta, v, out)
        product = getattr(curvature_reference, kind)
        expected = product(net, "cross_entropy", double, inputs, targets, along)
        assert relative_error(out, expected) < 3 * tolerance, kind


@pytest.mark.parametrize("name", FEW)
def test_state_defect(name, dtype, tolerance):
    net = network(name, dtype, depth=8)
    theta, X, _, y = problem(net)
    fine = mgres.ResNetObjective(net, X, y)
    coarse = fine.coarsen(4)
    projected = np.empty(coarse.size, dtype)
    mgres.DepthTransfer(net, coarse.net).project(theta, projected)
    corrected = coarse.with_state_defect(fine, theta, projected)
    assert corrected.value(projected) == pytest.approx(fine.value(theta), rel=10 * tolerance)


# ---- what holds for every network ----------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in FEW if CASES[n][0].activation not in KINKED])
def test_check_gradient_passes(name, dtype):
    net = network(name, dtype)
    theta, X, _, y = problem(net, 30)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(0.01, "time"))
    report = check_gradient(f, theta)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("n", [100, 3000])
def test_same_bits_for_one_to_eight_threads(n, name):
    net = network(name, np.float32, width=10, depth=30)
    theta, X, _, y = problem(net, n)
    f, v = mgres.ResNetObjective(net, X, y), direction_of(net)
    results = []
    for threads in range(1, 9):
        mgres.set_num_threads(threads)
        gradient, product = np.empty_like(theta), np.empty_like(theta)
        value = f.value_and_grad(theta, gradient)
        f.hessian_product(theta, v, product)
        results.append((value, gradient, product))
    for value, *arrays in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(arrays, results[0][1:])


@EVERY_CASE
@pytest.mark.parametrize(("depth", "n"), [(10, 60), (1500, 300)])
def test_estimated_memory_is_what_a_gradient_takes(depth, n, name):
    net = network(name, np.float32, depth=depth)
    theta, X, _, y = random_problem(net, n, scale=0.1)
    f = mgres.ResNetObjective(net, X, y)
    f.value_and_grad(theta, np.empty_like(theta))
    assert f._evaluator.workspace_bytes == mgres.estimate_memory(net, n) > 0


@pytest.mark.parametrize("name", FEW)
def test_memory_does_not_grow_with_samples_times_depth(name):
    net = network(name, np.float32, width=16, depth=512)
    few, many = (mgres.estimate_memory(net, n) for n in (20_000, 2_000_000))
    # each chunk, of 32 samples at least, keeps its loss in 8 bytes; all states would take 65 GB
    assert many < 1.02 * few + 2_000_000 / 32 * 8


@pytest.mark.parametrize("name", FEW)
def test_a_small_tape_changes_no_bit(name):
    net = network(name, np.float32, depth=40)
    theta, X, _, y = problem(net, 100)
    whole, pieces = np.empty_like(theta), np.empty_like(theta)
    tight = net.evaluator(tape_bytes=4096)
    assert tight.checkpoints(len(X)) > 0
    values = [
        evaluator.value_and_grad(theta, X, y, out)
        for evaluator, out in ((net.evaluator(), whole), (tight, pieces))
    ]
    assert values[0] == values[1]
    np.testing.assert_array_equal(whole, pieces)


@pytest.mark.parametrize("name", FEW)
def test_fixed_blocks_have_a_gradient_of_exactly_zero(name):
    net = network(name, np.float32, depth=20)
    theta, X, _, y = problem(net, 200)
    _, free = core_value_and_grad(net, "cross_entropy", theta, X, y)
    _, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y, fixed=("blocks",))
    assert not gradient[net.part("blocks")].any()
    for part in ("opening", "closing"):
        np.testing.assert_array_equal(gradient[net.part(part)], free[net.part(part)])


@pytest.mark.parametrize("name", FEW)
def test_not_a_number_is_not_hidden(name):
    net = network(name, np.float32)
    theta, X, _, y = problem(net, 20)
    for array in net.layer_arrays:
        broken = theta.copy()
        net.views(broken)._asdict()[array][1].flat[0] = np.nan
        value, gradient = core_value_and_grad(net, "cross_entropy", broken, X, y)
        assert np.isnan(value), array
        assert np.isnan(gradient).any(), array


def test_every_activation_is_in_the_table():
    assert {block.activation for block, _ in CASES.values()} == set(ACTIVATIONS)

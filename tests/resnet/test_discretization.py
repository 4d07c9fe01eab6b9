"""Schemes other than forward Euler: orders, structure, adjoints, arguments."""

import numpy as np
import pytest

import mgres
from mgres.resnet import reference
from mgres.resnet.network import ACTIVATIONS
from mgres.resnet.objective import LOSSES
from mgres.schemes import Matched, Verlet
from mgres.testing import check_gradient

from .problems import (
    core_value_and_grad,
    random_problem,
    reference_value_and_grad,
    relative_error,
)

SCHEMES = {
    "euler": {},
    "matched 2": {"scheme": "matched", "substeps": 2},
    "matched 2.5": {"scheme": "matched", "substeps": 2.5},
    "rk4": {"scheme": "rk4"},
    "verlet": {"scheme": "verlet"},
    "antisymmetric": {"weights": "antisymmetric", "damping": 0.3},
    "antisymmetric matched": {"scheme": "matched", "substeps": 8, "weights": "antisymmetric"},
    "antisymmetric rk4": {"scheme": "rk4", "weights": "antisymmetric", "damping": 1.5},
}
EVERY_SCHEME = pytest.mark.parametrize("options", SCHEMES.values(), ids=SCHEMES)


def constant_in_time(net, seed=0):
    """Parameters whose layers are all alike, with the identity around them."""
    rng = np.random.default_rng(seed)
    theta = np.zeros(net.size)
    p = net.views(theta)
    p.Q[:] = p.W_out[:] = np.eye(net.width)
    p.W[:] = rng.standard_normal(p.W.shape[1:])
    p.b[:] = rng.standard_normal(p.b.shape[1:])
    return theta


def end_state(depth, width=4, activation="tanh", theta=None, X=None, **options):
    """Return the state at T = 1 of a network whose layers are all alike."""
    net = mgres.ResNet(width, width, width, depth, 1.0, activation, np.float64, **options)
    if X is None:
        X = np.random.default_rng(1).standard_normal((5, width))
    return net.logits(constant_in_time(net) if theta is None else theta, X)


def slope(x, y):
    return np.polyfit(np.log(x), np.log(y), 1)[0]


# ---- adjoints ------------------------------------------------------------------------------------


@EVERY_SCHEME
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_reference_adjoint_is_the_derivative_of_the_reference(activation, options):
    net = mgres.ResNet(3, 4, 3, 4, 2.0, activation, np.float64, **options)
    theta, X, vectors, _ = random_problem(net, 7)
    _, gradient = reference.value_and_grad(net, "cross_entropy", theta, X, vectors)
    step = 1e-30
    for i in range(net.size):
        z = theta.astype(complex)
        z[i] += 1j * step
        derivative = reference.value(net, "cross_entropy", z, X, vectors).imag / step
        assert gradient[i] == pytest.approx(derivative, rel=1e-12, abs=1e-14)


@EVERY_SCHEME
def test_reference_derivative_by_the_inputs(options):
    net = mgres.ResNet(3, 4, 2, 4, 2.0, "tanh", np.float64, **options)
    theta, X, vectors, _ = random_problem(net, 3)
    _, gradient = reference.vjp(net, theta, X, vectors)
    step = 1e-30
    for i in np.ndindex(X.shape):
        moved = X.astype(complex)
        moved[i] += 1j * step
        derivative = (vectors * reference.logits(net, theta, moved)).sum().imag / step
        assert gradient[i] == pytest.approx(derivative, rel=1e-12, abs=1e-14)


@EVERY_SCHEME
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_core_equals_reference(loss, activation, options, dtype, tolerance):
    net = mgres.ResNet(3, 10, 3, 12, 2.0, activation, dtype, **options)
    theta, X, vectors, y = random_problem(net, 150, scale=0.3)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    for part in map(net.part, ("opening", "blocks", "closing")):
        assert relative_error(gradient[part], expected_gradient[part]) < 3 * tolerance
    assert mgres.ResNetObjective(net, X, y, loss).value(theta) == value


@EVERY_SCHEME
@pytest.mark.parametrize(
    ("inputs", "width", "depth", "n"),
    [(1, 2, 1, 1), (5, 16, 3, 17), (30, 40, 4, 200), (2, 34, 300, 130), (2, 4, 3000, 65)],
)
def test_core_equals_reference_for_other_shapes(inputs, width, depth, n, options):
    """The last two are so deep that the way back starts from checkpoints."""
    net = mgres.ResNet(inputs, width, 2, depth, 2.0, "tanh", np.float64, **options)
    theta, X, vectors, y = random_problem(net, n, scale=0.3)
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    expected, expected_gradient = reference_value_and_grad(net, "cross_entropy", theta, X, vectors)
    assert value == pytest.approx(expected, rel=1e-11)
    assert relative_error(gradient, expected_gradient) < 1e-11


@EVERY_SCHEME
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_check_gradient_passes(activation, options, dtype):
    net = mgres.ResNet(3, 6, 3, 8, 1.0, activation, dtype, **options)
    theta, X, _, y = random_problem(net, 30)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(0.01, "time"))
    report = check_gradient(f, theta)
    assert report.ok, str(report)


@EVERY_SCHEME
def test_fixed_blocks_have_a_gradient_of_exactly_zero(options):
    net = mgres.ResNet(3, 6, 3, 40, 1.0, "tanh", **options)
    theta, X, _, y = random_problem(net, 300)
    _, free = core_value_and_grad(net, "cross_entropy", theta, X, y)
    _, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y, fixed=("blocks",))
    assert not gradient[net.part("blocks")].any()
    for part in ("opening", "closing"):
        np.testing.assert_array_equal(gradient[net.part(part)], free[net.part(part)])


@EVERY_SCHEME
@pytest.mark.parametrize("n", [100, 3000])
def test_same_bits_for_any_number_of_threads(n, options):
    net = mgres.ResNet(2, 10, 2, 100, activation="relu", **options)
    theta, X, _, y = random_problem(net, n)
    results = []
    for threads in (1, 2, 3, 8):
        mgres.set_num_threads(threads)
        results.append(core_value_and_grad(net, "cross_entropy", theta, X, y))
    for value, gradient in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


@EVERY_SCHEME
@pytest.mark.parametrize(("depth", "n"), [(10, 60), (3000, 300)])
def test_estimated_memory_is_what_a_gradient_takes(depth, n, options):
    net = mgres.ResNet(2, 6, 2, depth, **options)
    theta, X, _, y = random_problem(net, n, scale=0.1)
    f = mgres.ResNetObjective(net, X, y)
    f.value_and_grad(theta, np.empty_like(theta))
    assert f._evaluator.workspace_bytes == mgres.estimate_memory(net, n)


@EVERY_SCHEME
def test_not_a_number_in_the_weights_is_not_hidden(options):
    net = mgres.ResNet(2, 4, 2, 4, 1.0, "tanh", **options)
    theta, X, _, y = random_problem(net, 20)
    net.views(theta).W[1, 0, 0] = np.nan
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    assert np.isnan(value)
    assert np.isnan(gradient).any()


# ---- orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "order"), [("euler", 1), ("matched", 1), ("rk4", 4), ("verlet", 1)]
)
def test_order_of_convergence(scheme, order):
    """A matched network is as far from the solution as Euler's network with m times its depth."""
    options = {"scheme": scheme, "substeps": 2 if scheme == "matched" else 1}
    exact = end_state(1000, scheme="rk4")
    if scheme == "verlet":  # its own reference: the weights mean another equation
        exact = 2 * end_state(2**15, scheme="verlet") - end_state(2**14, scheme="verlet")
    depths = np.array([16, 32, 64])
    errors = [np.abs(end_state(depth, **options) - exact).max() for depth in depths]
    assert slope(1 / depths, errors) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("substeps", [1.0, 1e12])
def test_matched_has_the_limits_of_euler_and_heun(substeps):
    X = np.random.default_rng(1).standard_normal((5, 4))
    one = mgres.ResNet(4, 4, 4, 1, 0.3, "tanh", np.float64, scheme="matched", substeps=substeps)
    theta = constant_in_time(one)
    p = one.views(theta)

    def f(x):
        return np.tanh(x @ p.W[0].T + p.b[0])

    euler = X + 0.3 * f(X)
    expected = euler if substeps == 1 else X + 0.15 * (f(X) + f(euler))
    np.testing.assert_allclose(one.logits(theta, X), expected, rtol=1e-11)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("m", [2, 3, 8])
def test_matched_layers_reproduce_euler_layers_to_second_order(m, activation):
    """||y_matched(K) - y_euler(m K)|| = O(h^2); without the second stage it is O(h)."""
    depths = np.array([32, 64, 128])

    def distances(**options):
        return [
            np.abs(
                end_state(depth, activation=activation, **options)
                - end_state(m * depth, activation=activation)
            ).max()
            for depth in depths
        ]

    matched = distances(scheme="matched", substeps=m)
    assert slope(1 / depths, matched) == pytest.approx(2, abs=0.2)
    assert slope(1 / depths, distances()) == pytest.approx(1, abs=0.2)
    assert matched[0] < 0.2 * distances()[0]


def test_a_linear_matched_layer_is_two_euler_layers_exactly():
    matched = end_state(16, activation="identity", scheme="matched", substeps=2)
    np.testing.assert_allclose(matched, end_state(32, activation="identity"), rtol=1e-12)


# ---- structure -----------------------------------------------------------------------------------


def test_verlet_by_hand():
    net = mgres.ResNet(2, 2, 2, 1, 0.5, "identity", np.float64, scheme="verlet")
    assert net.layer_size == 2
    theta = np.zeros(net.size)
    p = net.views(theta)
    p.Q[:] = p.W_out[:] = np.eye(2)
    p.W[:], p.b[:] = 3, 1
    # q = 2 - 0.5 (3 * 1 + 1) = 0, then p = 1 + 0.5 (3 * 0 + 1)
    np.testing.assert_array_equal(net.logits(theta, np.array([[1.0, 2.0]])), [[1.5, 0]])


def test_verlet_is_reversible():
    """p forward, q backward: negating the step undoes it, layer by layer."""
    rng = np.random.default_rng(3)
    net = mgres.ResNet(6, 6, 6, 20, 2.0, "tanh", np.float64, scheme="verlet")
    theta = constant_in_time(net)
    p = net.views(theta)
    p.W[:] = rng.standard_normal(p.W.shape)
    X = rng.standard_normal((9, 6))
    y = net.logits(theta, X)
    for k in reversed(range(net.depth)):
        ends = np.split(y, 2, axis=1)
        start = ends[0] - net.dt * np.tanh(ends[1] @ p.W[k].T + p.b[k])
        y = np.concatenate([start, ends[1] + net.dt * np.tanh(start @ p.W[k] + p.b[k])], axis=1)
    np.testing.assert_allclose(y, X, rtol=1e-12)


def test_verlet_keeps_volumes():
    """Each half step is a shear: det dy_K/dx = 1.  Euler's steps change volumes."""
    for scheme, holds in (("verlet", True), ("euler", False)):
        net = mgres.ResNet(6, 6, 6, 20, 2.0, "tanh", np.float64, scheme=scheme)
        theta = constant_in_time(net)
        X = np.random.default_rng(4).standard_normal((1, 6))
        jacobian = np.concatenate([net.vjp(theta, X, row[None])[1] for row in np.eye(6)])
        assert (abs(np.linalg.det(jacobian) - 1) < 1e-10) == holds


@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_antisymmetric_weights_have_eigenvalues_with_the_real_part_of_the_damping(damping):
    """One linear layer is I + h W: its Jacobian shows the effective W."""
    net = mgres.ResNet(
        5, 5, 5, 1, 0.1, "identity", np.float64, weights="antisymmetric", damping=damping
    )
    theta = constant_in_time(net)
    X = np.zeros((1, 5))
    jacobian = np.concatenate([net.vjp(theta, X, row[None])[1] for row in np.eye(5)])
    W = (jacobian - np.eye(5)) / 0.1
    np.testing.assert_allclose(np.linalg.eigvals(W).real, -damping, atol=1e-12)
    raw = net.views(theta).W[0]
    np.testing.assert_allclose(W + damping * np.eye(5), (raw - raw.T) / 2, atol=1e-12)


def test_gradient_by_antisymmetric_weights_is_antisymmetric():
    net = mgres.ResNet(3, 5, 2, 6, weights="antisymmetric", damping=0.1, dtype=np.float64)
    theta, X, _, y = random_problem(net, 40)
    _, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    g = net.views(gradient).W
    np.testing.assert_array_equal(g, -np.swapaxes(g, 1, 2))
    assert np.abs(g).max() > 0


# ---- the network object --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "stages"), [("euler", 1), ("matched", 2), ("rk4", 4), ("verlet", 1)]
)
def test_stages(scheme, stages):
    assert mgres.ResNet(2, 4, 2, 3, scheme=scheme).stages == stages


@EVERY_SCHEME
@pytest.mark.parametrize("init", ["normal", "glorot", "he", "constant", "coarse"])
def test_initial_parameters_of_every_scheme(init, options):
    net = mgres.ResNet(3, 6, 2, 32, **options)
    theta = net.init(0, init)
    p = net.views(theta)
    w = 3 if net.scheme == Verlet() else 6
    assert p.W.shape == (32, w, w)
    assert p.b.shape == (32, w)
    assert theta.size == 18 + 32 * (w * w + w) + 14
    assert np.isfinite(net.logits(theta, np.ones((4, 3), np.float32))).all()


def test_depth_and_scheme_can_be_exchanged():
    net = mgres.ResNet(3, 6, 2, 32, weights="antisymmetric", damping=0.5)
    coarse = net.with_depth(8).with_scheme("matched", 4)
    assert (coarse.depth, coarse.scheme, coarse.substeps) == (8, Matched(4), 4.0)
    assert (coarse.weights, coarse.damping) == ("antisymmetric", 0.5)
    assert coarse.with_scheme("euler").with_depth(32) == net


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "heun"}, "scheme: expected one of"),
        ({"scheme": "matched", "substeps": 0.5}, "substeps: expected a number >= 1, got 0.5"),
        ({"scheme": "matched", "substeps": np.inf}, "substeps: expected a number >= 1, got inf"),
        ({"scheme": "rk4", "substeps": 2}, "substeps: only scheme='matched' has them"),
        ({"weights": "skew"}, "weights: expected one of"),
        ({"damping": 0.1}, "damping: needs weights='antisymmetric'"),
        ({"weights": "antisymmetric", "damping": -1}, "damping: expected a number >= 0, got -1"),
        ({"weights": "antisymmetric", "damping": np.nan}, "damping: expected a number >= 0"),
        ({"scheme": "verlet", "weights": "antisymmetric"}, "weights: expected 'free' for verlet"),
        ({"scheme": "verlet", "width": 5}, "width: expected an even number .*got 5"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        mgres.ResNet(**{"n_inputs": 2, "width": 4, "n_outputs": 2, "depth": 3, **options})

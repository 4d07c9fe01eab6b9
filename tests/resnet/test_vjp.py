"""The vector-Jacobian product: derivatives of any function of the logits."""

import numpy as np
import pytest

import mgres
from mgres.resnet import reference

from .problems import core_value_and_grad, random_problem, relative_error


def case(net, n, seed=0):
    theta, X, _, y = random_problem(net, n, seed, scale=0.3)
    dlogits = np.random.default_rng(seed + 1).standard_normal((n, net.n_outputs)).astype(net.dtype)
    return theta, X, dlogits, y


SHAPES = [
    (1, 1, 1, 1, 1),
    (2, 3, 2, 40, 100),
    (784, 10, 10, 3, 70),
    (17, 20, 5, 6, 129),
    (3, 40, 17, 8, 1000),
    (2, 3, 2, 3000, 130),
]


@pytest.mark.parametrize(("inputs", "width", "outputs", "depth", "n"), SHAPES)
def test_equals_the_reference(inputs, width, outputs, depth, n, dtype, tolerance):
    net = mgres.ResNet(inputs, width, outputs, depth, 1.5, "tanh", dtype)
    theta, X, dlogits, _ = case(net, n)
    actual = net.vjp(theta, X, dlogits)
    expected = reference.vjp(net, *(a.astype(np.float64) for a in (theta, X, dlogits)))
    for found, wanted in zip(actual, expected, strict=True):
        assert found.dtype == dtype
        assert found.shape == wanted.shape
        assert relative_error(found, wanted) < tolerance


@pytest.mark.parametrize(
    "options",
    [
        {"scheme": "matched", "substeps": 4},
        {"scheme": "rk4"},
        {"scheme": "verlet"},
        {"weights": "antisymmetric", "damping": 0.2},
    ],
    ids=["matched", "rk4", "verlet", "antisymmetric"],
)
def test_every_scheme(options, dtype, tolerance):
    net = mgres.ResNet(5, 6, 3, 20, 1.5, "logistic", dtype, **options)
    theta, X, dlogits, _ = case(net, 150)
    actual = net.vjp(theta, X, dlogits)
    expected = reference.vjp(net, *(a.astype(np.float64) for a in (theta, X, dlogits)))
    for found, wanted in zip(actual, expected, strict=True):
        assert relative_error(found, wanted) < tolerance


def test_with_the_derivative_of_the_loss_it_is_the_gradient(dtype, tolerance):
    net = mgres.ResNet(4, 10, 3, 30, 1.5, "tanh", dtype)
    theta, X, _, y = case(net, 200)
    _, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    z = net.logits(theta, X).astype(np.float64)
    dz = reference.loss_gradient("cross_entropy", z, np.eye(3)[y]) / len(X)
    assert relative_error(net.vjp(theta, X, dz.astype(dtype))[0], gradient) < 3 * tolerance


def test_it_is_linear_and_samples_are_independent():
    net = mgres.ResNet(3, 5, 2, 9, activation="tanh", dtype=np.float64)
    theta, X, dlogits, _ = case(net, 90)
    whole = net.vjp(theta, X, dlogits)
    some = dlogits.copy()
    some[40:] = 0
    part, rest = net.vjp(theta, X, some), net.vjp(theta, X, dlogits - some)
    np.testing.assert_allclose(part[0] + rest[0], whole[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(part[1] + rest[1], whole[1], rtol=1e-12, atol=1e-14)
    assert not part[1][40:].any()


@pytest.mark.parametrize("n", [100, 3000])
def test_same_bits_for_any_number_of_threads(n):
    net = mgres.ResNet(20, 10, 4, 60)
    theta, X, dlogits, _ = case(net, n)
    results = []
    for threads in (1, 2, 3, 8):
        mgres.set_num_threads(threads)
        results.append(net.vjp(theta, X, dlogits))
    for dtheta, inputs in results[1:]:
        np.testing.assert_array_equal(dtheta, results[0][0])
        np.testing.assert_array_equal(inputs, results[0][1])


def test_the_evaluator_can_leave_the_inputs_out_and_parts_fixed():
    net = mgres.ResNet(3, 5, 2, 9, dtype=np.float64)
    theta, X, dlogits, _ = case(net, 30)
    dtheta, inputs = net.vjp(theta, X, dlogits)
    out, out_inputs = np.full_like(theta, np.nan), np.full_like(X, np.nan)
    net.evaluator().vjp(theta, X, dlogits, out)
    np.testing.assert_array_equal(out, dtheta)
    net.evaluator(fixed=("opening", "blocks", "closing")).vjp(theta, X, dlogits, out, out_inputs)
    assert not out.any()
    np.testing.assert_array_equal(out_inputs, inputs)


BAD = {
    "theta: expected a numpy array": (TypeError, lambda t, X, d: ([1.0], X, d)),
    "dlogits: expected a numpy array": (TypeError, lambda t, X, d: (t, X, d.tolist())),
    "dlogits: expected dtype float64": (TypeError, lambda t, X, d: (t, X, d.astype(np.float32))),
    r"dlogits: expected shape \(30, 2\)": (ValueError, lambda t, X, d: (t, X, d[1:])),
    "dlogits: expected a C-contiguous": (TypeError, lambda t, X, d: (t, X, np.asfortranarray(d))),
    r"X: expected shape \(n, 3\)": (ValueError, lambda t, X, d: (t, X[:, :2].copy(), d)),
    r"theta: expected shape": (ValueError, lambda t, X, d: (t[1:], X, d)),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_arguments(message):
    net = mgres.ResNet(3, 5, 2, 9, dtype=np.float64)
    theta, X, dlogits, _ = case(net, 30)
    error, spoil = BAD[message]
    with pytest.raises(error, match=message):
        net.vjp(*spoil(theta, X, dlogits))


def test_outputs_must_not_overlap_inputs():
    net = mgres.ResNet(3, 5, 2, 9, dtype=np.float64)
    theta, X, dlogits, _ = case(net, 30)
    with pytest.raises(ValueError, match="out: must not overlap theta"):
        net.evaluator().vjp(theta, X, dlogits, theta)
    with pytest.raises(ValueError, match="out_X: must not overlap X"):
        net.evaluator().vjp(theta, X, dlogits, np.empty_like(theta), X)

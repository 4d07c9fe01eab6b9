"""Loss and gradient against PyTorch's autograd: an implementation that shares nothing with ours."""

import numpy as np
import pytest

import mgres
from mgres.resnet.network import ACTIVATIONS
from mgres.resnet.objective import LOSSES

from .problems import core_value_and_grad, random_problem, relative_error

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install torch")
from .torch_networks import (  # noqa: E402  (needs PyTorch)
    SIGMA,
    torch_logits,
    torch_products,
    torch_value_and_grad,
)


def test_all_activations_are_known_here():
    assert set(SIGMA) == set(ACTIVATIONS)


@pytest.mark.parametrize("labels", [True, False], ids=["labels", "vectors"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_equals_autograd(activation, loss, labels, dtype, tolerance):
    net = mgres.ResNet(4, 10, 3, 64, activation=activation, dtype=dtype)
    theta, X, vectors, y = random_problem(net, 100, labels=labels)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    expected, expected_gradient = torch_value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance


@pytest.mark.parametrize(("n_inputs", "width"), [(784, 10), (3, 33)])
def test_other_shapes(n_inputs, width, dtype, tolerance):
    net = mgres.ResNet(n_inputs, width, 10, 20, 2.0, "tanh", dtype)
    theta, X, vectors, y = random_problem(net, 150, scale=0.1)
    value, gradient = core_value_and_grad(net, "cross_entropy", theta, X, y)
    expected, expected_gradient = torch_value_and_grad(net, "cross_entropy", theta, X, vectors)
    assert value == pytest.approx(expected, rel=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # its own
@pytest.mark.parametrize("labels", [True, False], ids=["labels", "vectors"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_products_equal_torch_func(activation, loss, labels, dtype, tolerance):
    """Hessian: forward over reverse mode.  Gauss-Newton: jvp, the loss's Hessian, vjp."""
    net = mgres.ResNet(4, 6, 3, 12, activation=activation, dtype=dtype)
    theta, X, vectors, y = random_problem(net, 50, labels=labels)
    v = np.random.default_rng(1).standard_normal(net.size).astype(dtype)
    hessian, gauss_newton = torch_products(net, loss, theta, X, vectors, v)
    f = mgres.ResNetObjective(net, X, y, loss)
    out = np.empty_like(theta)
    f.hessian_product(theta, v, out)
    assert relative_error(out, hessian) < 3 * tolerance
    f.gauss_newton_product(theta, v, out)
    assert relative_error(out, gauss_newton) < 3 * tolerance


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scheme": "matched", "substeps": 3},
        {"scheme": "rk4"},
        {"scheme": "verlet"},
        {"weights": "antisymmetric", "damping": 0.2},
    ],
    ids=["euler", "matched", "rk4", "verlet", "antisymmetric"],
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_scheme_and_the_derivative_by_the_inputs(activation, options, dtype, tolerance):
    net = mgres.ResNet(4, 8, 3, 16, 2.0, activation, dtype, **options)
    theta, X, vectors, _ = random_problem(net, 60, labels=False, scale=0.3)
    flat, inputs = (torch.tensor(a, requires_grad=True) for a in (theta, X))
    torch_logits(net, flat, inputs).backward(torch.tensor(vectors, dtype=flat.dtype))
    actual = net.vjp(theta, X, vectors.astype(dtype))
    for found, expected in zip(actual, (flat.grad, inputs.grad), strict=True):
        assert relative_error(found, expected.numpy().astype(np.float64)) < tolerance

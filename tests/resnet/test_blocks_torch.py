"""Every block against PyTorch's autograd, on random shapes."""

import numpy as np
import pytest

import mgres
from mgres.resnet import curvature_reference, reference

from .cases import CASES, network
from .problems import core_value_and_grad, random_problem, relative_error

pytest.importorskip("torch", reason="PyTorch is missing: pip install torch")
from .torch_networks import (
    torch_products,
    torch_value_and_grad,
)

EVERY_CASE = pytest.mark.parametrize("name", CASES)
FUTURE = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # its own


def random_network(name, dtype, rng):
    """Return a network of random sizes with data; an even width, which suits every block."""
    width, depth = 2 * int(rng.integers(1, 10)), int(rng.integers(1, 12))
    inputs, outputs = (int(k) for k in rng.integers(1, 6, 2))
    net = network(name, dtype, width, depth, inputs, outputs, final_time=rng.uniform(0.5, 2))
    labels = bool(rng.integers(2))
    return net, random_problem(net, int(rng.integers(1, 150)), int(rng.integers(99)), labels, 0.3)


def loss_of(name):
    return ("cross_entropy", "squared_error")[len(name) % 2]


@EVERY_CASE
def test_gradient_equals_autograd(name, dtype, tolerance, rng):
    net, (theta, X, vectors, y) = random_network(name, dtype, rng)
    loss = loss_of(name)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    double, inputs = theta.astype(np.float64), X.astype(np.float64)
    expected, expected_gradient = torch_value_and_grad(net, loss, double, inputs, vectors)
    assert value == pytest.approx(expected, rel=tolerance, abs=tolerance)
    assert relative_error(gradient, expected_gradient) < tolerance


@FUTURE
@EVERY_CASE
def test_products_equal_torch_func(name, dtype, tolerance, rng):
    net, (theta, X, vectors, y) = random_network(name, dtype, rng)
    v = rng.standard_normal(net.size).astype(dtype)
    f, out = mgres.ResNetObjective(net, X, y, loss_of(name)), np.empty_like(theta)
    expected = torch_products(net, loss_of(name), theta, X, vectors, v)
    for kind, product in zip(("hessian", "gauss_newton"), expected, strict=True):
        getattr(f, f"{kind}_product")(theta, v, out)
        assert relative_error(out, product) < 3 * tolerance, kind


@FUTURE
@EVERY_CASE
def test_the_reference_equals_both(name, rng):
    net, (theta, X, vectors, _) = random_network(name, np.float64, rng)
    v, loss = rng.standard_normal(net.size), loss_of(name)
    value, gradient = reference.value_and_grad(net, loss, theta, X, vectors)
    expected, expected_gradient = torch_value_and_grad(net, loss, theta, X, vectors)
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert relative_error(gradient, expected_gradient) < 1e-12
    products = torch_products(net, loss, theta, X, vectors, v)
    for kind, product in zip(("hessian", "gauss_newton"), products, strict=True):
        found = getattr(curvature_reference, f"{kind}_product")
        assert relative_error(found(net, loss, theta, X, vectors, v), product) < 1e-12, kind

"""Networks of several stages against PyTorch's autograd."""

import numpy as np
import pytest

import mgres

from ..resnet.problems import core_value_and_grad, random_problem, relative_error
from .cases import CASES

pytest.importorskip("torch", reason="PyTorch is missing: pip install torch")
from ..resnet.torch_networks import torch_products, torch_value_and_grad
from .torch_stages import as_numpy, stage_logits, torch

EVERY_CASE = pytest.mark.parametrize("name", CASES)
FUTURE = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # its own
LOSS = {"images": "squared_error", "last_state": "squared_error"}


def problem(name, dtype, n=70):
    net = CASES[name](dtype)
    loss = LOSS.get(name, "cross_entropy")
    return net, loss, random_problem(net, n, 3, loss == "cross_entropy", 0.3)


@EVERY_CASE
def test_gradient_equals_autograd(name, dtype, tolerance):
    net, loss, (theta, X, targets, y) = problem(name, dtype)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)
    double, inputs = theta.astype(np.float64), X.astype(np.float64)
    expected = torch_value_and_grad(net, loss, double, inputs, targets, stage_logits)
    assert value == pytest.approx(expected[0], rel=tolerance)
    assert relative_error(gradient, expected[1]) < tolerance


@EVERY_CASE
def test_outputs_and_their_transposed_derivative(name, dtype, tolerance, rng):
    net, _, (theta, X, _, _) = problem(name, dtype, 9)
    flat = torch.tensor(theta.astype(np.float64), requires_grad=True)
    inputs = torch.tensor(X.astype(np.float64), requires_grad=True)
    expected = stage_logits(net, flat, inputs)
    assert relative_error(net.logits(theta, X), as_numpy(expected)) < tolerance
    dlogits = rng.standard_normal(expected.shape).astype(dtype)
    by_theta, by_inputs = net.vjp(theta, X, dlogits)
    expected.backward(torch.tensor(dlogits.astype(np.float64)))
    assert relative_error(by_theta, as_numpy(flat.grad)) < tolerance
    assert relative_error(by_inputs, as_numpy(inputs.grad)) < tolerance


@FUTURE
@EVERY_CASE
def test_products_equal_torch_func(name, dtype, tolerance, rng):
    net, loss, (theta, X, targets, y) = problem(name, dtype)
    v = rng.standard_normal(net.size).astype(dtype)
    f, out = mgres.ResNetObjective(net, X, y, loss), np.empty_like(theta)
    expected = torch_products(net, loss, theta, X, targets, v, stage_logits)
    for kind, product in zip(("hessian", "gauss_newton"), expected, strict=True):
        getattr(f, f"{kind}_product")(theta, v, out)
        assert relative_error(out, product) < 3 * tolerance, kind


@pytest.mark.parametrize("part", ["opening", "blocks", "connections", "closing"])
@EVERY_CASE
def test_what_is_fixed_has_no_derivative_and_the_rest_is_as_before(name, part, rng):
    net, loss, (theta, X, _, y) = problem(name, np.dtype("float64"))
    v, free = rng.standard_normal(net.size), np.ones(net.size)
    free[net.part(part)] = 0
    f, fixed = (mgres.ResNetObjective(net, X, y, loss, fixed=p) for p in ((), (part,)))
    one, other = np.empty_like(theta), np.empty_like(theta)
    f.value_and_grad(theta, one)
    fixed.value_and_grad(theta, other)
    np.testing.assert_array_equal(other, free * one)
    for kind in ("hessian_product", "gauss_newton_product"):
        getattr(f, kind)(theta, free * v, one)
        getattr(fixed, kind)(theta, v, other)
        np.testing.assert_allclose(other, free * one, rtol=1e-12, atol=1e-13)

"""Networks of several stages as modules of PyTorch, and back."""

import numpy as np
import pytest
import torch

import mgres
from mgres.torch import ResNetLayer, from_module, to_module

from ..resnet.problems import random_problem, relative_error
from ..stages.cases import CASES

EVERY_CASE = pytest.mark.parametrize("name", CASES)


@EVERY_CASE
def test_a_module_has_the_same_outputs_and_gradients(name, dtype, tolerance):
    net = CASES[name](dtype)
    theta, X, _, _ = random_problem(net, 30, scale=0.3)
    module = to_module(net, theta)
    outputs = module(torch.from_numpy(X))
    assert relative_error(outputs.detach().numpy(), net.logits(theta, X)) < 2 * tolerance
    dlogits = np.ones(outputs.shape, dtype)
    outputs.backward(torch.from_numpy(dlogits))
    expected = net.named_views(net.vjp(theta, X, dlogits)[0])
    found = dict(module.named_parameters())
    assert found.keys() == expected.keys()
    scale = max(np.abs(gradient).max() for gradient in expected.values())
    for key, gradient in expected.items():
        assert np.abs(found[key].grad.numpy() - gradient).max() < 10 * tolerance * scale, key


@EVERY_CASE
def test_there_and_back(name):
    net = CASES[name](np.dtype("float32"))
    theta = random_problem(net, 1)[0]
    module = to_module(net, theta)
    other, back = from_module(module)
    assert other == net
    np.testing.assert_array_equal(back, theta)
    double, back = from_module(module.double())
    assert double == net.with_dtype(np.float64)
    np.testing.assert_array_equal(back, theta.astype(np.float64))
    assert "Network(opening=" in repr(module)


def test_a_network_is_a_layer():
    net = mgres.stages.convolutional((1, 8, 8), 4, depth=4, channels=(2, 3))
    layer = ResNetLayer(net)
    X = torch.randn(6, 64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    layer(X).square().sum().backward()
    module = to_module(net, layer.theta.detach().numpy())
    same = X.detach().clone().requires_grad_()
    module(same).square().sum().backward()
    assert relative_error(X.grad.numpy(), same.grad.double().numpy()) < 1e-5
    gradient = net.named_views(layer.theta.grad.numpy())
    for key, parameter in module.named_parameters():
        np.testing.assert_allclose(gradient[key], parameter.grad, rtol=1e-4, atol=1e-5)

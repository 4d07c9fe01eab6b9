"""Loss and gradient against PyTorch's autograd: an implementation that shares nothing with ours."""

import mgres
import numpy as np
import pytest

from .problems import core_value_and_grad, random_problem, relative_error

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install torch")

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "identity": lambda z: z,
}


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_equals_autograd(activation, loss, dtype, tolerance):
    net = mgres.ResNet(4, 10, 3, 64, activation=activation, dtype=dtype)
    theta, X, vectors, y = random_problem(net, 100)
    value, gradient = core_value_and_grad(net, loss, theta, X, y)

    flat = torch.tensor(theta, requires_grad=True)
    v, q, m, K = net.width, net.n_inputs, net.n_outputs, net.depth
    Q = flat[: v * q].reshape(v, q)
    layers = flat[v * q : v * q + K * (v * v + v)].reshape(K, v * v + v)
    closing = flat[v * q + K * (v * v + v) :]
    state = torch.tensor(X) @ Q.T
    for layer in layers:
        z = state @ layer[: v * v].reshape(v, v).T + layer[v * v :]
        state = state + net.dt * ACTIVATIONS[activation](z)
    logits = state @ closing[: m * v].reshape(m, v).T + closing[m * v :]
    if loss == "cross_entropy":
        expected = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
    else:
        expected = ((logits - torch.tensor(vectors, dtype=logits.dtype)) ** 2).sum(1).mean() / 2
    expected.backward()

    assert value == pytest.approx(float(expected), rel=tolerance)
    assert relative_error(gradient, flat.grad.numpy().astype(np.float64)) < tolerance

"""Loss and gradient against PyTorch's autograd: an implementation that shares nothing with ours."""

import numpy as np
import pytest

import mgres
from mgres.resnet.network import ACTIVATIONS
from mgres.resnet.objective import LOSSES

from .problems import core_value_and_grad, random_problem, relative_error

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install torch")
torch.set_num_threads(1)  # its threads and ours would wait for each other


def smooth_relu(z):
    w = 0.1
    return torch.where(z <= -w, 0 * z, torch.where(z >= w, z, (z + w) ** 2 / (4 * w)))


SIGMA = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "identity": lambda z: z,
    "smooth_relu": smooth_relu,
}


def torch_logits(net, flat, X):
    v, q, m, K = net.width, net.n_inputs, net.n_outputs, net.depth
    Q, layers, W_out, b_out = torch.split(flat, [v * q, K * (v * v + v), m * v, m])
    state = torch.tensor(X) @ Q.reshape(v, q).T
    for layer in layers.reshape(K, v * v + v):
        z = state @ layer[: v * v].reshape(v, v).T + layer[v * v :]
        state = state + net.dt * SIGMA[net.activation](z)
    return state @ W_out.reshape(m, v).T + b_out


def torch_loss(loss, logits, vectors):
    targets = torch.tensor(vectors, dtype=logits.dtype)
    if loss == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, targets)
    return ((logits - targets) ** 2).sum(1).mean() / 2


def torch_value_and_grad(net, loss, theta, X, vectors):
    flat = torch.tensor(theta, requires_grad=True)
    value = torch_loss(loss, torch_logits(net, flat, X), vectors)
    value.backward()
    return value.item(), flat.grad.numpy().astype(np.float64)


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
    point, direction = (
        torch.tensor(theta, dtype=torch.float64),
        torch.tensor(v, dtype=torch.float64),
    )
    samples = X.astype(np.float64)

    def model(flat):
        return torch_logits(net, flat, samples)

    def mean_loss(logits):
        return torch_loss(loss, logits, vectors)

    def push(f, at, along):
        return torch.func.jvp(f, (at,), (along,))[1]

    hessian = push(torch.func.grad(lambda flat: mean_loss(model(flat))), point, direction)
    logits, pull = torch.func.vjp(model, point)
    along = push(torch.func.grad(mean_loss), logits, push(model, point, direction))
    f = mgres.ResNetObjective(net, X, y, loss)
    out = np.empty_like(theta)
    f.hessian_product(theta, v, out)
    assert relative_error(out, hessian.numpy()) < 3 * tolerance
    f.gauss_newton_product(theta, v, out)
    assert relative_error(out, pull(along)[0].numpy()) < 3 * tolerance

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


def torch_step(net, W, b, y):
    """One layer of any scheme, written down as in the sources."""
    h, sigma = net.dt, SIGMA[net.activation]
    if net.weights == "antisymmetric":
        W = (W - W.T) / 2 - net.damping * torch.eye(len(W), dtype=W.dtype)
    if net.scheme == "verlet":
        p, q = y.chunk(2, 1)
        q = q - h * sigma(p @ W + b)
        return torch.cat([p + h * sigma(q @ W.T + b), q], 1)

    def f(x):
        return sigma(x @ W.T + b)

    k1 = f(y)
    if net.scheme == "matched":
        a = (net.substeps - 1) / (2 * net.substeps)
        return y + h * ((1 - a) * k1 + a * f(y + h * k1))
    if net.scheme == "rk4":
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3))
    return y + h * k1


def torch_logits(net, flat, inputs):
    v, w, q, m, K = net.width, net.layer_width, net.n_inputs, net.n_outputs, net.depth
    Q, layers, W_out, b_out = torch.split(flat, [v * q, K * (w * w + w), m * v, m])
    state = inputs @ Q.reshape(v, q).T
    for layer in layers.reshape(K, w * w + w):
        state = torch_step(net, layer[: w * w].reshape(w, w), layer[w * w :], state)
    return state @ W_out.reshape(m, v).T + b_out


def torch_loss(loss, logits, vectors):
    targets = torch.tensor(vectors, dtype=logits.dtype)
    if loss == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, targets)
    return ((logits - targets) ** 2).sum(1).mean() / 2


def torch_value_and_grad(net, loss, theta, X, vectors):
    flat = torch.tensor(theta, requires_grad=True)
    value = torch_loss(loss, torch_logits(net, flat, torch.tensor(X)), vectors)
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
    samples = torch.tensor(X, dtype=torch.float64)

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

"""A network of ours as a layer of another model."""

import copy

import numpy as np
import pytest

from .networks import OPTIONS, make

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

from mgres.torch import ResNetFunction, ResNetLayer, to_module  # noqa: E402


def tensors(options="euler", activation="tanh", dtype=np.float64):
    net, theta, X = make(options, activation, dtype, depth=4, width=4)
    return net, torch.from_numpy(theta), torch.from_numpy(X)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("activation", ["tanh", "logistic", "identity", "smooth_relu"])
def test_gradcheck(options, activation):
    net, theta, X = tensors(options, activation)
    assert torch.autograd.gradcheck(
        lambda X, theta: ResNetFunction.apply(X, theta, net),
        (X.requires_grad_(), theta.requires_grad_()),
    )


def model_of(layer):
    torch.manual_seed(3)
    first, last = torch.nn.Linear(5, 4), torch.nn.Linear(3, 2)
    return torch.nn.Sequential(first, torch.nn.Tanh(), layer, torch.nn.Tanh(), last).double()


@pytest.mark.parametrize("options", OPTIONS)
def test_inside_a_larger_model_it_is_what_the_module_is(options):
    net, theta, _ = make(options)
    X = torch.randn(2, 9, 5, dtype=torch.float64)
    ours, theirs = model_of(ResNetLayer(net, theta)), model_of(to_module(net, theta))
    losses = []
    for model in (ours, theirs):
        loss = model(X).square().mean()
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert torch.allclose(ours[0].weight.grad, theirs[0].weight.grad, rtol=1e-9, atol=1e-14)
    for name, view in net.views(ours[2].theta.grad.numpy())._asdict().items():
        expected = theirs[2].get_parameter(name).grad.numpy()
        assert np.allclose(view, expected, rtol=1e-9, atol=1e-14), name


def test_it_trains_with_an_optimizer_of_pytorch():
    net, theta, X = make()
    layer = ResNetLayer(net, theta)
    target = torch.zeros(7, 3, dtype=torch.float64)
    optimizer = torch.optim.Adam(layer.parameters(), 0.01)

    def loss():
        return (layer(torch.from_numpy(X)) - target).square().mean()

    before = loss().item()
    for _ in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < before / 2
    assert np.array_equal(theta, make()[1])


@pytest.mark.parametrize(("by_inputs", "by_theta"), [(True, False), (False, True)])
def test_only_what_is_needed_gets_a_gradient(by_inputs, by_theta):
    net, theta, X = tensors()
    X.requires_grad_(by_inputs)
    theta.requires_grad_(by_theta)
    ResNetFunction.apply(X, theta, net).sum().backward()
    assert (X.grad is not None) == by_inputs
    assert (theta.grad is not None) == by_theta


def test_without_derivatives():
    net, theta, X = tensors()
    theta.requires_grad_()
    with torch.no_grad():
        logits = ResNetFunction.apply(X, theta, net)
    assert not logits.requires_grad
    assert np.array_equal(logits, net.logits(theta.detach().numpy(), X.numpy()))
    with torch.inference_mode():
        assert torch.equal(ResNetFunction.apply(X, theta, net), logits)


def test_a_second_derivative_is_refused():
    net, theta, X = tensors()
    theta.requires_grad_()
    loss = ResNetFunction.apply(X, theta, net).square().sum()
    (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        gradient.sum().backward()


def test_strided_samples_and_upstream_gradients():
    net, theta, X = tensors()
    theta.requires_grad_()
    wide = torch.zeros(7, 8, dtype=torch.float64)
    wide[:, ::2] = X
    strided = wide[:, ::2].requires_grad_()
    logits = ResNetFunction.apply(strided, theta, net)
    assert np.array_equal(logits.detach(), net.logits(theta.detach().numpy(), X.numpy()))
    logits.T[:, :].sum().backward()  # expanded, of stride 0
    expected = net.vjp(theta.detach().numpy(), X.numpy(), np.ones((7, 3)))
    assert np.array_equal(theta.grad, expected[0])
    assert np.array_equal(strided.grad, expected[1])


def test_parameters_changed_between_the_two_ways_are_noticed():
    net, theta, X = tensors()
    theta.requires_grad_()
    loss = ResNetFunction.apply(X, theta, net).sum()
    with torch.no_grad():
        theta += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_layer_starts_from_the_seed_and_can_be_copied():
    net, _, X = make()
    layer = ResNetLayer(net, seed=4)
    assert np.array_equal(layer.theta.detach(), net.init(4))
    other = copy.deepcopy(layer)
    assert torch.equal(other(torch.from_numpy(X)), layer(torch.from_numpy(X)))
    assert "depth=8" in repr(layer)


def test_a_compiled_model_leaves_the_layer_alone():
    net, theta, _ = make()
    model = model_of(ResNetLayer(net, theta))
    X = torch.randn(9, 5, dtype=torch.float64)
    expected = model(X)
    model[2].forward = torch.compiler.disable(model[2].forward)
    compiled = torch.compile(model, backend="aot_eager")
    assert torch.allclose(compiled(X), expected, rtol=1e-12)
    compiled(X).sum().backward()
    found = model[2].theta.grad.clone()
    model.zero_grad()
    expected.sum().backward()
    assert torch.allclose(found, model[2].theta.grad, rtol=1e-10)


def meta(tensor):
    return torch.empty_like(tensor, device="meta")


REFUSED = [
    (
        lambda X, theta: (X.float(), theta),
        TypeError,
        r"X: expected torch\.float64",
    ),
    (lambda X, theta: (X, theta.float()), TypeError, r"theta: expected torch\.float64"),
    (lambda X, theta: (meta(X), theta), ValueError, r"X: expected a tensor on the CPU.*X\.cpu\(\)"),
    (lambda X, theta: (X, meta(theta)), ValueError, "theta: expected a tensor on the CPU"),
    (lambda X, theta: (X.numpy(), theta), TypeError, "X: expected a tensor, got ndarray"),
    (lambda X, theta: (X[:, 1:], theta), ValueError, r"X: expected shape \(n, 4\), got \(7, 3\)"),
    (lambda X, theta: (X[0], theta), ValueError, r"X: expected shape \(n, 4\), got \(4,\)"),
    (lambda X, theta: (X, theta[1:]), ValueError, r"theta: expected shape \(111,\), got \(110,\)"),
]


@pytest.mark.parametrize(("change", "error", "message"), REFUSED)
def test_bad_tensors(change, error, message):
    net, theta, X = tensors()
    with pytest.raises(error, match=message):
        ResNetFunction.apply(*change(X, theta), net)


def test_bad_arguments_of_a_layer():
    net, theta, _ = make()
    with pytest.raises(TypeError, match="net: expected a ResNet or a Network, got Linear"):
        ResNetLayer(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="theta: expected shape"):
        ResNetLayer(net, theta[1:])
    with pytest.raises(ValueError, match=r"X: expected shape \(\.\.\., 4\), got \(2, 3\)"):
        ResNetLayer(net)(torch.zeros(2, 3, dtype=torch.float64))

"""Networks as modules: the same outputs, and the same parameters back."""

import copy
import io

import numpy as np
import pytest

import mgres
from mgres.resnet import reference

from .networks import CASES, make

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

from mgres.torch import ResNetLayer, ResNetModule, from_module, to_module  # noqa: E402


@pytest.mark.parametrize(("options", "activation"), CASES)
def test_outputs_are_those_of_the_network(options, activation, dtype, tolerance):
    net, theta, X = make(options, activation, dtype)
    found = to_module(net, theta)(torch.from_numpy(X)).detach().numpy()
    assert found.dtype == dtype
    expected = reference.logits(net, theta.astype(np.float64), X.astype(np.float64))
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    assert np.abs(found - net.logits(theta, X)).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize(("options", "activation"), CASES)
def test_gradients_are_those_of_the_network(options, activation):
    net, theta, X = make(options, activation)
    module, inputs = to_module(net, theta), torch.from_numpy(X).requires_grad_()
    module(inputs).square().sum().backward()
    dtheta, inputs_grad = net.vjp(theta, X, 2 * net.logits(theta, X))
    assert np.allclose(inputs.grad, inputs_grad, rtol=1e-10, atol=1e-12)
    for name, view in net.views(dtheta)._asdict().items():
        assert np.allclose(module.get_parameter(name).grad, view, rtol=1e-10, atol=1e-12), name


@pytest.mark.parametrize(("options", "activation"), CASES)
def test_there_and_back_is_the_same_to_the_last_bit(options, activation, dtype):
    net, theta, _ = make(options, activation, dtype)
    found_net, found = from_module(to_module(net, theta))
    assert found_net == net
    assert found.tobytes() == theta.tobytes()


def test_parameters_are_named_as_the_views_and_are_copies():
    net, theta, _ = make()
    module = to_module(net, theta)
    views = net.views(theta)._asdict()
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == {
        name: view.shape for name, view in views.items()
    }
    with torch.no_grad():
        for p in module.parameters():
            p += 1
    before = make()[1]
    assert np.array_equal(theta, before)
    assert np.array_equal(from_module(module)[1], before + 1)


def test_a_trained_module_comes_back_as_what_it_computes():
    net, theta, X = make(dtype=np.float32)
    module = to_module(net, theta)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    module(torch.from_numpy(X)).square().sum().backward()
    optimizer.step()
    found_net, found = from_module(module)
    assert not np.array_equal(found, theta)
    assert np.allclose(
        found_net.logits(found, X), module(torch.from_numpy(X)).detach(), rtol=1e-4, atol=1e-5
    )


def test_a_layer_and_what_compile_makes_of_a_module_come_back_too():
    net, theta, _ = make()
    assert from_module(ResNetLayer(net, theta))[0] == net
    assert np.array_equal(from_module(ResNetLayer(net, theta))[1], theta)
    compiled = torch.nn.Module()  # what torch.compile returns is a module with this attribute
    compiled._orig_mod = to_module(net, theta)
    assert np.array_equal(from_module(compiled)[1], theta)


def test_the_dtype_follows_the_module():
    net, theta, _ = make(dtype=np.float32)
    found_net, found = from_module(to_module(net, theta).double())
    assert found_net.dtype == found.dtype == np.float64
    assert np.array_equal(found, theta)


def test_copies_and_stored_states_are_whole():
    net, theta, X = make()
    module = to_module(net, theta)
    assert np.array_equal(from_module(copy.deepcopy(module))[1], theta)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = to_module(net, net.init(5))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(torch.from_numpy(X)), module(torch.from_numpy(X)))


def test_it_prints_its_network():
    net, theta, _ = make()
    assert "depth=8" in repr(to_module(net, theta))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda net, theta: to_module("net", theta),
            TypeError,
            "net: expected a ResNet or a Network, got str",
        ),
        (lambda net, theta: to_module(net, [1.0]), TypeError, "theta: expected a numpy array"),
        (
            lambda net, theta: to_module(net, theta.astype("f4")),
            TypeError,
            "theta: expected dtype float64, as the network has, got float32",
        ),
        (lambda net, theta: to_module(net, theta[1:]), ValueError, r"theta: expected shape \(381,"),
        (
            lambda net, theta: from_module(torch.nn.Linear(2, 3)),
            TypeError,
            r"made by mgres\.torch\.to_module, or a ResNetLayer, got Linear",
        ),
        (lambda net, theta: from_module(3), TypeError, "got int"),
        (
            lambda net, theta: from_module(to_module(net, theta).half()),
            TypeError,
            r"module\.Q: expected float32 or float64, got torch\.float16",
        ),
        (
            lambda net, theta: from_module(to_module(net, theta).to("meta")),
            ValueError,
            r"module\.Q: expected a tensor on the CPU",
        ),
    ],
)
def test_bad_arguments(call, error, message):
    net, theta, _ = make()
    with pytest.raises(error, match=message):
        call(net, theta)


def test_a_changed_module_is_refused():
    net, theta, _ = make()
    module = to_module(net, theta)
    module.b = torch.nn.Parameter(torch.zeros(3, 6, dtype=torch.float64))
    with pytest.raises(ValueError, match=r"module\.b: expected shape \(8, 6\), got \(3, 6\)"):
        from_module(module)
    module = to_module(net, theta)
    module.W_out = torch.nn.Parameter(module.W_out.detach().float())
    with pytest.raises(TypeError, match="parameters of one dtype"):
        from_module(module)


def test_importing_mgres_does_not_import_pytorch(run_python):
    run_python("import sys, mgres; assert 'torch' not in sys.modules")


def test_mgres_torch_is_no_other_torch():
    assert isinstance(to_module(*make()[:2]), torch.nn.Module)
    assert ResNetModule.__module__ == "mgres.torch.module"
    assert not hasattr(mgres, "to_module")

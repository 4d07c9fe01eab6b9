"""A block of the user's own, in NumPy: what the compiled one computes, and what it refuses."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import mgres
from mgres import blocks

N, WIDTH, HIDDEN = 20, 4, 6


@dataclass(frozen=True)
class Own(blocks.Custom):
    """TwoLayer(6, activation="tanh") once more."""

    def parameters(self, width):
        return {"A": (HIDDEN, width), "a": (HIDDEN,), "B": (width, HIDDEN), "b": (width,)}

    def field(self, p, y):
        hidden = np.tanh(y @ p["A"].T + p["a"])

        def pull(r):
            s = (1 - hidden**2) * (r @ p["B"])
            return s @ p["A"], {
                "A": s.T @ y,
                "a": s.sum(axis=0),
                "B": r.T @ hidden,
                "b": r.sum(axis=0),
            }

        return hidden @ p["B"].T + p["b"], pull


def networks(dtype=np.float64, depth=8, scheme="euler"):
    """The same network by a custom block, and compiled."""
    compiled = blocks.TwoLayer(HIDDEN, activation="tanh")
    return [
        mgres.ResNet(2, WIDTH, 3, depth, dtype=dtype, block=block, scheme=scheme)
        for block in (Own(), compiled)
    ]


def data(dtype=np.float64, labels=True, weights=False):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((N, 2)).astype(dtype)
    y = rng.integers(0, 3, N) if labels else rng.standard_normal((N, 3)).astype(dtype)
    return X, y, {"sample_weight": rng.uniform(0.5, 2, N)} if weights else {}


@pytest.mark.parametrize("scheme", ["euler", "matched", "rk4"])
@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("fixed", [(), ("opening",), ("blocks", "closing")])
def test_it_computes_what_the_compiled_block_computes(scheme, labels, weights, fixed):
    X, y, options = data(labels=labels, weights=weights)
    loss = "cross_entropy" if labels else "squared_error"
    found = []
    for net in networks(scheme=scheme):
        f = mgres.ResNetObjective(net, X, y, loss, fixed=fixed, **options)
        rng = np.random.default_rng(0)
        theta, v = rng.standard_normal((2, net.size)) / 2
        out, products = np.empty_like(theta), []
        value = f.value_and_grad(theta, out)
        assert f.value(theta) == pytest.approx(value, rel=1e-14)
        for product in (f.hessian_product, f.gauss_newton_product):
            products.append(np.empty_like(theta))
            product(theta, v, products[-1])
        logits, states = net.logits(theta, X), net.states(theta, X, [8, 0, 3])
        found.append([np.array(value), out, *products, logits, states, *net.vjp(theta, X, logits)])
    for own, compiled in zip(*found, strict=True):
        np.testing.assert_allclose(own, compiled, rtol=1e-11, atol=1e-12)


def test_single_precision_stays_single():
    own, compiled = networks(np.float32)
    X, y, _ = data(np.float32)
    theta = own.init(0)
    assert own.logits(theta, X).dtype == np.float32
    gradients = []
    for net in (own, compiled):
        gradients.append(np.empty_like(theta))
        mgres.ResNetObjective(net, X, y).value_and_grad(theta, gradients[-1])
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-6)


def test_with_a_state_defect_the_coarse_network_has_the_fine_states():
    net = networks()[0]
    X, y, _ = data()
    fine = mgres.ResNetObjective(net, X, y)
    coarse = fine.coarsen(2, "matched")
    theta = net.init(0, coarse_depth=4)
    injected = coarse.net.init(0, coarse_depth=4)
    corrected = coarse.with_state_defect(fine, theta, injected)
    assert corrected.value(injected) == pytest.approx(fine.value(theta), rel=1e-12)
    assert coarse.value(injected) != pytest.approx(fine.value(theta), rel=1e-6)


def test_hierarchies_and_fit_take_it():
    own, compiled = networks(depth=32)
    X, y, _ = data()
    losses = []
    for net in (own, compiled):
        f = mgres.ResNetObjective(net, X, y)
        result = mgres.fit(f, net.init(0, "coarse"), max_work_units=20, progress=False)
        losses.append(f.value(result.theta))
        assert losses[-1] < f.value(net.init(0, "coarse"))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_what_it_cannot_do_is_said(tmp_path):
    net = networks()[0]
    theta = net.init(0)
    with pytest.raises(ValueError, match=r"a file holds no code, got Own\(.*numpy\.save\("):
        mgres.save(tmp_path / "model.safetensors", net, theta)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="scheme: verlet"):
        mgres.ResNet(2, 4, 2, 3, block=Own(), scheme="verlet")
    with pytest.raises(TypeError, match="theta: expected dtype float64, got float32"):
        net.logits(theta.astype(np.float32), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="theta: expected shape"):
        net.logits(theta[1:], np.zeros((3, 2)))

    @dataclass(frozen=True)
    class Empty(blocks.Custom):
        def parameters(self, width):
            return {"W": (0, width)}

    with pytest.raises(ValueError, match=r"parameters: .*W"):
        mgres.ResNet(2, 4, 2, 3, block=Empty())


def test_pytorch_is_told_no_custom_block():
    pytest.importorskip("torch", reason="torch is missing")
    from mgres.torch import to_module

    net = networks()[0]
    with pytest.raises(ValueError, match="net: expected a block that PyTorch can be told"):
        to_module(net, net.init(0))
    assert net.evaluator().checkpoints(N) == 0


# ---- what a block of one's own may get wrong -----------------------------------------------------


@dataclass(frozen=True)
class Linear(blocks.Custom):
    """F = W y, with a fault."""

    wrong: Callable

    def parameters(self, width):
        return {"W": (width, width)}

    def field(self, p, y):
        def pull(r):
            return r @ p["W"], {"W": r.T @ y}

        return self.wrong(y @ p["W"].T, pull)


def pulled(change):
    """Return a fault of what the pull returns."""
    return lambda value, pull: (value, lambda r: change(*pull(r)))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda f, pull: f, TypeError, "expected to return F and pull, got ndarray"),
        (lambda f, pull: (f, f), TypeError, "expected to return F and pull, got ndarray for it"),
        (lambda f, pull: (f[:, :1], pull), ValueError, "F: expected shape (20, 4), got (20, 1)"),
        (
            lambda f, pull: (f.astype(np.float32), pull),
            TypeError,
            "F: expected float64, got float32; JAX computes so unless",
        ),
        (
            pulled(lambda y, p: (y.astype(np.float32), p)),
            TypeError,
            "dL/dy: expected float64, got float32",
        ),
        (pulled(lambda y, p: (y[:1], p)), ValueError, "dL/dy: expected shape (20, 4), got (1, 4)"),
        (
            pulled(lambda y, p: (p, y)),
            TypeError,
            "pull: expected a dict of dL/dp, got ndarray",
        ),
        (pulled(lambda y, p: (y, {})), ValueError, "expected dL/dp for ['W'], got []"),
        (
            pulled(lambda y, p: (y, {"W": p["W"][:1]})),
            ValueError,
            "dL/dp of W: expected shape (4, 4), got (1, 4)",
        ),
    ],
)
def test_what_it_returns_is_checked(wrong, error, message):
    """NumPy would broadcast most of it, and the gradient would be wrong."""
    net = mgres.ResNet(2, WIDTH, 3, 3, dtype=np.float64, block=Linear(wrong))
    X, y, _ = data()
    f = mgres.ResNetObjective(net, X, y)
    theta = net.init(0)
    with pytest.raises(error, match=r"Linear\.field.*" + re.escape(message)):
        f.value_and_grad(theta, np.empty_like(theta))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jax_gives_the_pull(dtype):
    jax = pytest.importorskip("jax", reason="NOT TESTED: needs jax")
    jnp = jax.numpy

    def function(y, p):
        return jnp.tanh(y @ p["A"].T + p["a"]) @ p["B"].T + p["b"]

    class ByJax(Own):
        def field(self, p, y):
            return jax.vjp(function, y, p)

    own = networks(dtype)[0]
    net = mgres.ResNet(2, WIDTH, 3, 8, dtype=dtype, block=ByJax())
    X, y, _ = data(dtype)
    theta, v = own.init(0), own.init(1)
    if dtype == np.float64:
        with pytest.raises(TypeError, match="jax_enable_x64"):
            net.logits(theta, X)
    jax.config.update("jax_enable_x64", dtype == np.float64)
    try:
        found = []
        for each in (net, own):
            f = mgres.ResNetObjective(each, X, y)
            outs = np.empty((3, each.size), dtype)
            f.value_and_grad(theta, outs[0])
            f.hessian_product(theta, v, outs[1])
            f.gauss_newton_product(theta, v, outs[2])
            found.append(outs)
        rtol = 1e-4 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(*found, rtol=rtol, atol=rtol)
    finally:
        jax.config.update("jax_enable_x64", False)

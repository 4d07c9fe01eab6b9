"""The network once more, in plain NumPy: a specification to read and an oracle for the fast core.

Every function that has an adjoint returns its value and a function that pulls derivatives back, so
that the two stand side by side.  All works in any floating-point type, complex ones included, so
that derivatives can be had by a complex step; what branches does so on the real part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...blocks import (
    Antisymmetric,
    Block,
    Conv1d,
    Conv2d,
    Custom,
    Dense,
    Gradient,
    Hamiltonian,
    Sparse,
    TwoLayer,
)
from ...blocks.custom import checked_field
from ...schemes import Scheme
from ..layout import BlockViews, Views
from .activations import sigma as sigma
from .linear import MATRIX, Linear, linear_of

__all__: list[str] = []  # an oracle, and no part of what is public

Numbers: TypeAlias = NDArray[Any]
Layer: TypeAlias = dict[str, Any]
"""Arrays of one layer, or derivatives by them, by name."""

Pull: TypeAlias = Callable[[Numbers], tuple[Numbers, Layer]]
"""From dL/dF to dL/dy and the derivatives by the parameters."""


class Net(Protocol):
    """What the functions here ask of a network, a :class:`mgres.ResNet`."""

    @property
    def depth(self) -> int:
        """The number of layers."""
        ...

    @property
    def n_outputs(self) -> int:
        """The number of logits."""
        ...

    @property
    def dt(self) -> float:
        """The step size."""
        ...

    @property
    def block(self) -> Block:
        """What a layer computes."""
        ...

    @property
    def scheme(self) -> Scheme:
        """How a layer steps."""
        ...

    @property
    def layer_arrays(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of a layer's arrays."""
        ...

    def views(self, theta: Numbers) -> Views | BlockViews:
        """Return named views into `theta`."""
        ...


# ---- blocks --------------------------------------------------------------------------------------


def inner_layer(
    linear: Linear, activation: str, W: Numbers, b: Numbers, x: Numbers
) -> tuple[Numbers, Any]:
    """Return sigma(W x + b), samples as rows; pulled back to x, W and b."""
    value, slope = sigma(activation, linear.apply(W, x) + linear.spread(b))

    def pull(r: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        s = slope * r
        return linear.transposed(W, s), linear.outer(W, s, x), linear.total(b, s)

    return value, pull


def potential_layer(
    linear: Linear, activation: str, K: Numbers, b: Numbers, x: Numbers
) -> tuple[Numbers, Any]:
    """Return K^T sigma(K x + b); pulled back to x, K and b."""
    a, inner = inner_layer(linear, activation, K, b, x)

    def pull(r: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        x_bar, weights, bias = inner(linear.apply(K, r))
        return x_bar, weights + linear.outer(K, a, r), bias

    return linear.transposed(K, a), pull


def normalised(norm: str, linear: Linear, g: Numbers, y: Numbers) -> tuple[Numbers, Any]:
    """Return the norm of the channels of each pixel, times `g`; pulled back to y and g."""
    rows = y.reshape(len(y), len(g), -1)  # a pixel, unless they are images
    centred = rows - rows.mean(axis=1, keepdims=True) if norm == "layer" else rows
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    unit = centred / deviation

    def pull(r: Numbers) -> tuple[Numbers, Numbers]:
        s = (r * linear.spread(g)).reshape(rows.shape)
        y_bar = (s - unit * (s * unit).mean(axis=1, keepdims=True)) / deviation
        if norm == "layer":
            y_bar = y_bar - y_bar.mean(axis=1, keepdims=True)
        return y_bar.reshape(y.shape), linear.total(g, r * unit.reshape(y.shape))

    return linear.spread(g) * unit.reshape(y.shape), pull


def inner_field(block: Block, p: Layer, y: Numbers) -> tuple[Numbers, Pull]:
    """Return F(y; p) without norm and pace."""
    sigma_of, linear = block.activation, linear_of(block)
    if isinstance(block, Dense | Antisymmetric | Conv1d | Conv2d | Sparse):
        W = p["W"]
        if isinstance(block, Antisymmetric):
            W = (W - W.T) / 2 - block.damping * np.eye(len(W))
        value, pull = inner_layer(linear, sigma_of, W, p["b"], y)

        def pull_dense(r: Numbers) -> tuple[Numbers, Layer]:
            y_bar, weights, bias = pull(r)
            if isinstance(block, Antisymmetric):
                weights = (weights - weights.T) / 2
            return y_bar, {"W": weights, "b": bias}

        return value, pull_dense
    if isinstance(block, TwoLayer):
        a, pull = inner_layer(linear, sigma_of, p["W1"], p["b1"], y)

        def pull_two(r: Numbers) -> tuple[Numbers, Layer]:
            y_bar, weights, bias = pull(linear.transposed(p["W2"], r))
            by_second = {"W2": linear.outer(p["W2"], r, a), "b2": linear.total(p["b2"], r)}
            return y_bar, {"W1": weights, "b1": bias, **by_second}

        return linear.apply(p["W2"], a) + linear.spread(p["b2"]), pull_two
    if isinstance(block, Gradient):
        sign = block.sign
        value, pull = potential_layer(linear, sigma_of, p["K"], p["b"], y)

        def pull_gradient(r: Numbers) -> tuple[Numbers, Layer]:
            y_bar, weights, bias = pull(sign * r)
            return y_bar, {"K": weights, "b": bias}

        return sign * value, pull_gradient
    raise ValueError(f"block: {block} is no field of its own")


def field(block: Block, p: Layer, y: Numbers) -> tuple[Numbers, Pull]:
    """Return F(y; p) for the arrays `p` of a layer, samples as rows."""
    if isinstance(block, Custom):  # whatever it calls its parameters and attributes
        return checked_field(block, p, y)
    norm = getattr(block, "norm", None)
    u, pull_norm = normalised(norm, linear_of(block), p["scale"], y) if norm else (y, None)
    value, pull_inner = inner_field(block, p, u)
    pace = np.exp(p["pace"]) if getattr(block, "paced", False) else 1.0

    def pull(r: Numbers) -> tuple[Numbers, Layer]:
        y_bar, g = pull_inner(pace * r)
        if pull_norm is not None:
            y_bar, g["scale"] = pull_norm(y_bar)
        if "pace" in p:
            g["pace"] = pace * (r * value).sum()
        return y_bar, g

    return pace * value, pull


# ---- schemes -------------------------------------------------------------------------------------


def tableau(scheme: Scheme) -> tuple[tuple[tuple[float, ...], ...], tuple[float, ...]]:
    """Return a and b of x_i = y + h sum_{j < i} a_ij F(x_j), y_{k+1} = y + h sum_i b_i F(x_i)."""
    share = (scheme.substeps - 1) / (2 * scheme.substeps)
    return {
        "euler": (((),), (1.0,)),
        "matched": (((), (1.0,)), (1 - share, share)),
        "rk4": (((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
    }[scheme.name]


def step(net: Net, p: Layer, y: Numbers) -> tuple[Numbers, Pull]:
    """Return y_{k+1} from y_k, and what pulls dL/dy_{k+1} back to dL/dy_k and the layer."""
    if isinstance(net.block, Hamiltonian):
        return verlet_step(net, net.block, p, y)
    h, (a, b) = net.dt, tableau(net.scheme)
    slopes: list[Numbers] = []
    pulls: list[Pull] = []
    for row in a:
        x = y + sum((h * w * f for w, f in zip(row, slopes, strict=True)), 0.0)
        value, pull = field(net.block, p, x)
        slopes.append(value)
        pulls.append(pull)

    def pull_step(a_bar: Numbers) -> tuple[Numbers, Layer]:
        y_bar = a_bar
        total: Layer = {}
        r = [h * w * a_bar for w in b]  # of each stage, complete once all later ones have added
        for i in reversed(range(len(b))):
            x_bar, g = pulls[i](r[i])
            total = added(total, g)
            y_bar = y_bar + x_bar
            for j, w in enumerate(a[i]):
                r[j] = r[j] + h * w * x_bar
        return y_bar, total

    return y + sum((h * w * f for w, f in zip(b, slopes, strict=True)), 0.0), pull_step


def verlet_step(net: Net, block: Hamiltonian, p: Layer, y: Numbers) -> tuple[Numbers, Pull]:
    """Return what :func:`step` does, for the two halves of the state."""
    h, (first, second) = net.dt, np.split(y, 2, axis=1)
    layer: Callable[..., tuple[Numbers, Any]]
    if block.hidden is None:
        layer, down, up = inner_layer, (p["W"].T, p["b"]), (p["W"], p["b"])
    else:
        layer, down, up = potential_layer, (p["K"], p["b"]), (p["L"], p["c"])
    f, pull_f = layer(MATRIX, block.activation, *down, first)
    second = second - h * f
    g, pull_g = layer(MATRIX, block.activation, *up, second)

    def pull(a_bar: Numbers) -> tuple[Numbers, Layer]:
        p_bar, q_bar = np.split(a_bar, 2, axis=1)
        more, *by_up = pull_g(h * p_bar)
        q_bar = q_bar + more
        more, *by_down = pull_f(-h * q_bar)
        y_bar = np.concatenate([p_bar + more, q_bar], axis=1)
        if block.hidden is None:
            return y_bar, {"W": by_down[0].T + by_up[0], "b": by_down[1] + by_up[1]}
        return y_bar, dict(zip(("K", "b", "L", "c"), (*by_down, *by_up), strict=True))

    return np.concatenate([first + h * g, second], axis=1), pull


def added(one: Layer, other: Layer) -> Layer:
    """Return the sum of derivatives; what is missing in `one` counts as zero."""
    return {name: one[name] + g if name in one else g for name, g in other.items()}


# ---- networks ------------------------------------------------------------------------------------


def layer_of(net: Net, theta: Numbers, k: int) -> Layer:
    """Return views into the arrays of layer k."""
    views = net.views(theta)._asdict()
    return {name: views[name][k] for name in net.layer_arrays}


def states(net: Net, theta: Numbers, X: Numbers, defect: Numbers | None = None) -> list[Numbers]:
    """Return y_0 ... y_K; `defect`, as (depth, n, width), is added after each layer."""
    found: list[Numbers] = [X @ net.views(theta).Q.T]
    shifts = None if defect is None else defect.reshape(net.depth, *found[0].shape)
    for k in range(net.depth):
        y, _ = step(net, layer_of(net, theta, k), found[-1])
        found.append(y if shifts is None else y + shifts[k])
    return found


def logits(net: Net, theta: Numbers, X: Numbers, defect: Numbers | None = None) -> Numbers:
    """Return z = W_out y_K + b_out for every sample, shape (n, n_outputs)."""
    p = net.views(theta)
    z: Numbers = states(net, theta, X, defect)[-1] @ p.W_out.T + p.b_out
    return z


def sample_losses(loss: str, z: Numbers, targets: Numbers) -> Numbers:
    """Return the loss of every sample; `targets` are vectors, shape (n, n_outputs)."""
    losses: Numbers
    if loss == "squared_error":
        losses = ((z - targets) ** 2).sum(axis=1) / 2
    else:
        shifted = z - z.real.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(shifted).sum(axis=1))
        losses = targets.sum(axis=1) * log_sum - (targets * shifted).sum(axis=1)
    return losses


def loss_gradient(loss: str, z: Numbers, targets: Numbers) -> Numbers:
    """Return the derivative of every sample's loss by its logits."""
    prediction = z
    if loss == "cross_entropy":
        e = np.exp(z - z.real.max(axis=1, keepdims=True))
        prediction = e / e.sum(axis=1, keepdims=True) * targets.sum(axis=1, keepdims=True)
    gradient: Numbers = prediction - targets
    return gradient


def value(
    net: Net,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    defect: Numbers | None = None,
) -> Any:
    """Return the mean loss."""
    return sample_losses(loss, logits(net, theta, X, defect), targets).mean()


def vjp(
    net: Net, theta: Numbers, X: Numbers, dlogits: Numbers, defect: Numbers | None = None
) -> tuple[Numbers, Numbers]:
    """Return the derivatives of <dlogits, logits> by theta and X: the discrete adjoint."""
    p, y = net.views(theta), states(net, theta, X, defect)
    gradient = np.zeros_like(theta)
    g = net.views(gradient)
    g.W_out[:] = dlogits.T @ y[-1]
    g.b_out[:] = dlogits.sum(axis=0)
    a = dlogits @ p.W_out
    for k in reversed(range(net.depth)):
        a, derivatives = step(net, layer_of(net, theta, k), y[k])[1](a)
        for name, view in layer_of(net, gradient, k).items():
            view[...] = derivatives[name]
    g.Q[:] = a.T @ X
    return gradient, a @ p.Q


def value_and_grad(
    net: Net,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    defect: Numbers | None = None,
) -> tuple[Any, Numbers]:
    """Return the mean loss and its gradient."""
    z = logits(net, theta, X, defect)
    dz = loss_gradient(loss, z, targets) / len(X)
    return sample_losses(loss, z, targets).mean(), vjp(net, theta, X, dz, defect)[0]


def state_defect(
    fine: Net,
    fine_theta: Numbers,
    coarse: Net,
    theta: Numbers,
    X: Numbers,
    fine_defect: Numbers | None = None,
) -> Numbers:
    """Return what each coarse step lacks to the fine state, shape (coarse depth, n, width)."""
    y = states(fine, fine_theta, X, fine_defect)[:: fine.depth // coarse.depth]
    return np.array(
        [y[k + 1] - step(coarse, layer_of(coarse, theta, k), y[k])[0] for k in range(coarse.depth)]
    )

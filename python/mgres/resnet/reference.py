"""The network once more, in plain NumPy: a specification to read and an oracle for the fast core.

It works in any floating-point type, complex ones included, so that derivatives can be had by a
complex step.  relu and smooth_relu branch on the real part.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .network import ResNet, Views

Numbers: TypeAlias = NDArray[Any]


def sigma(activation: str, z: Numbers) -> tuple[Numbers, Numbers]:
    """Return the activation and its derivative at `z`."""
    if activation == "relu":
        positive = z.real > 0
        return np.where(positive, z, 0), np.where(positive, 1.0, 0.0)
    if activation == "tanh":
        t = np.tanh(z)
        return t, 1 - t * t
    if activation == "logistic":
        s = 1 / (1 + np.exp(-z))
        return s, s * (1 - s)
    if activation == "identity":
        return z, np.ones_like(z)
    if activation == "smooth_relu":
        w = 0.1
        below, above = z.real <= -w, z.real >= w
        value = np.where(below, 0, np.where(above, z, (z + w) ** 2 / (4 * w)))
        return value, np.where(below, 0, np.where(above, 1, (z + w) / (2 * w)))
    raise ValueError(f"activation: {activation!r} is unknown")


def effective_weights(net: ResNet, W: Numbers) -> Numbers:
    """Return the matrix that a layer multiplies with."""
    if net.weights == "free":
        return W
    skew: Numbers = (W - W.T) / 2 - net.damping * np.eye(len(W))
    return skew


def step(net: ResNet, W: Numbers, b: Numbers, y: Numbers) -> Numbers:
    """Return y_{k+1} from y_k and the effective weights, samples as rows."""
    h = net.dt

    def f(x: Numbers, weights: Numbers = W) -> Numbers:
        return sigma(net.activation, x @ weights.T + b)[0]

    out: Numbers
    if net.scheme == "euler":
        out = y + h * f(y)
    elif net.scheme == "matched":
        a = (net.substeps - 1) / (2 * net.substeps)
        k1 = f(y)
        out = y + h * ((1 - a) * k1 + a * f(y + h * k1))
    elif net.scheme == "rk4":
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        out = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3))
    else:
        p, q = np.split(y, 2, axis=1)
        q = q - h * f(p, W.T)
        out = np.concatenate([p + h * f(q), q], axis=1)
    return out


def step_adjoint(
    net: ResNet, W: Numbers, b: Numbers, y: Numbers, a: Numbers
) -> tuple[Numbers, Numbers, Numbers]:
    """Return dL/dy_k, dL/dW and dL/db from a = dL/dy_{k+1}."""
    h = net.dt
    grad_w, grad_b = np.zeros_like(W), np.zeros_like(b)

    def f(x: Numbers) -> Numbers:
        return sigma(net.activation, x @ W.T + b)[0]

    def pull(x: Numbers, g: Numbers) -> Numbers:
        """(df/dx)^T g at x, after its share in dW and db."""
        nonlocal grad_w, grad_b
        s = sigma(net.activation, x @ W.T + b)[1] * g
        grad_w, grad_b = grad_w + s.T @ x, grad_b + s.sum(axis=0)
        return s @ W

    if net.scheme == "euler":
        a = a + pull(y, h * a)
    elif net.scheme == "matched":
        share = (net.substeps - 1) / (2 * net.substeps)
        a2 = pull(y + h * f(y), h * share * a)
        a = a + a2 + pull(y, h * (1 - share) * a + h * a2)
    elif net.scheme == "rk4":
        x2 = y + h / 2 * f(y)
        x3 = y + h / 2 * f(x2)
        x4 = y + h * f(x3)
        a4 = pull(x4, h / 6 * a)
        a3 = pull(x3, h / 3 * a + h * a4)
        a2 = pull(x2, h / 3 * a + h / 2 * a3)
        a = a + a4 + a3 + a2 + pull(y, h / 6 * a + h / 2 * a2)
    else:
        p, q = np.split(y, 2, axis=1)
        ap, aq = np.split(a, 2, axis=1)
        q = q - h * sigma(net.activation, p @ W + b)[0]
        aq = aq + pull(q, h * ap)
        s = -h * sigma(net.activation, p @ W + b)[1] * aq
        grad_w, grad_b = grad_w + p.T @ s, grad_b + s.sum(axis=0)
        a = np.concatenate([ap + s @ W.T, aq], axis=1)
    return a, grad_w, grad_b


def states(net: ResNet, theta: Numbers, X: Numbers, defect: Numbers | None = None) -> list[Numbers]:
    """Return y_0 ... y_K; `defect`, shape (depth, n, width), is added after each layer."""
    p = net.views(theta)
    found: list[Numbers] = [X @ p.Q.T]
    for k in range(net.depth):
        y = step(net, effective_weights(net, p.W[k]), p.b[k], found[-1])
        found.append(y if defect is None else y + defect[k])
    return found


def logits(net: ResNet, theta: Numbers, X: Numbers, defect: Numbers | None = None) -> Numbers:
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
        e = np.exp(z - z.max(axis=1, keepdims=True))
        prediction = e / e.sum(axis=1, keepdims=True) * targets.sum(axis=1, keepdims=True)
    gradient: Numbers = prediction - targets
    return gradient


def value(
    net: ResNet,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    defect: Numbers | None = None,
) -> Any:
    """Return the mean loss."""
    return sample_losses(loss, logits(net, theta, X, defect), targets).mean()


def vjp(
    net: ResNet, theta: Numbers, X: Numbers, dlogits: Numbers, defect: Numbers | None = None
) -> tuple[Numbers, Numbers]:
    """Return the derivatives of <dlogits, logits> by theta and X: the discrete adjoint.

    For forward Euler, with the adjoint state a_k = dL/dy_k and s_k = dt sigma'(z_k) a_{k+1}:

        a_k = a_{k+1} + W_k^T s_k,    dL/dW_k = sum s_k y_k^T,    dL/db_k = sum s_k.
    """
    p = net.views(theta)
    y = states(net, theta, X, defect)
    gradient = np.zeros_like(theta)
    g: Views = net.views(gradient)
    g.W_out[:] = dlogits.T @ y[-1]
    g.b_out[:] = dlogits.sum(axis=0)
    a = dlogits @ p.W_out
    for k in reversed(range(net.depth)):
        weights = effective_weights(net, p.W[k])
        a, grad_w, g.b[k] = step_adjoint(net, weights, p.b[k], y[k], a)
        g.W[k] = grad_w if net.weights == "free" else (grad_w - grad_w.T) / 2
    g.Q[:] = a.T @ X
    return gradient, a @ p.Q


def value_and_grad(
    net: ResNet,
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
    fine: ResNet,
    fine_theta: Numbers,
    coarse: ResNet,
    theta: Numbers,
    X: Numbers,
    fine_defect: Numbers | None = None,
) -> Numbers:
    """Return what each coarse step lacks to the fine state, shape (coarse depth, n, width)."""
    y = states(fine, fine_theta, X, fine_defect)[:: fine.depth // coarse.depth]
    p = coarse.views(theta)
    guesses = [
        step(coarse, effective_weights(coarse, p.W[k]), p.b[k], y[k]) for k in range(coarse.depth)
    ]
    return np.array([after - guess for after, guess in zip(y[1:], guesses, strict=True)])

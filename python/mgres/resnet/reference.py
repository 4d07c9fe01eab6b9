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


def logits(net: ResNet, theta: Numbers, X: Numbers) -> Numbers:
    """Return z = W_out y_K + b_out for every sample, shape (n, n_outputs)."""
    p = net.views(theta)
    y = X @ p.Q.T
    for k in range(net.depth):
        y = y + net.dt * sigma(net.activation, y @ p.W[k].T + p.b[k])[0]
    z: Numbers = y @ p.W_out.T + p.b_out
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


def value(net: ResNet, loss: str, theta: Numbers, X: Numbers, targets: Numbers) -> Any:
    """Return the mean loss."""
    return sample_losses(loss, logits(net, theta, X), targets).mean()


def value_and_grad(
    net: ResNet, loss: str, theta: Numbers, X: Numbers, targets: Numbers
) -> tuple[Any, Numbers]:
    """Return the mean loss and its gradient: the forward sweep, then its discrete adjoint.

    With the adjoint state a_k = dL/dy_k and s_k = dt sigma'(z_k) a_{k+1}:

        a_k = a_{k+1} + W_k^T s_k,    dL/dW_k = sum s_k y_k^T,    dL/db_k = sum s_k.
    """
    p = net.views(theta)
    states, slopes = [X @ p.Q.T], []
    for k in range(net.depth):
        s, slope = sigma(net.activation, states[k] @ p.W[k].T + p.b[k])
        states.append(states[k] + net.dt * s)
        slopes.append(net.dt * slope)
    z = states[-1] @ p.W_out.T + p.b_out

    gradient = np.zeros_like(theta)
    g: Views = net.views(gradient)
    dz = loss_gradient(loss, z, targets) / len(X)
    g.W_out[:] = dz.T @ states[-1]
    g.b_out[:] = dz.sum(axis=0)
    a = dz @ p.W_out
    for k in reversed(range(net.depth)):
        s = slopes[k] * a
        g.W[k] = s.T @ states[k]
        g.b[k] = s.sum(axis=0)
        a = a + s @ p.W[k]
    g.Q[:] = a.T @ X
    return sample_losses(loss, z, targets).mean(), gradient

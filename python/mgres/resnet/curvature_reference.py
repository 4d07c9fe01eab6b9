"""Products with second derivatives once more, in plain NumPy: an oracle for the fast core.

A layer is a step of an explicit Runge-Kutta method, so that one text serves all of them.  Like
:mod:`mgres.resnet.reference` it works in any floating-point type.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from .network import ResNet
from .reference import Numbers, effective_weights, loss_gradient, sigma


class Tableau(NamedTuple):
    """x_i = y + h sum_{j < i} a_ij k_j, k_i = sigma(W x_i + b), out = y + h sum_i b_i k_i."""

    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]


def tableau_of(net: ResNet) -> Tableau:
    """Return how the layers of `net` step; ValueError for verlet, which is not of this kind."""
    if net.scheme == "euler":
        return Tableau(((),), (1.0,))
    if net.scheme == "matched":
        weight = (net.substeps - 1) / (2 * net.substeps)
        return Tableau(((), (1.0,)), (1 - weight, weight))
    if net.scheme == "rk4":
        return Tableau(((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6))
    raise ValueError(f"scheme: expected euler, matched or rk4, got {net.scheme}")


def sigma_second(activation: str, z: Numbers) -> Numbers:
    """Return the second derivative of the activation at `z`; zero at kinks."""
    value, slope = sigma(activation, z)
    second: Numbers = np.zeros_like(z)
    if activation == "tanh":
        second = -2 * value * slope
    elif activation == "logistic":
        second = slope * (1 - 2 * value)
    elif activation == "smooth_relu":
        second = np.where(np.abs(z.real) < 0.1, 1 / 0.2, 0.0)
    return second


def hessian_product(
    net: ResNet,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    v: Numbers,
) -> Numbers:
    """Return the Hessian of the mean loss times `v`: the derivative along `v` of the gradient."""
    return _product(net, loss, theta, X, targets, v, gauss_newton=False)


def gauss_newton_product(
    net: ResNet,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    v: Numbers,
) -> Numbers:
    """Return J^T H J `v` with the derivative J of the logits and the Hessian H of the mean loss."""
    return _product(net, loss, theta, X, targets, v, gauss_newton=True)


def loss_hessian_product(loss: str, z: Numbers, targets: Numbers, z_dot: Numbers) -> Numbers:
    """Return the Hessian of each sample's loss by its logits `z`, times `z_dot`."""
    if loss == "squared_error":
        return z_dot
    e = np.exp(z - z.max(axis=1, keepdims=True))
    q = e / e.sum(axis=1, keepdims=True)
    mass = targets.sum(axis=1, keepdims=True)
    product: Numbers = mass * (q * z_dot - q * (q * z_dot).sum(axis=1, keepdims=True))
    return product


def _product(
    net: ResNet,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    v: Numbers,
    gauss_newton: bool,
) -> Numbers:
    """Differentiate, with a dot, each line of the forward sweep and of its adjoint along `v`."""
    tableau = tableau_of(net)
    p, d = net.views(theta), net.views(v)
    weights = [effective_weights(net, W) for W in p.W]
    linear = net if net.weights == "free" else replace(net, damping=0.0)
    weights_dot = [effective_weights(linear, W) for W in d.W]
    y, y_dot = X @ p.Q.T, X @ d.Q.T
    layers = []
    for k in range(net.depth):
        stages: list[tuple[Numbers, ...]] = []
        slopes: list[Numbers] = []
        slopes_dot: list[Numbers] = []
        for row in tableau.a:
            x = y + net.dt * _weighted(row, slopes)
            x_dot = y_dot + net.dt * _weighted(row, slopes_dot)
            z = x @ weights[k].T + p.b[k]
            z_dot = x @ weights_dot[k].T + x_dot @ weights[k].T + d.b[k]
            value, slope = sigma(net.activation, z)
            slopes.append(value)
            slopes_dot.append(slope * z_dot)
            stages.append((x, x_dot, slope, sigma_second(net.activation, z) * z_dot))
        y = y + net.dt * _weighted(tableau.b, slopes)
        y_dot = y_dot + net.dt * _weighted(tableau.b, slopes_dot)
        layers.append(stages)
    z = y @ p.W_out.T + p.b_out
    z_dot = y @ d.W_out.T + y_dot @ p.W_out.T + d.b_out

    dz = loss_gradient(loss, z, targets) / len(X)
    if gauss_newton:  # what would multiply second derivatives of the logits
        dz = np.zeros_like(dz)
    dz_dot = loss_hessian_product(loss, z, targets, z_dot) / len(X)
    out = np.zeros_like(theta)
    g = net.views(out)
    g.W_out[:] = dz_dot.T @ y + dz.T @ y_dot
    g.b_out[:] = dz_dot.sum(axis=0)
    a, a_dot = dz @ p.W_out, dz_dot @ p.W_out + dz @ d.W_out
    for k in reversed(range(net.depth)):
        c, c_dot = np.zeros_like(a), np.zeros_like(a)
        # by stage: the adjoint of k_i, complete once all later stages have added to it
        r = [net.dt * weight * a for weight in tableau.b]
        r_dot = [net.dt * weight * a_dot for weight in tableau.b]
        for i in reversed(range(len(tableau.b))):
            x, x_dot, slope, bend = layers[k][i]
            s, s_dot = slope * r[i], slope * r_dot[i] + bend * r[i]
            g.W[k] += s_dot.T @ x + s.T @ x_dot
            g.b[k] += s_dot.sum(axis=0)
            x_bar, x_bar_dot = s @ weights[k], s_dot @ weights[k] + s @ weights_dot[k]
            for j, weight in enumerate(tableau.a[i]):
                r[j] = r[j] + net.dt * weight * x_bar
                r_dot[j] = r_dot[j] + net.dt * weight * x_bar_dot
            c, c_dot = c + x_bar, c_dot + x_bar_dot
        a, a_dot = a + c, a_dot + c_dot
        if net.weights == "antisymmetric":
            g.W[k] = (g.W[k] - g.W[k].T) / 2
    g.Q[:] = a_dot.T @ X
    return out


def _weighted(weights: tuple[float, ...], terms: list[Numbers]) -> Any:
    return sum((w * t for w, t in zip(weights, terms, strict=False)), 0.0)

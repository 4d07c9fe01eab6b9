"""Random networks, data and comparisons for the tests of this folder."""

import numpy as np

import mgres
from mgres.resnet import reference


def random_problem(net, n, seed=0, labels=True, scale=0.5):
    """Return parameters with nonzero biases, inputs, targets as vectors, and targets as passed."""
    rng = np.random.default_rng(seed)
    theta = (scale * rng.standard_normal(net.size)).astype(net.dtype)
    X = rng.standard_normal((n, net.n_inputs)).astype(net.dtype)
    if labels:
        y = rng.integers(net.n_outputs, size=n)
        return theta, X, np.eye(net.n_outputs)[y], y
    p = rng.uniform(0.1, 1.0, (n, net.n_outputs))
    p = (p / p.sum(axis=1, keepdims=True)).astype(net.dtype)
    return theta, X, p.astype(np.float64), p


def core_value_and_grad(net, loss, theta, X, y, **kwargs):
    f = mgres.ResNetObjective(net, X, y, loss, **kwargs)
    gradient = np.full_like(theta, np.nan)
    return f.value_and_grad(theta, gradient), gradient


def reference_value_and_grad(net, loss, theta, X, vectors):
    """The plain NumPy network in double precision, at the very same numbers."""
    return reference.value_and_grad(
        net, loss, theta.astype(np.float64), X.astype(np.float64), vectors
    )


def relative_error(actual, expected):
    scale = np.linalg.norm(expected) or 1.0
    return float(np.linalg.norm(actual.astype(np.float64) - expected) / scale)

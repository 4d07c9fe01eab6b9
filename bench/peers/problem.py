"""A case with numbers in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import mgres
from mgres.resnet import reference

from .cases import Case


@dataclass(frozen=True)
class Problem:
    """A case with numbers in it."""

    net: mgres.ResNet
    theta: np.ndarray
    X: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, case: Case, seed: int = 0) -> Problem:
        """Draw weights (He), small biases, normal inputs and labels.

        Of twice as many samples those are kept that stay away from the kink of relu.  There the
        derivative jumps, and rounding would decide between two gradients that differ by more than
        the tolerance.
        """
        rng = np.random.default_rng(seed)
        net = mgres.ResNet(
            case.n_inputs,
            case.width,
            case.n_outputs,
            case.depth,
            activation=case.activation,
            dtype=case.dtype,
        )
        theta = net.init(rng, scheme="he")
        views = net.views(theta)
        views.b[:] = 0.1 * rng.standard_normal(views.b.shape)
        views.b_out[:] = 0.1 * rng.standard_normal(views.b_out.shape)
        X = rng.standard_normal((2 * case.samples, case.n_inputs)).astype(case.dtype)
        X = X[np.sort(np.argsort(_distance_from_zero(net, theta, X))[case.samples :])]
        return cls(net, theta, X, rng.integers(0, case.n_outputs, case.samples))

    def parameters(self) -> tuple[np.ndarray, ...]:
        """Return Q, W, b, W_out, b_out as arrays of their own."""
        return tuple(view.copy() for view in self.net.views(self.theta))

    def flat(self, gradients: tuple[Any, ...]) -> np.ndarray:
        """Return the gradients of `parameters()` in mgres's order."""
        out = np.empty_like(self.theta)
        for view, gradient in zip(self.net.views(out), gradients, strict=True):
            view[:] = gradient
        return out


def _distance_from_zero(net: mgres.ResNet, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return the smallest |W_k y_k + b_k| that each sample meets on its way."""
    views = net.views(theta.astype(np.float64))
    y = X @ views.Q.T
    smallest = np.full(len(X), np.inf)
    for W, b in zip(views.W, views.b, strict=True):
        z = y @ W.T + b
        smallest = np.minimum(smallest, np.abs(z).min(axis=1))
        y += net.dt * reference.sigma(net.activation, z)[0]
    return smallest

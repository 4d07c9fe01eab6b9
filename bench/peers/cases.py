"""What is computed: a network, its parameters and its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import mgres
from mgres.resnet import reference

QUICK_DEPTH = 32
# of the whole gradient and of each of its parts, in the Euclidean norm
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}


@dataclass(frozen=True)
class Case:
    """One network and the number of samples that it sees.

    `target` says how many times faster than eager PyTorch mgres wants to be.
    """

    width: int
    depth: int
    samples: int
    activation: str = "relu"
    dtype: str = "float32"
    n_inputs: int = 10
    n_outputs: int = 10
    target: float | None = None

    @property
    def flops(self) -> float:
        """Useful operations of one gradient, 6 v^2 n K: three products of v^2 n in each layer."""
        return 6.0 * self.width**2 * self.samples * self.depth

    def quick(self) -> Case:
        """Return the same case with few layers: to see that everything runs, not how fast."""
        return replace(self, depth=QUICK_DEPTH, target=None)

    def __str__(self) -> str:
        return (
            f"width {self.width}, depth {self.depth}, {self.samples} samples, {self.dtype}, "
            f"{self.activation}"
        )


CASES = {
    "headline": Case(width=10, depth=2048, samples=1000, target=15.0),
    "width-3": Case(width=3, depth=2048, samples=2000, n_inputs=2, n_outputs=2),
    "width-32": Case(width=32, depth=1024, samples=1000),
    "width-64": Case(width=64, depth=256, samples=256),
    "width-256": Case(width=256, depth=64, samples=256),
    "tanh": Case(width=10, depth=2048, samples=1000, activation="tanh"),
    "double": Case(width=10, depth=2048, samples=1000, dtype="float64"),
}


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


@dataclass(frozen=True)
class Contestant:
    """One way to compute the loss and its gradient.

    `call` is what is timed; `unpack` turns what it returns into the loss and the flat gradient.
    """

    key: str
    title: str
    call: Callable[[], Any]
    unpack: Callable[[Any], tuple[float, np.ndarray]]


class WrongAnswerError(AssertionError):
    """A contestant computes something else."""


def ours(problem: Problem) -> Contestant:
    """Return mgres."""
    f = mgres.ResNetObjective(problem.net, problem.X, problem.y)
    out = np.empty_like(problem.theta)
    return Contestant(
        key="mgres",
        title="mgres",
        call=lambda: f.value_and_grad(problem.theta, out),
        unpack=lambda value: (value, out.copy()),
    )


def oracle(problem: Problem) -> tuple[float, np.ndarray]:
    """Return loss and gradient by the plain NumPy reference."""
    one_hot = np.eye(problem.net.n_outputs, dtype=problem.net.dtype)[problem.y]
    value, gradient = reference.value_and_grad(
        problem.net, "cross_entropy", problem.theta, problem.X, one_hot
    )
    return float(value), gradient


def compare(
    problem: Problem, who: str, answer: tuple[float, np.ndarray], expected: tuple[float, np.ndarray]
) -> float:
    """Return the relative distance of two answers, the largest over loss, gradient and its parts.

    Raises
    ------
    WrongAnswerError
        If it exceeds the tolerance of the case's dtype.
    """
    pairs = [answer, expected]
    values, gradients = (np.array([p[0] for p in pairs])[:, None], [p[1] for p in pairs])
    parts = {"loss": values, "gradient": gradients}
    views = [problem.net.views(gradient) for gradient in gradients]
    for name in views[0]._fields:
        parts[name] = [getattr(view, name) for view in views]
    errors = {
        name: float(np.linalg.norm(a - b) / np.linalg.norm(b)) for name, (a, b) in parts.items()
    }
    worst = max(errors, key=lambda name: np.nan_to_num(errors[name], nan=np.inf))
    tolerance = TOLERANCE[problem.net.dtype.name]
    if not errors[worst] <= tolerance:
        raise WrongAnswerError(
            f"{who}: expected a relative error of at most {tolerance:g}, got {errors[worst]:.2g} "
            f"in {worst}"
        )
    return errors[worst]

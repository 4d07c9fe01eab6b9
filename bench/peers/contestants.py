"""Ways to compute the loss and its gradient, and whether they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import mgres
from mgres.resnet import reference

from .problem import Problem

# of the whole gradient and of each of its parts, in the Euclidean norm
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}


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
    (value, gradient), (right_value, right_gradient) = answer, expected
    parts = {
        "loss": (np.array([value]), np.array([right_value])),
        "gradient": (gradient, right_gradient),
    }
    views, right_views = problem.net.views(gradient), problem.net.views(right_gradient)
    for name, view, right_view in zip(views._fields, views, right_views, strict=True):
        parts[name] = (view, right_view)
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


def checked(problem: Problem) -> Contestant:
    """Return mgres, after a comparison with the plain reference."""
    contestant = ours(problem)
    compare(problem, contestant.title, contestant.unpack(contestant.call()), oracle(problem))
    return contestant

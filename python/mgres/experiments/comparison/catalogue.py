"""The problems that `mgres compare` knows by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...datasets import circles, digits_pca, duffing, henon_heiles, spirals
from ...recipes import defaults
from ...resnet import ResNet, Tikhonov
from ...resnet.network import Array
from ...runs.setups import load_mnist
from .problem import Data, Problem, Target


def _mnist(seed: int) -> Data:
    return load_mnist()


def _digits(seed: int) -> Data:
    return digits_pca(seed)


def _last_coordinate(seed: int, net: ResNet) -> Mapping[str, Array]:
    """Lift the plane into R^v; the sign of the last coordinate decides."""
    W_out = np.zeros((2, net.width), net.dtype)
    W_out[:, -1] = -2, 2
    return {"Q": np.eye(net.width, net.n_inputs, dtype=net.dtype), "W_out": W_out}


def _first_coordinates(seed: int, net: ResNet) -> Mapping[str, Array]:
    """Lift the inputs into R^v, if it is larger; the first coordinates are the answer."""
    return {
        "Q": np.eye(net.width, net.n_inputs, dtype=net.dtype),
        "W_out": np.eye(net.n_outputs, net.width, dtype=net.dtype),
    }


def _random_head(seed: int, net: ResNet) -> Mapping[str, Array]:
    """Twice a random orthogonal classifier."""
    rng = np.random.default_rng([seed, 1])
    orthogonal, _ = np.linalg.qr(rng.standard_normal((net.width, net.width)))
    W_out = 2 * orthogonal[: net.n_outputs]
    return {"Q": np.eye(net.width, net.n_inputs, dtype=net.dtype), "W_out": W_out}


HEADS = ("opening", "closing")

_GIVEN = (
    Problem(
        name="circles",
        make=circles,
        targets=(Target("accuracy", 1.0),),
        width=3,
        depth=2048,
        regularizer=Tikhonov(1e-4, "time"),
        max_work_units=300,
    ),
    Problem(
        name="mnist",
        make=_mnist,
        targets=(Target("accuracy", 0.93), Target("accuracy", 0.945)),
        width=10,
        depth=512,
        scheme="glorot",
        regularizer=Tikhonov(1e-5, "time"),
        batch_size=1000,
        validate_every=5,
        max_work_units=400,
        same_data=True,
    ),
    # where Q and the classifier are fixed, only the layers can learn, and depth matters
    Problem(
        name="digits",
        make=_digits,
        targets=(Target("loss", 2e-2), Target("loss", 2e-3)),
        width=10,
        depth=256,
        final_time=5.0,
        activation="tanh",
        scale=0.1,
        pinned=_random_head,
        fixed=HEADS,
        max_work_units=400,
    ),
    Problem(
        name="spirals",
        make=spirals,
        targets=(Target("loss", 1e-2), Target("loss", 3e-4)),
        width=4,
        depth=512,
        final_time=10.0,
        activation="tanh",
        scale=0.1,
        pinned=_last_coordinate,
        fixed=HEADS,
        max_work_units=500,
    ),
    Problem(
        name="flow",
        make=duffing,
        targets=(Target("loss", 2e-3), Target("loss", 5e-4)),
        width=4,
        depth=512,
        final_time=10.0,
        activation="tanh",
        loss="squared_error",
        scale=0.1,
        pinned=_first_coordinates,
        fixed=HEADS,
        max_work_units=1000,
    ),
    # antisymmetric layers keep the volume of phase space only in the limit of many layers: forward
    # Euler expands it, and shallow networks cannot reach the targets (docs/science.md)
    Problem(
        name="henon-heiles",
        make=henon_heiles,
        targets=(Target("loss", 1e-4), Target("loss", 1e-5)),
        width=4,
        depth=1024,
        final_time=10.0,
        activation="tanh",
        loss="squared_error",
        scale=0.1,
        pinned=_first_coordinates,
        fixed=HEADS,
        max_work_units=2000,
        weights="antisymmetric",
    ),
)

PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in _GIVEN}
"""By name."""


def at_depth(problem: Problem, depth: int | None) -> Problem:
    """Return `problem` with another number of layers, named after it.

    Parameters
    ----------
    problem : Problem
        A problem.
    depth : int or None
        The number of layers; None for the problem's own.
    """
    if depth is None or depth == problem.depth:
        return problem
    return replace(problem, name=f"{problem.name}-{depth}", depth=depth)


def with_block(
    problem: Problem,
    block: str | None,
    *,
    hidden: int | None = None,
    norm: str | None = None,
    paced: bool = False,
) -> Problem:
    """Return `problem` with layers that compute something else, named after it.

    Parameters
    ----------
    problem : Problem
        A problem.
    block : str or None
        One of `mgres.blocks.NAMES`; None for the problem's own.  The activation stays.
    hidden, norm, paced
        As of the blocks that have them.

    Raises
    ------
    ValueError
        If there is no such block, it has no such option, or the problem's width does not suit it.
    """
    own = problem.layers
    if (block, hidden, norm, paced) == (None, None, None, False):
        return problem
    made = defaults.block_of(
        block or own.name,
        problem.width,
        hidden=hidden,
        norm=norm,
        paced=paced,
        activation=own.activation,
    )
    if made == own:
        return problem
    words = [made.name, hidden, norm, "paced" if paced else None]
    name = "-".join([problem.name, *(str(word) for word in words if word is not None)])
    return replace(problem, name=name, block=made, weights="free", damping=0.0)

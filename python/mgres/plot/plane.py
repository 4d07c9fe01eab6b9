"""The plane on which states of more than two components are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..resnet import ResNet

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Plane:
    """A plane in the space of states.

    Attributes
    ----------
    basis : ndarray, shape (2, width)
        Orthonormal directions.
    origin : ndarray, shape (width,)
        A point whose distance from the plane's linear space the plane keeps.
    exact : bool
        The predicted class of a state depends on its place in the plane alone.
    """

    basis: Array
    origin: Array
    exact: bool

    def project(self, states: Array) -> Array:
        """Return the coordinates of states, shape (..., width), in the plane, shape (..., 2)."""
        coordinates: Array = states @ self.basis.T
        return coordinates

    def lift(self, points: Array) -> Array:
        """Return the states of the plane with these coordinates."""
        rest = self.origin - self.basis.T @ (self.basis @ self.origin)
        states: Array = points @ self.basis + rest
        return states


def make_plane(net: ResNet, theta: Array, states: Array) -> Plane:
    r"""Return the plane that shows best what the classifier sees of the final states.

    Classes are told apart by differences of rows of W_out.  Two classes have one such direction,
    which lies to the right, towards class 1; upwards is the direction in which the states differ
    most otherwise.  Three classes have a plane of differences.  Of more classes the plane in which
    the rows differ most is taken, and then regions cannot be drawn.

    Parameters
    ----------
    net : ResNet
        The network.
    theta : ndarray, shape (size,)
        Its parameters.
    states : ndarray, shape (n, width)
        States before the classifier.

    Raises
    ------
    ValueError
        If the states have one component only.
    """
    if net.width < 2:
        raise ValueError("net: expected a width of at least 2, got 1")
    W_out = net.views(theta).W_out.astype(np.float64)
    states = states.astype(np.float64)
    origin = states.mean(axis=0)
    if net.width == 2:
        return Plane(np.eye(2), origin, exact=net.n_outputs > 1)
    centred = W_out - W_out.mean(axis=0)
    if net.n_outputs == 2:
        centred = W_out[1:] - W_out[:1]
    _, sizes, rows = np.linalg.svd(centred, full_matrices=False)
    seen = rows[: min(2, np.count_nonzero(sizes > 1e-12 * sizes.max()))]
    if net.n_outputs == 2 and len(seen):
        seen = seen * np.sign(seen @ centred[0])[:, None]
    else:
        seen = np.array([_upright(direction) for direction in seen]).reshape(-1, net.width)
    exact = 1 < net.n_outputs <= 3
    return Plane(_complete(seen, states - origin), origin, exact)


def _complete(directions: Array, deviations: Array) -> Array:
    """Add principal directions of what the given directions do not show, until there are two."""
    basis = directions
    while len(basis) < 2:
        rest = deviations - deviations @ basis.T @ basis
        direction = np.linalg.svd(rest, full_matrices=False)[2][0]
        direction = direction - basis.T @ (basis @ direction)
        if np.linalg.norm(direction) < 0.5:  # nothing is left: any direction will do
            candidates = np.eye(basis.shape[1]) - basis.T @ basis
            direction = candidates[np.linalg.norm(candidates, axis=1).argmax()]
        basis = np.vstack([basis, _upright(direction / np.linalg.norm(direction))])
    return basis


def _upright(direction: Array) -> Array:
    """Return a direction or its opposite: the one whose largest component is positive."""
    largest = direction[np.abs(direction).argmax()]
    return direction if largest > 0 else -direction

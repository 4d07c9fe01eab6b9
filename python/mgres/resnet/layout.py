"""Where the parameters of a network lie in one flat array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .network import ResNet

PARTS = ("opening", "blocks", "closing")

Array: TypeAlias = NDArray[np.floating[Any]]


class Views(NamedTuple):
    """Named, writable views into a flat parameter vector (or a gradient).

    Attributes
    ----------
    Q : ndarray, shape (width, n_inputs)
        Opening operator.
    W : ndarray, shape (depth, width, width)
        Weights of the layers; (depth, width / 2, width / 2) for verlet.
    b : ndarray, shape (depth, width)
        Biases of the layers; (depth, width / 2) for verlet.
    W_out : ndarray, shape (n_outputs, width)
        Weights of the classifier.
    b_out : ndarray, shape (n_outputs,)
        Biases of the classifier.
    """

    Q: Array
    W: Array
    b: Array
    W_out: Array
    b_out: Array


def make_views(net: ResNet, theta: Array) -> Views:
    """Return named views into `theta`; see :meth:`ResNet.views`."""
    if theta.shape != (net.size,):
        raise ValueError(f"theta: expected shape ({net.size},), got {theta.shape}")
    v, w, m = net.width, net.layer_width, net.n_outputs
    layers = theta[net.part("blocks")].reshape(net.depth, net.layer_size)
    closing = theta[net.part("closing")]
    return Views(
        Q=theta[net.part("opening")].reshape(v, net.n_inputs),
        W=layers[:, : w * w].reshape(net.depth, w, w),
        b=layers[:, w * w :],
        W_out=closing[: m * v].reshape(m, v),
        b_out=closing[m * v :],
    )

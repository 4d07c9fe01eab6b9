"""Where the parameters of a network lie in one flat array."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

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

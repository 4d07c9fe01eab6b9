"""Training samples in an order of their own, each one once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class WeightedSamples:
    """Inputs, targets and weights.

    Attributes
    ----------
    X : ndarray, shape (n, n_inputs)
        Inputs.
    y : ndarray, shape (n,) or (n, n_outputs)
        Labels or target vectors.
    weights : ndarray, shape (n,)
        Positive.
    """

    X: Array
    y: Array
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.X)

    def __getitem__(self, indices: Any) -> WeightedSamples:
        """Return some of the samples."""
        return WeightedSamples(self.X[indices], self.y[indices], self.weights[indices])

    @property
    def sample_weight(self) -> NDArray[np.float64] | None:
        """The weights, None if they are all equal and so change nothing."""
        return None if np.all(self.weights == self.weights[0]) else self.weights


def positive(X: Array, y: Array, weights: NDArray[np.float64] | None) -> WeightedSamples:
    """Return the samples whose weight is not zero.

    Raises
    ------
    ValueError
        If a weight is negative, or none is positive.
    """
    if weights is None:
        return WeightedSamples(X, y, np.ones(len(X)))
    if (weights < 0).any():
        raise ValueError(f"sample_weight: expected numbers >= 0, got {weights.min()}")
    if not weights.any():
        raise ValueError("sample_weight: expected at least one weight > 0, got zeros only")
    samples = WeightedSamples(X, y, weights)
    return samples if weights.all() else samples[weights > 0]


def merged(samples: WeightedSamples) -> WeightedSamples:
    """Return the samples sorted, with equal ones merged to one with the sum of their weights.

    The mean loss stays what it was.  But as an iteration amplifies rounding, only this makes a
    sample of weight 2 and the same sample twice give the same model, and any order of the samples.
    """
    columns = [samples.X, samples.y.reshape(len(samples), -1)]
    # + 0 turns -0 into 0: equal numbers shall have equal bytes
    rows = np.hstack([np.ascontiguousarray(c + c.dtype.type(0)).view(np.uint8) for c in columns])
    keys = rows.view(np.dtype((np.void, rows.shape[1])))[:, 0]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    if len(first) == len(samples):
        return samples[first]
    # by size, so that a sum does not depend on the order either
    order = np.argsort(samples.weights, kind="stable")
    weights = np.zeros(len(first))
    np.add.at(weights, which[order], samples.weights[order])
    return WeightedSamples(samples.X[first], samples.y[first], weights)

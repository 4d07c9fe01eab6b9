"""How good a model is on samples."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_predictions
from ..resnet import CompiledNetwork, ResNetObjective
from ..resnet.network import Array
from .scaling import Scaling

MOST_IN_MATRIX = 20
"""Classes for which a confusion matrix is still readable."""


@dataclass(frozen=True)
class Scores:
    """How good a model is on some samples.

    Attributes
    ----------
    rows : int
        The number of samples.
    loss : float
        Mean loss, without regulariser, on the scaled targets.
    accuracy : float or None
        Share of samples whose class is right; of classes.
    confusion : tuple of tuple of int
        Entry i, j: samples of class i that were taken for class j; empty if the classes are many.
    r2, mse : float or None
        Of a regression: share of the variance that is explained (None for targets that are all the
        same), and mean squared error in the target's own units.
    """

    rows: int
    loss: float
    accuracy: float | None = None
    confusion: tuple[tuple[int, ...], ...] = ()
    r2: float | None = None
    mse: float | None = None

    def plain(self) -> dict[str, Any]:
        """Return what applies and is finite, ready for JSON."""
        values = {"loss": self.loss, "accuracy": self.accuracy, "r2": self.r2, "mse": self.mse}
        return {n: value for n, value in values.items() if value is not None and isfinite(value)}


def score(
    net: CompiledNetwork, theta: Array, scaling: Scaling, X: NDArray[Any], y: NDArray[Any]
) -> Scores:
    """Return the scores on samples as they are in a file.

    Parameters
    ----------
    net, theta
        The model.
    scaling : Scaling
        Of the model.
    X : ndarray, shape (n, n_features)
        Features.
    y : ndarray, shape (n,)
        Numbers of classes, or quantities.
    """
    inputs, targets = scaling.inputs(X, net.dtype), scaling.targets(y, net.dtype)
    loss = float(ResNetObjective(net, inputs, targets, scaling.loss).value(theta))
    outputs = net.logits(theta, inputs)
    if not scaling.classes:
        errors = scaling.predictions(outputs) - y
        mse, variance = float(np.mean(errors**2)), float(np.var(y))
        return Scores(len(y), loss, r2=1 - mse / variance if variance > 0 else None, mse=mse)
    check_predictions(outputs)
    predicted = np.argmax(outputs, axis=1)
    m = len(scaling.classes)
    confusion: tuple[tuple[int, ...], ...] = ()
    if m <= MOST_IN_MATRIX:
        counts = np.zeros((m, m), np.int64)
        np.add.at(counts, (y, predicted), 1)
        confusion = tuple(tuple(map(int, row)) for row in counts)
    return Scores(len(y), loss, accuracy=float(np.mean(predicted == y)), confusion=confusion)

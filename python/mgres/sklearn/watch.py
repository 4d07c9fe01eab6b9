"""Looking at every step of training: validation scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training import Record

Array = NDArray[Any]


class EarlyStopping:
    """Ends training when the validation score has not improved for a while; keeps the best point.

    A coarse network whose score stands still is no reason to end: the finest has not trained yet.
    Every score is that of the finest network, with the coarse parameters prolonged.

    Parameters
    ----------
    score : callable
        ``score(theta)``, greater is better.
    tol : float
        Less than this is no improvement.
    patience : int
        Steps on the finest level without improvement.
    """

    def __init__(self, score: Callable[[Array], float], tol: float, patience: int) -> None:
        self.scores: list[float] = []
        self.best = -math.inf
        self.theta: Array | None = None
        self._score = score
        self._tol = tol
        self._patience = patience
        self._to_beat = -math.inf
        self._waiting = 0

    def __call__(self, record: Record, theta: Array) -> bool:
        """Score the network; return whether to stop."""
        with np.errstate(over="ignore", invalid="ignore"):
            score = self._score(theta)
        self.scores.append(score)
        if score > self.best:
            self.best, self.theta = score, theta.copy()
        self._waiting += record.level == 0
        if score >= self._to_beat + self._tol or self._to_beat == -math.inf:
            self._to_beat, self._waiting = score, 0
        return self._waiting >= self._patience

"""Lorenz' system, which two benchmarks learn the flow of, each scaled in its own way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CENTRE = [0, 0, 25]
STEPS, TIME = 200, 0.5


def flow(seed: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `n` points around the attractor and where they are after time 1/2, about `CENTRE`."""
    rng = np.random.default_rng([seed, 9])
    x = start = rng.uniform(-1, 1, (n, 3)) * [15, 20, 15] + CENTRE
    h = TIME / STEPS
    for _ in range(STEPS):
        k1 = _rate(x)
        k2 = _rate(x + h / 2 * k1)
        k3 = _rate(x + h / 2 * k2)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + _rate(x + h * k3))
    return start - CENTRE, x - CENTRE


def _rate(x: NDArray[np.float64]) -> NDArray[np.float64]:
    a, b, c = x.T
    return np.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], axis=1)

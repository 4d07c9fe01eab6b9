"""Piecewise constant functions of time, on halved and doubled steps."""

from __future__ import annotations

import numpy as np

from ..mgopt import Vector


class PiecewiseConstant:
    """Blocks of two: what the paper uses between networks of m and 2m layers.

    P repeats every coarse value, P^T adds the two fine ones, and Pi, with Pi P = I, is their mean.

    Parameters
    ----------
    coarse_size : int
        The number m of coarse values.
    """

    def __init__(self, coarse_size: int) -> None:
        if coarse_size < 1:
            raise ValueError(f"coarse_size: expected at least 1, got {coarse_size}")
        self.coarse_size = coarse_size
        self.fine_size = 2 * coarse_size

    def prolong(self, coarse: Vector, out: Vector) -> None:
        """Write P `coarse` to `out`."""
        out[::2] = coarse
        out[1::2] = coarse

    def restrict(self, fine: Vector, out: Vector) -> None:
        """Write P^T `fine` to `out`."""
        np.add(fine[::2], fine[1::2], out=out)

    def project(self, fine: Vector, out: Vector) -> None:
        """Write the mean of each pair to `out`."""
        np.add(fine[::2], fine[1::2], out=out)
        out /= 2

    def lift(self, coarse: Vector, out: Vector) -> None:
        """Write half of `coarse` to either of its two fine values: derivatives, R lift = I."""
        self.prolong(coarse, out)
        out /= 2

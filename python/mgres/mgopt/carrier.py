"""How what an optimiser remembers passes between two levels."""

from __future__ import annotations

import numpy as np

from .metric import Metric
from .objective import Vector
from .transfer import Transfer


class Carrier:
    """Takes vectors of each kind down to a coarser level and up to a finer one.

    ===========  ==============================  =====================================
    kind         down                            up
    ===========  ==============================  =====================================
    point        Pi                              P
    derivative   R = P^T                         lift, with R lift = I
    gradient     M_c^-1 R M_f                    M_f^-1 lift M_c
    ===========  ==============================  =====================================

    A point is a difference of parameters too; a gradient is the Riesz representative M^-1 f' of a
    derivative f'.  In the metric of L^2(0, T) gradients and points are functions of t and are
    carried alike; in the Euclidean metric a coarse gradient is the sum of the fine ones.

    Parameters
    ----------
    transfer : Transfer
        Between the two levels.
    fine_metric, coarse_metric : Metric
        Of the two levels.
    """

    def __init__(self, transfer: Transfer, fine_metric: Metric, coarse_metric: Metric) -> None:
        self.transfer = transfer
        self.fine_metric = fine_metric
        self.coarse_metric = coarse_metric

    @property
    def fine_size(self) -> int:
        """The dimension of the fine space."""
        return self.transfer.fine_size

    @property
    def coarse_size(self) -> int:
        """The dimension of the coarse space."""
        return self.transfer.coarse_size

    def point_down(self, fine: Vector) -> Vector:
        """Return Pi `fine`."""
        out = np.empty(self.coarse_size, fine.dtype)
        self.transfer.project(fine, out)
        return out

    def point_up(self, coarse: Vector) -> Vector:
        """Return P `coarse`."""
        out = np.empty(self.fine_size, coarse.dtype)
        self.transfer.prolong(coarse, out)
        return out

    def derivative_down(self, fine: Vector) -> Vector:
        """Return R `fine`."""
        out = np.empty(self.coarse_size, fine.dtype)
        self.transfer.restrict(fine, out)
        return out

    def derivative_up(self, coarse: Vector) -> Vector:
        """Return lift `coarse`."""
        out = np.empty(self.fine_size, coarse.dtype)
        self.transfer.lift(coarse, out)
        return out

    def gradient_down(self, fine: Vector) -> Vector:
        """Return M_c^-1 R M_f `fine`."""
        dual = np.empty_like(fine)
        self.fine_metric.to_dual(fine, dual)
        out = self.derivative_down(dual)
        self.coarse_metric.to_primal(out, out)
        return out

    def gradient_up(self, coarse: Vector) -> Vector:
        """Return M_f^-1 lift M_c `coarse`."""
        dual = np.empty_like(coarse)
        self.coarse_metric.to_dual(coarse, dual)
        out = self.derivative_up(dual)
        self.fine_metric.to_primal(out, out)
        return out

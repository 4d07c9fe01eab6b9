"""Regularisers of the parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .network import ResNet

MEASURES = ("layers", "time")


@dataclass(frozen=True)
class Tikhonov:
    r"""Squared norms of weights and biases, scaled so that all levels mean the same functional.

    .. math::

        R(\theta) = \beta \Big( c_l \sum_k (\|W_k\|_F^2 + \|b_k\|^2)
                    + \|W_{out}\|_F^2 + \|b_{out}\|^2 \Big)

    There is no factor 1/2, and Q is not penalised.

    Attributes
    ----------
    beta : float
        Strength, at least 0.
    measure : str
        What the sum over layers approximates.  ``"layers"``, the paper's choice and the one for the
        Euclidean metric: c_l = K_finest / K_l, that is 2^{L-l}, 1 on the finest level.  ``"time"``,
        for the metric of L^2(0, T): c_l = dt_l, an integral over [0, T].
    """

    beta: float
    measure: str = "layers"

    def __post_init__(self) -> None:
        if not (self.beta >= 0 and math.isfinite(self.beta)):
            raise ValueError(f"beta: expected a number >= 0, got {self.beta!r}")
        if self.measure not in MEASURES:
            raise ValueError(f"measure: expected one of {MEASURES}, got {self.measure!r}")

    def weights(self, net: ResNet, finest_depth: int) -> dict[str, float]:
        """Return the factor of the squared norm of each penalised part of `net`.

        Parameters
        ----------
        net : ResNet
            The network of the level.
        finest_depth : int
            How many layers the finest level has.
        """
        c = net.dt if self.measure == "time" else finest_depth / net.depth
        return {"blocks": self.beta * c, "closing": self.beta}

"""Transfers in depth between networks of different numbers of layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .coarse import check_levels
from .layered import LayeredNetwork
from .layout import Array

PROLONGATIONS = tuple(_core.Prolongation.__members__)
PROJECTIONS = tuple(_core.Projection.__members__)


class DepthTransfer:
    """P, R = P^T and Pi between a network and one with fewer layers.

    Coarse layer j belongs to the time t_j where it acts first, and to the m fine layers from there
    on, all arrays of a layer alike.  Of several stacks this is so for each.  Opening, connections
    and closing are the same on all levels: every operator copies them.

    ==============  ==============================================================================
    prolongation    fine layer m j + r (r = 0 ... m - 1)
    ==============  ==============================================================================
    constant        c_j
    linear          (1 - r/m) c_j + (r/m) c_{j+1}; c_j behind the last coarse layer
    ==============  ==============================================================================

    ==============  ==============================================================================
    projection      coarse layer j
    ==============  ==============================================================================
    mean            mean of the fine layers m j ... m j + m - 1
    injection       fine layer m j
    full_weighting  hat function of half width m around fine layer m j, normalised
    ==============  ==============================================================================

    Pi P = I exactly for constant with mean, constant with injection and linear with injection.  The
    other pairs keep what is constant in t exactly, and what is smooth up to O(dt).

    Parameters
    ----------
    fine, coarse : ResNet or other LayeredNetwork
        Equal but for the depth and, with the schemes "euler" and "matched", the scheme and its
        substeps; the fine depth is a multiple of the coarse one.
    prolongation : str
        "constant" (the paper's choice) or "linear".
    projection : str, optional
        "mean", "injection" or "full_weighting"; by default mean for constant and injection for
        linear, the pairs for which Pi P = I.

    Raises
    ------
    ValueError
        If the networks do not fit or a name is unknown.
    """

    def __init__(
        self,
        fine: LayeredNetwork,
        coarse: LayeredNetwork,
        prolongation: str = "constant",
        projection: str | None = None,
    ) -> None:
        check_levels(fine, coarse)
        if prolongation not in PROLONGATIONS:
            raise ValueError(f"prolongation: expected one of {PROLONGATIONS}, got {prolongation!r}")
        if projection is None:
            projection = "mean" if prolongation == "constant" else "injection"
        if projection not in PROJECTIONS:
            raise ValueError(f"projection: expected one of {PROJECTIONS}, got {projection!r}")
        self._networks = fine, coarse
        self.prolongation = prolongation
        self.projection = projection
        self._prolongation = _core.Prolongation[prolongation]
        self._projection = _core.Projection[projection]
        self._factor = fine.depth // coarse.depth
        self._blocks = fine.part("blocks")
        self._transfer = _core.DepthTransfer(
            head=self._blocks.start,
            stacks=[(stack.layer_size, stack.depth) for stack in coarse.stack_parts],
            factor=self._factor,
            tail=fine.size - self._blocks.stop,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the arguments."""
        return type(self), (*self._networks, self.prolongation, self.projection)

    @property
    def fine_size(self) -> int:
        """The number of parameters of the fine network."""
        return self._transfer.fine_size

    @property
    def coarse_size(self) -> int:
        """The number of parameters of the coarse network."""
        return self._transfer.coarse_size

    def prolong(self, coarse: Array, out: Array) -> None:
        """Write P `coarse` to `out`: corrections, coarse to fine."""
        _check_apart("coarse", coarse, out)
        self._transfer.prolong(self._prolongation, coarse, out)

    def restrict(self, fine: Array, out: Array) -> None:
        """Write P^T `fine` to `out`: gradients, fine to coarse."""
        _check_apart("fine", fine, out)
        self._transfer.restrict(self._prolongation, fine, out)

    def project(self, fine: Array, out: Array) -> None:
        """Write Pi `fine` to `out`: parameters, fine to coarse."""
        _check_apart("fine", fine, out)
        self._transfer.project(self._projection, fine, out)

    def lift(self, coarse: Array, out: Array) -> None:
        """Write derivatives to `out`, coarse to fine: each fine layer gets 1/m of its coarse one.

        R lift = I exactly for constant prolongation.
        """
        _check_apart("coarse", coarse, out)
        self._transfer.prolong(_core.Prolongation.constant, coarse, out)
        out[self._blocks] /= self._factor


def _check_apart(name: str, given: Array, out: Array) -> None:
    if np.may_share_memory(given, out):
        raise ValueError(f"out: must not overlap {name}")

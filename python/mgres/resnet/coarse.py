"""Which networks serve as coarse levels of which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .layered import LayeredNetwork, N
from .layout import PARTS, Array

if TYPE_CHECKING:
    from .objective import ResNetObjective

MATCHED = ("euler", "matched")
"""Schemes that "matched" can stand for."""


def coarse_network(fine: N, factor: int, scheme: str | None = None) -> N:
    """Return the network of `factor` times fewer layers; see :meth:`ResNetObjective.coarsen`."""
    if factor < 2 or fine.depth % factor:
        raise ValueError(
            f"factor: expected a divisor of {fine.depth} layers, at least 2, got {factor}"
        )
    coarse = fine.with_depth(fine.depth // factor)
    if scheme is None:
        scheme = fine.scheme
    if scheme == "matched" and fine.scheme in MATCHED:
        return coarse.with_scheme("matched", fine.substeps * factor)
    if scheme != fine.scheme:
        expected = sorted({fine.scheme, "matched"} if fine.scheme in MATCHED else {fine.scheme})
        raise ValueError(
            f"scheme: expected {' or '.join(expected)} below {fine.scheme}, got {scheme!r}"
        )
    return coarse


def check_levels(fine: LayeredNetwork, coarse: LayeredNetwork) -> None:
    """Raise ValueError unless parameters of `fine` mean the same in `coarse`, in fewer layers."""
    same = coarse.with_depth(fine.depth)
    if {fine.scheme, coarse.scheme} <= set(MATCHED):
        same = same.with_scheme(fine.scheme, fine.substeps)
    if same != fine:
        raise ValueError(f"coarse: expected {fine} but for the depth, got {coarse}")
    if fine.depth % coarse.depth:
        raise ValueError(f"coarse: expected a depth that divides {fine.depth}, got {coarse.depth}")


def check_defect(
    coarse: ResNetObjective, fine: ResNetObjective, fine_theta: Array, theta: Array
) -> None:
    """Raise ValueError unless `coarse` at `theta` can be given the states of `fine`."""
    check_levels(fine.net, coarse.net)
    ours, theirs = coarse.samples, fine.samples
    if ours is not theirs and not (ours.X is theirs.X and ours.y is theirs.y):
        raise ValueError("fine: expected an objective on the same samples")
    for name, net, given in (("fine_theta", fine.net, fine_theta), ("theta", coarse.net, theta)):
        if given.shape != (net.size,):
            raise ValueError(f"{name}: expected shape ({net.size},), got {given.shape}")
    for part in (PARTS[0], PARTS[2]):
        if not np.array_equal(fine_theta[fine.net.part(part)], theta[coarse.net.part(part)]):
            raise ValueError(f"theta: expected the same {part} parameters as fine_theta")

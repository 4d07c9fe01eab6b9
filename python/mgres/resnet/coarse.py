"""Which networks serve as coarse levels of which."""

from __future__ import annotations

from ..checks import check_integer
from ..schemes import are_alike, coarsened
from .layered import LayeredNetwork, N


def coarse_network(fine: N, factor: int, scheme: str | None = None) -> N:
    """Return the network of `factor` times fewer layers; see :meth:`ResNetObjective.coarsen`."""
    factor = check_integer("factor", factor, 2)
    if fine.depth % factor:
        raise ValueError(
            f"factor: expected a divisor of {fine.depth} layers, at least 2, got {factor}"
        )
    coarse = fine.with_depth(fine.depth // factor)
    return coarse.with_scheme(coarsened(fine.scheme, factor, scheme))


def check_levels(fine: LayeredNetwork, coarse: LayeredNetwork) -> None:
    """Raise ValueError unless parameters of `fine` mean the same in `coarse`, in fewer layers."""
    same = coarse.with_depth(fine.depth)
    if are_alike(fine.scheme, coarse.scheme):
        same = same.with_scheme(fine.scheme)
    if same != fine:
        raise ValueError(f"coarse: expected {fine} but for the depth, got {coarse}")
    if fine.depth % coarse.depth:
        raise ValueError(f"coarse: expected a depth that divides {fine.depth}, got {coarse.depth}")

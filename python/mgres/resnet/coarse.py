"""Which networks serve as coarse levels of which."""

from __future__ import annotations

from .layered import LayeredNetwork, N

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

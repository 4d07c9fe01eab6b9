"""From one objective to a hierarchy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..checks import check_integer
from ..mgopt import Euclidean, GradientDescent, Hierarchy, Level, LevelOptimizer, Transfer
from ..schemes import Euler
from .layered import LayeredNetwork, LayeredObjective
from .metric import time_metric
from .transfer import DepthTransfer

METRICS = ("euclidean", "time")

Transfers = Callable[[Any, Any], Transfer]


def resnet_hierarchy(
    f: LayeredObjective,
    levels: int = 2,
    *,
    factor: int | Sequence[int] = 2,
    optimizer: LevelOptimizer | Sequence[LevelOptimizer] | None = None,
    metric: str = "euclidean",
    prolongation: str = "constant",
    projection: str | None = None,
    transfer: Transfers | None = None,
    coarse_scheme: str | None = None,
) -> Hierarchy:
    """Return the hierarchy whose finest level is `f`.

    Each level has `factor` times fewer layers than the one above it and steps `factor` times as
    long.  All share the samples of `f`.  A gradient of a level with K_l layers of s_l stages costs
    K_l s_l / (K s) work units.

    Parameters
    ----------
    f : ResNetObjective or other LayeredObjective
        The finest objective.
    levels : int
        How many levels; 1 gives the single-level method.
    factor : int or sequence of int
        Coarsening factor m, at least 2; or one for each level but the coarsest, finest first.  The
        depth must be divisible by their product, m^(levels - 1): a coarse layer that stood for
        fewer than m fine ones would need a step size of its own.
    optimizer : LevelOptimizer or sequence of them
        One for all levels, or one for each, finest first; by default ``GradientDescent(0.1)``, the
        paper's choice on circles.
    metric : str
        "euclidean" (the paper), or "time": L^2(0, T), see :func:`mgres.resnet.time_metric`.
    prolongation, projection : str
        See :class:`mgres.resnet.DepthTransfer`.
    transfer : callable, optional
        ``transfer(fine, coarse)`` returns the transfer between two networks; replaces
        `prolongation` and `projection`.
    coarse_scheme : str, optional
        "matched" for coarse layers of two stages that reproduce the fine ones to second order; see
        :meth:`mgres.ResNetObjective.coarsen`.

    Raises
    ------
    ValueError
        If the levels do not fit the depth, or an argument is not as described.
    """
    levels = check_integer("levels", levels)
    factors = _factors(factor, levels, f.net.depth)
    if metric not in METRICS:
        raise ValueError(f"metric: expected one of {METRICS}, got {metric!r}")
    if optimizer is None:
        optimizer = GradientDescent(0.1)
    optimizers = list(optimizer) if isinstance(optimizer, Sequence) else [optimizer] * levels
    if len(optimizers) != levels:
        raise ValueError(f"optimizer: expected {levels}, one for each level, got {len(optimizers)}")

    objectives = [f]
    for m in factors:
        objectives.append(objectives[-1].coarsen(m, coarse_scheme))

    def make_transfer(fine: Any, coarse: Any) -> Transfer:
        if transfer is not None:
            return transfer(fine, coarse)
        return DepthTransfer(fine, coarse, prolongation, projection)

    return hierarchy_of(objectives, optimizers, metric, make_transfer)


def hierarchy_of(
    objectives: Sequence[LayeredObjective],
    optimizers: Sequence[LevelOptimizer],
    metric: str = "time",
    transfer: Transfers = DepthTransfer,
) -> Hierarchy:
    """Return the hierarchy of objectives that are already there, finest first.

    Parameters
    ----------
    objectives : sequence of LayeredObjective
        On the same samples; each network has as many layers as the one before it, or a fraction.
    optimizers : sequence of LevelOptimizer
        One for each.
    metric : str
        "euclidean" or "time".
    transfer : callable
        ``transfer(fine, coarse)`` returns the transfer between two networks.
    """
    nets = [objective.net for objective in objectives]
    work = [net.depth * net.scheme.stages for net in nets]
    all_euler = all(net.scheme == Euler() for net in nets)
    return Hierarchy(
        Level(
            objective=objective,
            optimizer=optimizer,
            transfer=transfer(nets[l], nets[l + 1]) if l + 1 < len(nets) else None,
            metric=time_metric(nets[l]) if metric == "time" else Euclidean(),
            cost=work[l] / work[0],
            details=_details(nets[l], with_scheme=not all_euler),
        )
        for l, (objective, optimizer) in enumerate(zip(objectives, optimizers, strict=True))
    )


MOST_LEVELS = 64
"""More than the largest depth can be halved."""


def _factors(factor: int | Sequence[int], levels: int, depth: int) -> list[int]:
    is_given = isinstance(factor, Sequence) and not isinstance(factor, str)
    several: Sequence[Any] = factor if isinstance(factor, Sequence) and is_given else [factor]
    given = [check_integer("factor", m, 2) for m in several]
    if levels > MOST_LEVELS and not is_given:  # before a list of so many factors
        raise ValueError(
            f"levels: {levels} levels need more than {depth} layers{_most_levels(depth, given[0])}"
        )
    factors = given if is_given else given * (levels - 1)
    if len(factors) != levels - 1:
        raise ValueError(
            f"factor: expected {levels - 1}, one for each level but the coarsest, got {factors}"
        )
    if depth % math.prod(factors):
        hint = "" if is_given else _most_levels(depth, given[0])
        raise ValueError(
            f"levels: {levels} levels with factor {factor} need a depth divisible by "
            f"{math.prod(factors)}, got {depth}{hint}"
        )
    return factors


def _details(net: LayeredNetwork, *, with_scheme: bool) -> dict[str, object]:
    details: dict[str, object] = {"layers": net.depth, "dt": f"{net.dt:.4g}"}
    if with_scheme:
        details["scheme"] = str(net.scheme)
    return details


def _most_levels(depth: int, factor: int) -> str:
    levels = 1
    while depth % factor == 0:
        depth //= factor
        levels += 1
    return f"; at most {levels} possible"

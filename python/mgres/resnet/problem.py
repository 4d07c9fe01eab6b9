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
    work = [objective.net.depth * objective.net.scheme.stages for objective in objectives]
    all_euler = all(objective.net.scheme == Euler() for objective in objectives)

    def make_transfer(l: int) -> Transfer | None:
        if l == levels - 1:
            return None
        fine, coarse = objectives[l].net, objectives[l + 1].net
        if transfer is not None:
            return transfer(fine, coarse)
        return DepthTransfer(fine, coarse, prolongation, projection)

    return Hierarchy(
        Level(
            objective=objective,
            optimizer=optimizers[l],
            transfer=make_transfer(l),
            metric=time_metric(objective.net) if metric == "time" else Euclidean(),
            cost=work[l] / work[0],
            details=_details(objective.net, with_scheme=not all_euler),
        )
        for l, objective in enumerate(objectives)
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

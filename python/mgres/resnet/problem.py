"""From one objective to a hierarchy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..mgopt import Euclidean, GradientDescent, Hierarchy, Level, LevelOptimizer, Transfer
from .metric import time_metric
from .network import ResNet
from .objective import ResNetObjective
from .transfer import DepthTransfer

METRICS = ("euclidean", "time")

Transfers = Callable[[ResNet, ResNet], Transfer]


def resnet_hierarchy(
    f: ResNetObjective,
    levels: int = 2,
    *,
    factor: int = 2,
    optimizer: LevelOptimizer | Sequence[LevelOptimizer] | None = None,
    metric: str = "euclidean",
    prolongation: str = "constant",
    projection: str | None = None,
    transfer: Transfers | None = None,
) -> Hierarchy:
    """Return the hierarchy whose finest level is `f`.

    Each level has `factor` times fewer layers than the one above it and steps `factor` times as
    long.  All share the samples of `f`.

    Parameters
    ----------
    f : ResNetObjective
        The finest objective.
    levels : int
        How many levels; 1 gives the single-level method.
    factor : int
        Coarsening factor m, at least 2.  The depth must be divisible by m^(levels - 1): a coarse
        layer that stood for fewer than m fine ones would need a step size of its own.
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

    Raises
    ------
    ValueError
        If the levels do not fit the depth, or an argument is not as described.
    """
    if levels < 1:
        raise ValueError(f"levels: expected at least 1, got {levels}")
    if factor < 2:
        raise ValueError(f"factor: expected at least 2, got {factor}")
    if f.net.depth % factor ** (levels - 1):
        raise ValueError(
            f"levels: {levels} levels with factor {factor} need a depth divisible by "
            f"{factor ** (levels - 1)}, got {f.net.depth}; at most "
            f"{_most_levels(f.net.depth, factor)} possible"
        )
    if metric not in METRICS:
        raise ValueError(f"metric: expected one of {METRICS}, got {metric!r}")
    if optimizer is None:
        optimizer = GradientDescent(0.1)
    optimizers = list(optimizer) if isinstance(optimizer, Sequence) else [optimizer] * levels
    if len(optimizers) != levels:
        raise ValueError(f"optimizer: expected {levels}, one for each level, got {len(optimizers)}")

    objectives = [f]
    for _ in range(levels - 1):
        objectives.append(objectives[-1].coarsen(factor))

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
            cost=objective.net.depth / f.net.depth,
            details={"layers": objective.net.depth, "dt": f"{objective.net.dt:.4g}"},
        )
        for l, objective in enumerate(objectives)
    )


def _most_levels(depth: int, factor: int) -> int:
    levels = 1
    while depth % factor == 0:
        depth //= factor
        levels += 1
    return levels

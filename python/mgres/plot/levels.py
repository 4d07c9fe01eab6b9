"""The levels of a hierarchy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..mgopt import Hierarchy, Level
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def hierarchy(hierarchy: Hierarchy, ax: Axes | None = None) -> Axes:
    """Draw a bar for every level, the longer the dearer its gradient, the finest on top.

    Beside it stand layers, step size and parameters, as far as the level knows them.

    Parameters
    ----------
    hierarchy : Hierarchy
        The levels.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError
        If `hierarchy` is none.

    Examples
    --------
    >>> import mgres
    >>> X, y, *_ = mgres.datasets.circles(seed=0)
    >>> f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=2048), X, y)
    >>> ax = mgres.plot.hierarchy(mgres.resnet_hierarchy(f, levels=8))
    >>> len(ax.patches), ax.texts[1].get_text()
    (8, '0.5 WU, 12,302 parameters')
    """
    if not isinstance(hierarchy, Hierarchy):
        raise TypeError(f"hierarchy: expected a Hierarchy, got {type(hierarchy).__name__}")
    ax = style.one(ax, height=0.9 + 0.36 * len(hierarchy))
    costs = [cost_of(level) for level in hierarchy]
    bars = ax.barh(
        range(len(hierarchy)),
        costs,
        height=0.62,
        left=0.0,
        color=style.BLUE,
        edgecolor="white",
    )
    for bar, level, cost in zip(bars, hierarchy, costs, strict=True):
        ax.annotate(
            f"{cost:.4g} WU, {level.objective.size:,} parameters",
            (cost, bar.get_y() + bar.get_height() / 2),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=style.SMALL,
            color=style.INK,
        )
    ax.set_xscale("log", base=2)
    ax.set_xlim(min(costs) / 2, max(costs) * _room(max(costs) / min(costs)))
    ax.set_xticks([])
    ax.minorticks_off()
    ax.set_yticks(range(len(hierarchy)), [level_label(i, l) for i, l in enumerate(hierarchy)])
    ax.set_ylim(len(hierarchy) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("work units of a gradient (logarithmic)")
    style.dress(ax, grid="x")
    ax.spines["bottom"].set_visible(False)
    return ax


def cost_of(level: Level) -> float:
    """Return what a gradient of a level of a hierarchy costs."""
    assert level.cost is not None  # the hierarchy has filled it in
    return level.cost


def level_label(i: int, level: Level) -> str:
    """Return what is known about a level in a few words."""
    details = level.details
    layers, dt, scheme = (details.get(name) for name in ("layers", "dt", "scheme"))
    parts = [f"{layers:,} layers" if isinstance(layers, int) else f"level {i}"]
    if scheme not in (None, "euler"):
        parts.append(str(scheme))
    if dt is not None:
        parts.append(f"Δt = {dt}")
    return "\n".join(parts) if len(parts) < 3 else f"{parts[0]}, {parts[1]}\n{parts[2]}"


def _room(ratio: float) -> float:
    """Return by what factor the axis goes on to the right of the longest bar, for the text."""
    return float((2.0 * ratio) ** 1.15)

"""The diagram of a cycle."""

from __future__ import annotations

import textwrap
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from ..mgopt import Hierarchy, NestedIteration, Schedule
from ..training import Recipe
from . import style
from .levels import level_label
from .visits import Node, Way, way_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = 4
"""Levels drawn for nested iteration when nobody says how many there are."""

LOOK: dict[str, Any] = {
    "smooth": {"marker": "o", "color": style.BLUE},
    "coarsest": {"marker": "s", "color": style.VERMILLION},
}


def cycle(cycle: Any, ax: Axes | None = None, *, levels: int | Hierarchy | None = None) -> Axes:
    """Draw the way of a cycle through the levels as textbooks do, the finest on top.

    Numbers are optimiser steps; where a level is left upwards and at once left downwards again, as
    in a W-cycle, they are those before and after together.  Small empty circles are visits without
    steps.  Coarse levels are corrections along single lines; along double lines nested iteration
    prolongs the point itself.

    Parameters
    ----------
    cycle : Schedule, str, cycle, Cascade, FullMultigrid or Recipe
        A schedule, also in the paper's notation, is drawn as a V-cycle.
    ax : Axes, optional
        Where to draw.
    levels : int or Hierarchy, optional
        How many levels nested iteration has (it does not know itself), by default 4; a hierarchy
        also labels them.  A recipe brings its own.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError, ValueError
        If an argument is not as described, or the levels do not fit the schedule.

    Examples
    --------
    >>> import mgres
    >>> ax = mgres.plot.cycle(mgres.VCycle(mgres.Schedule.parse("[(1), 1, 2, {2}]")))
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '2', '2', '2', '1']
    """
    if isinstance(cycle, str):
        cycle = Schedule.parse(cycle)
    if isinstance(cycle, Recipe):
        cycle, levels = cycle.method, cycle.hierarchy
    n = _levels(cycle, levels)
    way = way_of(cycle, n)
    columns = way.nodes[-1].column + 1
    notes = [line for note in way.notes for line in textwrap.wrap(note, 44)]
    width = min(max(0.34 * columns + 1.2, 3.8), 12.0)
    ax = style.one(ax, width, 0.8 + 0.42 * n + 0.12 * len(notes))
    _draw(ax, way, columns)
    names = [f"level {l}" for l in range(n)]
    if isinstance(levels, Hierarchy):
        names = [level_label(l, level).split("\n")[0] for l, level in enumerate(levels)]
    ax.set_yticks(range(n), names)
    ax.set_xticks([])
    ax.set_xlim(-0.7, columns - 0.3)
    ax.set_ylim(n - 0.5, -0.7 if way.repeats else -0.5)
    ax.tick_params(axis="y", length=0)
    if notes:
        ax.set_xlabel("\n".join(notes), fontsize=style.SMALL)
    style.dress(ax, grid="y")
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def _levels(cycle: Any, levels: int | Hierarchy | None) -> int:
    """Return how many levels there are."""
    if isinstance(levels, Hierarchy):
        levels = len(levels)
    if levels is not None:
        if isinstance(levels, bool | np.bool_) or not isinstance(levels, Integral):
            raise TypeError(f"levels: expected an integer or a Hierarchy, got {levels!r}")
        levels = int(levels)
    schedule = cycle if isinstance(cycle, Schedule) else getattr(cycle, "schedule", None)
    if isinstance(schedule, Schedule):
        if levels not in (None, len(schedule)):
            raise ValueError(f"levels: the schedule has {len(schedule)}, got {levels}")
        return len(schedule)
    default = LEVELS if isinstance(cycle, NestedIteration) else 1
    n = default if levels is None else levels
    if n < 1:
        raise ValueError(f"levels: expected at least 1, got {n}")
    return n


def _draw(ax: Axes, way: Way, columns: int) -> None:
    figure: Any = ax.figure
    inches = figure.get_figwidth() * ax.get_position().width
    points = 72 * inches / columns  # of the width, for each column
    size = min(15.0, 0.9 * points)
    for edge in way.edges:
        ends = way.nodes[edge.start], way.nodes[edge.end]
        x, y = [node.column for node in ends], [node.level for node in ends]
        ax.plot(x, y, color=style.GREY, linewidth=4.0 if edge.kind == "prolong" else 1.2, zorder=1)
        if edge.kind == "prolong":
            ax.plot(x, y, color="white", linewidth=1.8, zorder=1.5)
    for node in way.nodes:
        _draw_node(ax, node, size)
    for first, last, text in way.repeats:
        left, right = way.nodes[first], way.nodes[last]
        ax.annotate(
            text,
            ((left.column + right.column) / 2, left.level),
            xytext=(0, 0.55 * size),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=style.SMALL,
            color=style.INK,
        )


def _draw_node(ax: Axes, node: Node, size: float) -> None:
    at = [node.column], [node.level]
    if node.steps == 0:
        ax.plot(*at, "o", markersize=0.45 * size, color="white", markeredgecolor=style.GREY)
        return
    ax.plot(*at, markersize=size, linestyle="none", zorder=3, **LOOK[node.kind])
    if node.steps is not None and size > 6:
        text = str(node.steps)
        ax.text(
            node.column,
            node.level,
            text,
            ha="center",
            va="center_baseline",
            color="white",
            fontsize=min(style.SMALL, 0.6 * size if len(text) < 3 else 0.45 * size),
            zorder=4,
        )

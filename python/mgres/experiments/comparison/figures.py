"""Plots of a comparison: the way to the targets over work and time, and the work that it took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...plot.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, dress
from ..plots import SKIPPED, make_figure
from .report import RECOMMENDED, Row, best_single

__all__ = ["SKIPPED", "band", "save"]

COLOURS = {
    RECOMMENDED: VERMILLION,
    "cascade": GREEN,
    "fmg": SKY,
    "mgopt": PURPLE,
    "frozen": GREY,
    "torch/adam": BLACK,
    "torch/lbfgs": BLACK,
    "jax/adam": ORANGE,
}
SINGLE = {"single/lbfgs": BLUE, "single/adam": BLACK, "single/gd": ORANGE}
BEST_SINGLE = BLUE
OTHER_SINGLE = "#BFBFBF"
DASHES: dict[str, Any] = {"torch/lbfgs": (0, (1, 1.5)), "torch/adam": "--", "jax/adam": "--"}
WORK, SECONDS, LOSS, ACCURACY = range(4)
CERTAIN = 5e-4
"""Where the axis of accuracies, logarithmic in the error, ends: an error of zero is drawn here."""

Seeds = Sequence[Sequence[Sequence[float | None]]]


def save(result: dict[str, Any], curves: dict[str, Any], out: Path) -> list[Path]:
    """Draw ``compare-<problem>.png`` for each problem and ``compare.png``; return their paths.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    import matplotlib.figure  # noqa: F401

    paths = []
    for problem, methods in curves.items():
        rows = [row for row in result["rows"] if row["problem"] == problem]
        path = out / f"compare-{problem}.png"
        _draw_ways(problem, rows, methods, path)
        paths.append(path)
    path = out / "compare.png"
    _draw_work(result["rows"], path)
    paths.append(path)
    for problem in dict.fromkeys(row["problem"] for row in result.get("budgets", ())):
        rows = [row for row in result["budgets"] if row["problem"] == problem]
        paths.append(out / f"budgets-{problem}.png")
        _draw_budgets(problem, rows, paths[-1])
    return paths


def _draw_budgets(problem: str, rows: Sequence[Row], path: Path) -> None:
    """Draw the loss that came back over work units and over seconds, medians over the seeds."""
    figure = make_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for name in dict.fromkeys(row["method"] for row in rows):
        own = sorted((r for r in rows if r["method"] == name), key=lambda row: row["budget"])
        losses = [math.nan if row["loss"] is None else row["loss"] for row in own]
        look: dict[str, Any] = {
            "marker": ".",
            "color": COLOURS.get(name, SINGLE.get(name, OTHER_SINGLE)),
            "linewidth": 3.0 if name == RECOMMENDED else 1.4,
            "zorder": 10 if name == RECOMMENDED else 5,
        }
        left.plot([row["budget"] for row in own], losses, label=name, **look)
        right.plot([row["seconds"] for row in own], losses, **look)
    for axes, what in ((left, "work units"), (right, "seconds")):
        axes.set(xscale="log", yscale="log", xlabel=what)
        dress(axes)
        axes.xaxis.set_major_formatter("{x:g}")
    left.set_ylabel("loss of the finest network")
    n = len(rows[0]["seeds"])
    seeds = f"median of {n} seeds" if n > 1 else "1 seed"
    figure.suptitle(f"{problem}: what a budget buys, {seeds}", x=0.01, ha="left", fontsize=12)
    figure.legend(loc="outside lower center", ncols=6, frameon=False)
    figure.savefig(path, dpi=150)


# ---- loss and accuracy over work and seconds -----------------------------------------------------


@dataclass(frozen=True)
class Style:
    """How a method is drawn."""

    colour: str
    width: float
    dash: Any
    order: int
    label: str | None


def _styles(rows: Sequence[Row], methods: Sequence[str]) -> dict[str, Style]:
    hardest = [row for row in rows if row["target"] == rows[-1]["target"]]
    best = best_single(hardest)
    others = [m for m in methods if m.startswith("single/") and m != best]
    styles = {}
    for name in methods:
        if name == RECOMMENDED:
            styles[name] = Style(COLOURS[name], 3.0, "-", 10, name)
        elif name == best:
            styles[name] = Style(BEST_SINGLE, 2.2, "-", 8, f"{name} (best single level)")
        elif name in others:
            label = "other single levels" if name == others[0] else None
            styles[name] = Style(OTHER_SINGLE, 1.0, "-", 2, label)
        else:
            colour = COLOURS.get(name, GREY)
            styles[name] = Style(colour, 1.6, DASHES.get(name, "-"), 5, name)
    return styles


def _draw_ways(problem: str, rows: list[Row], methods: dict[str, Seeds], path: Path) -> None:
    quantities = [
        q
        for q in (LOSS, ACCURACY)
        if any(p[q] is not None for seeds in methods.values() for points in seeds for p in points)
    ] or [LOSS]
    figure = make_figure(11.0, 1.6 + 3.6 * len(quantities))
    axes = figure.subplots(len(quantities), 2, sharex="col", sharey="row", squeeze=False)
    styles = _styles(rows, list(methods))
    for i, quantity in enumerate(quantities):
        for j, against in enumerate((WORK, SECONDS)):
            ax = axes[i][j]
            for name, seeds in methods.items():
                _draw_way(ax, seeds, against, quantity, styles[name])
            _dress(ax, quantity, [row["target"] for row in rows], label=j == 0)
    axes[-1][0].set_xlabel("work units")
    axes[-1][1].set_xlabel("seconds")
    handles: dict[str, Any] = {}
    n = max((len(seeds) for seeds in methods.values()), default=0)
    for name, style in sorted(styles.items(), key=lambda item: -item[1].order):
        if style.label is not None and methods[name]:
            k = len(methods[name])
            few = f" ({k} seed{'s' if k > 1 else ''})" if k < n else ""
            from matplotlib.lines import Line2D

            handles[style.label + few] = Line2D(
                [], [], color=style.colour, linewidth=style.width, linestyle=style.dash
            )
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=4, frameon=False
    )
    figure.suptitle(
        f"{problem}: median of {n} seed{'s' if n != 1 else ''}, band from minimum to maximum",
        x=0.01,
        ha="left",
        fontsize=12,
    )
    figure.savefig(path, dpi=150)


def _draw_way(ax: Any, seeds: Seeds, against: int, quantity: int, style: Style) -> None:
    x, middle, low, high = band(seeds, against, quantity)
    if not x.size:
        return
    if quantity == ACCURACY:
        middle, low, high = (np.maximum(1 - a, CERTAIN) for a in (middle, low, high))
    if style.order > 2:
        strength = 0.22 if style.order == 10 else 0.10
        ax.fill_between(
            x, low, high, color=style.colour, alpha=strength, linewidth=0, zorder=style.order - 1
        )
    look = {"color": style.colour, "linewidth": style.width, "zorder": style.order}
    ax.plot(x, middle, linestyle=style.dash, solid_capstyle="round", **look)
    ax.plot(x[-1], middle[-1], "o", markersize=2.5 + style.width, **look)


def band(
    seeds: Seeds, against: int, quantity: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return x, and there median, minimum and maximum over seeds of the best value so far.

    A seed has its first known value before, and its last one after it has ended; the line begins
    at the median of the beginnings and ends at the medians of the ends and of the last values.
    """
    ways = []
    for points in seeds:
        known = np.array(
            [(p[against], p[quantity]) for p in points if p[quantity] is not None and p[against]],
            dtype=float,
        ).reshape(-1, 2)
        if len(known):
            best = np.minimum if quantity == LOSS else np.maximum
            ways.append((known[:, 0], best.accumulate(known[:, 1])))
    if not ways:
        nothing = np.empty(0)
        return nothing, nothing, nothing, nothing
    first = float(np.median([x[0] for x, _ in ways]))
    last = max(float(np.median([x[-1] for x, _ in ways])), first)
    x = np.geomspace(first, last, 300)
    table = np.array([np.interp(np.log(x), np.log(at), value) for at, value in ways])
    table = np.column_stack([table, [value[-1] for _, value in ways]])
    x = np.append(x, last)
    return x, np.median(table, axis=0), table.min(axis=0), table.max(axis=0)


def _dress(ax: Any, quantity: int, targets: Sequence[str], label: bool) -> None:
    if not ax.has_data():  # logarithmic axes of nothing make matplotlib complain
        ax.set(xlim=(0.1, 100), ylim=(1e-4, 10))
    ax.set_xscale("log")
    ax.set_yscale("log")
    dress(ax)
    ax.xaxis.set_major_formatter("{x:g}")
    if quantity == ACCURACY:
        errors = [line.get_ydata().min() for line in ax.get_lines()]
        errors += [1 - float(t.split()[1]) for t in targets if t.startswith("accuracy")]
        shares = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
        ax.set_yticks([1 - s for s in shares] + [CERTAIN], [f"{s:g}" for s in shares] + ["1"])
        ax.minorticks_off()
        # after the ticks, which widen the axis to hold them all
        ax.set_ylim(1, max(0.6 * min(errors, default=CERTAIN), CERTAIN * 0.8))
    if label:
        ax.set_ylabel(
            "loss, level in use, best so far"
            if quantity == LOSS
            else "accuracy, level in use, best so far"
        )
    kind = "loss" if quantity == LOSS else "accuracy"
    for target in dict.fromkeys(targets):
        if target.startswith(kind):
            value = float(target.split()[1])
            y = value if quantity == LOSS else max(1 - value, CERTAIN)
            ax.axhline(y, color="black", linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
            if label:
                ax.annotate(
                    target,
                    (0.01, y),
                    xycoords=("axes fraction", "data"),
                    xytext=(0, 2),
                    textcoords="offset points",
                    fontsize=8,
                )


# ---- work to the target --------------------------------------------------------------------------


def _draw_work(rows: Sequence[Row], path: Path) -> None:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["problem"], row["target"]), []).append(row)
    columns = min(len(groups), 2)
    lines = math.ceil(len(groups) / columns)
    tallest = max(map(len, groups.values()))
    figure = make_figure(5.8 * columns, 0.5 + lines * (0.9 + 0.27 * tallest))
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    for ax, ((problem, target), group) in zip(axes, groups.items(), strict=False):
        _draw_dots(ax, sorted(group, key=_by_work))
        ax.set_title(f"{problem}, {target}", loc="left", fontsize=11)
    for ax in axes[len(groups) :]:
        ax.set_visible(False)
    figure.savefig(path, dpi=150)


def _by_work(row: Row) -> tuple[float, int]:
    median = row["work_units"]["median"]
    return math.inf if median is None else median, row["failures"]


def _draw_dots(ax: Any, rows: Sequence[Row]) -> None:
    best = best_single(rows)
    reached = [r["work_units"]["max"] for r in rows if r["work_units"]["max"] is not None]
    edge = 1.6 * max(reached, default=1.0)
    for y, row in enumerate(rows):
        name, work = row["method"], row["work_units"]
        colour = BEST_SINGLE if name == best else COLOURS.get(name, GREY)
        strong = name in (RECOMMENDED, best)
        if work["min"] is not None:
            ax.plot(
                [work["min"], work["max"]],
                [y, y],
                color=colour,
                linewidth=2.5 if strong else 1.5,
                alpha=0.5,
                solid_capstyle="round",
            )
        at = work["median"] if work["median"] is not None else edge
        ax.plot(
            at,
            y,
            marker="o" if work["median"] is not None else "x",
            markersize=9 if name == RECOMMENDED else 6,
            color=colour,
        )
        n = len(work["per_seed"])
        text = "" if work["median"] is None else f"{work['median']:.3g}"
        if row["failures"]:
            text += f"{'  ' if text else ''}missed {row['failures']} of {n}"
        right = max(at, work["max"] or 0)
        ax.annotate(
            text,
            (right, y),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            fontweight="bold" if strong else "normal",
            color="#333333",
        )
    ax.set_yticks(range(len(rows)), [row["method"] for row in rows])
    for tick, row in zip(ax.get_yticklabels(), rows, strict=True):
        if row["method"] == RECOMMENDED:
            tick.set_fontweight("bold")
            tick.set_color(COLOURS[RECOMMENDED])
        elif row["method"] == best:
            tick.set_color(BEST_SINGLE)
    ax.invert_yaxis()
    ax.set_xscale("log")
    lowest = min([r["work_units"]["min"] for r in rows if r["work_units"]["min"]], default=0.1)
    ax.set_xlim(lowest / 1.5, edge * (edge / lowest) ** 0.35)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("work units to the target (median, minimum to maximum)", fontsize=9)
    dress(ax, grid="x")

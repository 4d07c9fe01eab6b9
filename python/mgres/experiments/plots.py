"""Plots of experiments: loss and accuracy over V-cycles, or a table in colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import plot
from ..training import History, Record
from .rows import Row

SKIPPED = 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
MOST_BANDS = 5
"""More bands than this hide each other."""

LONG = 20
"""More cycles than this have an axis that is logarithmic from 10 on."""


def make_figure(width: float, height: float) -> Any:
    """Return a figure of `width` x `height` inches for a file.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(name: str, result: dict[str, Any], path: Path) -> None:
    """Draw an experiment's result and save it as PNG.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    if name == "sensitivity":
        figure = make_figure(8.0, 5.0)
        axes = figure.subplots()
        has_bands = False
        _sensitivity(axes, result["summary"]["cells"])
        figure.colorbar(axes.images[0], ax=axes, label="work units, one level over eight")
    else:
        figure = make_figure(8.0, 6.0)
        axes, below = figure.subplots(2, 1, sharex=True)
        rows = [row for row in result["rows"] if "curves" in row]
        _convergence(axes, below, name, rows)
        has_bands = len(rows) <= MOST_BANDS
    settings = result["settings"]
    n = len(settings["seeds"])
    seeds = "1 seed" if n == 1 else f"median of {n} seeds"
    if n > 1 and has_bands:
        seeds += ", band from minimum to maximum"
    axes.set_title(f"{name}: {settings['problem']}, {seeds}", loc="left")
    figure.savefig(path, dpi=150)


def _convergence(axes: Any, below: Any, name: str, rows: list[Row]) -> None:
    """Draw the loss above the accuracy."""
    runs = {_label(name, row): [_history(curve) for curve in row["curves"]] for row in rows}
    spread = "range" if len(rows) <= MOST_BANDS else "none"
    plot.convergence(runs, x="cycles", y="loss", spread=spread, ax=axes)
    plot.convergence(runs, x="cycles", y="accuracy", spread=spread, ax=below)
    axes.set(xlabel="", ylabel="loss and regulariser", yscale="linear")
    below.set(xlabel="V-cycles", ylim=(0, 1.02))
    if below.dataLim.x1 > LONG:
        below.set_xscale("symlog", linthresh=10)
    below.xaxis.set_major_formatter("{x:,.0f}")
    below.set_xlim(left=0)
    axes.get_legend().remove()
    below.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, frameon=False)


def _history(curve: dict[str, list[Any]]) -> History:
    points = zip(curve["loss"], curve["accuracy"], strict=True)
    return History([Record(i, 0, loss, acc, 0.0, 0.0) for i, (loss, acc) in enumerate(points)])


def _label(name: str, row: Row) -> str:
    if name == "figure5":
        return f"{row['depth']:,} blocks"
    if name == "table2":
        return str(row["setup"])
    return "1 level" if row["levels"] == 1 else f"{row['levels']} levels"


def _sensitivity(axes: Any, cells: list[dict[str, Any]]) -> None:
    rates = sorted({cell["learning_rate"] for cell in cells})
    betas = sorted({cell["beta"] for cell in cells})
    ratio = {(c["learning_rate"], c["beta"]): c["median"] for c in cells}
    grid = [[ratio[rate, beta] or float("nan") for rate in rates] for beta in betas]
    image = axes.imshow(grid, cmap="viridis", aspect="auto")
    for i, beta in enumerate(betas):
        for j, rate in enumerate(rates):
            value = ratio[rate, beta]
            text = "missed" if value is None else f"{value:.2f}"
            dark = value is not None and image.norm(value) < 0.6
            colour = "white" if dark else "black"
            axes.text(j, i, text, ha="center", va="center", color=colour, fontweight="bold")
    axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
    axes.set_yticks(range(len(betas)), [f"{beta:g}" for beta in betas])
    axes.set_xlabel("learning rate α")
    axes.set_ylabel("regularisation β")

"""Plots of experiments in the paper's form: loss solid, accuracy dashed, over V-cycles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .rows import Row

SKIPPED = 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'


def save(name: str, result: dict[str, Any], path: Path) -> None:
    """Draw an experiment's result and save it as PNG.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if name == "sensitivity":
        _sensitivity(axes, result["summary"]["cells"])
        figure.colorbar(axes.images[0], ax=axes, label="work units, one level over eight")
    else:
        _convergence(axes, name, [row for row in result["rows"] if "curves" in row])
    settings = result["settings"]
    n = len(settings["seeds"])
    seeds = "1 seed" if n == 1 else f"{n} seeds"
    axes.set_title(f"{name}: {settings['problem']}, {seeds}", loc="left")
    figure.savefig(path, dpi=150)


def _convergence(axes: Any, name: str, rows: list[Row]) -> None:
    """Draw the first seed strongly, the others faintly."""
    import matplotlib

    colours = matplotlib.colormaps["viridis"]
    right = axes.twinx()
    for i, row in enumerate(rows):
        colour = colours(0.9 * i / max(len(rows) - 1, 1))
        for j, curve in enumerate(row["curves"]):
            strong = (
                {"alpha": 1.0, "linewidth": 1.8} if j == 0 else {"alpha": 0.25, "linewidth": 0.8}
            )
            cycles = range(len(curve["loss"]))
            label = _label(name, row) if j == 0 else None
            axes.plot(cycles, curve["loss"], color=colour, label=label, **strong)
            points = [
                (c, a) for c, a in zip(cycles, curve["accuracy"], strict=True) if a is not None
            ]
            right.plot(*zip(*points, strict=True), color=colour, linestyle="--", **strong)
    axes.set_xlabel("V-cycles")
    axes.set_ylabel("loss and regulariser (solid)")
    right.set_ylabel("validation accuracy (dashed)")
    axes.set_xscale("symlog", linthresh=10)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlim(left=0)
    right.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)


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

"""The plots of a run."""

from __future__ import annotations

from pathlib import Path

from ..training import FitResult
from .data import Data
from .problem import Training

SKIPPED = 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'


def draw(folder: Path, training: Training, result: FitResult, data: Data) -> tuple[str, ...] | None:
    """Draw loss and accuracy over work; return the names of the files, None without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return None
    figure = Figure(figsize=(8.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    history = result.history
    axes.plot(history.column("work_units"), history.column("loss"))
    axes.set_xlabel("work units")
    axes.set_ylabel("loss and regulariser")
    if min(history.column("loss")) > 0:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    figure.savefig(folder / "convergence.png", dpi=150)
    return ("convergence.png",)

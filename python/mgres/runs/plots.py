"""The plots of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .. import plot
from ..training import FitResult
from .data import Data
from .problem import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SKIPPED = 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'

CONVERGENCE, LAYERS, REGIONS = "convergence.png", "layers.png", "regions.png"
PLOTS = (CONVERGENCE, LAYERS, REGIONS)


def draw(folder: Path, training: Training, result: FitResult, data: Data) -> tuple[str, ...] | None:
    """Write the plots that suit a run; return their names, None without matplotlib.

    =================  ===========================================================================
    file               what it shows
    =================  ===========================================================================
    convergence.png    loss, and accuracy of classes, over work units
    layers.png         how far every layer moved from its start
    regions.png        with two features: which class is predicted where, in scaled features
    =================  ===========================================================================
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    net = training.f.net

    def convergence(figure: Figure) -> None:
        known = [a for a in result.history.column("accuracy") if a is not None]
        axes = figure.subplots(2 if known else 1, sharex=True, squeeze=False)
        plot.convergence(result, ax=axes[0, 0])
        if known:
            axes[0, 0].set_xlabel("")
            plot.convergence(result, y="accuracy", ax=axes[1, 0])

    def layers(figure: Figure) -> None:
        plot.moved(net, training.theta, result.theta, ax=figure.subplots())

    def regions(figure: Figure) -> None:
        X = data.scaling.inputs(data.X, net.dtype)
        axes = plot.decision_regions(net, result.theta, X, data.y, ax=figure.subplots())
        axes.set_xlabel(data.scaling.features[0])
        axes.set_ylabel(data.scaling.features[1])

    drawings: dict[str, Callable[[Figure], None]] = {CONVERGENCE: convergence, LAYERS: layers}
    if data.scaling.classes and len(data.scaling.features) == 2:
        drawings[REGIONS] = regions
    for name, drawing in drawings.items():
        # a figure of its own, without pyplot: nothing to close, and no window
        figure = Figure(figsize=(7.0, 5.0), layout="constrained")
        drawing(figure)
        figure.savefig(folder / name, dpi=150)
    return tuple(drawings)

"""How training converges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import style
from .runs import Runs, make_band, make_curve, named_histories

if TYPE_CHECKING:
    from matplotlib.axes import Axes

X_LABELS = {
    "work_units": "work units",
    "cycles": "cycles",
    "seconds": "seconds",
    "epochs": "epochs",
}
Y_LABELS = {"loss": "loss", "accuracy": "validation accuracy"}


def convergence(
    runs: Runs,
    *,
    x: str = "work_units",
    y: str = "loss",
    best: bool = False,
    spread: str = "range",
    ax: Axes | None = None,
) -> Axes:
    """Draw loss or accuracy as training goes on, one line for each run.

    What a cycle has reached holds until the next cycle has ended, so lines go in steps.  Of several
    seeds the median is drawn, with a band; a seed that has ended keeps its last value.

    All values are of the finest network.  While nested iteration (:class:`mgres.Cascade`) works on
    coarse levels, its loss is known only where it was asked for (``finest`` of a record), and its
    accuracy not at all.  On all samples the line is the smallest loss so far, and ends at that of
    the result; on mini-batches the losses are drawn as recorded.

    Parameters
    ----------
    runs : FitResult, History, list of them, or mapping from labels to any of these
        A list holds the seeds of one run.
    x : "work_units", "cycles", "seconds" or "epochs"
        Work units are gradients of the finest network; seconds are without validation.
    y : "loss" or "accuracy"
        The loss includes the regulariser.  It gets a logarithmic axis if it is positive.
    best : bool
        Draw the best value so far: for accuracies, and for mini-batches, whose losses jump.
    spread : "range", "quartiles" or "none"
        What the band over seeds covers: all of them, or the middle half.
    ax : Axes, optional
        Where to draw; lines that are there count, so that colours go on.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError, ValueError
        If an argument is not as described, or no accuracy was recorded.

    Examples
    --------
    >>> import mgres
    >>> X, y, X_val, y_val = mgres.datasets.circles(seed=0, n_train=100)
    >>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=32)
    >>> f = mgres.ResNetObjective(net, X, y)
    >>> runs = {
    ...     f"{L} levels": [mgres.fit(f, levels=L, max_cycles=5, seed=s) for s in range(3)]
    ...     for L in (2, 4)
    ... }
    >>> ax = mgres.plot.convergence(runs)
    >>> [line.get_label() for line in ax.get_lines()]
    ['2 levels', '4 levels']
    """
    bands = {
        label: make_band([make_curve(history, x, y, best) for history in seeds], spread)
        for label, seeds in named_histories(runs).items()
    }
    ax = style.one(ax)
    for label, band in bands.items():
        i = len(ax.get_lines())
        ax.plot(
            band.x,
            band.middle,
            drawstyle="steps-post",
            color=style.colour(i),
            linestyle=style.dash(i),
            linewidth=1.8,
            marker="o",
            markersize=4,
            markevery=[-1],
            label=label or None,
        )
        if np.any(band.low < band.high):
            ax.fill_between(
                band.x,
                band.low,
                band.high,
                step="post",
                color=style.colour(i),
                alpha=0.2,
                linewidth=0,
            )
    if y == "loss" and all(np.min(band.low) > 0 for band in bands.values()):
        ax.set_yscale("log")
    ax.set_xlabel(X_LABELS[x])
    ax.set_ylabel(Y_LABELS[y] + (", best so far" if best else ""))
    style.dress(ax)
    if any(bands):
        ax.legend(frameon=False)
    return ax

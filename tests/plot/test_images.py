"""Pictures against stored ones.

Without text and legends, whose shapes depend on the version of the font library, at 50 dpi.  The
root mean square of the difference, of colours from 0 to 255, may be `TOLERANCE`: other versions of
matplotlib may place lines by fractions of a pixel differently (3.8 and 3.11 are 0.3 away from each
other at most).  `test_a_change_is_noticed` has examples of what is more than that.

After a change that is meant, ``MGRES_UPDATE_BASELINE=1 pytest tests/plot/test_images.py`` stores
the pictures anew; look at them before you commit them.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import mgres
from mgres import plot

from .histories import history, result

pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 2.0
SIZE, DPI = (4.0, 3.0), 50


def new_axes(n=1):
    """Return axes whose place does not depend on the text around them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, n)
    figure.subplots_adjust(0.1, 0.1, 0.95, 0.95)
    return axes


def pixels(ax):
    """Return a picture without text and legend, shape (height, width, 3), from 0 to 255."""
    from matplotlib.legend import Legend
    from matplotlib.text import Text

    for artist in [*ax.figure.findobj(Text), *ax.figure.findobj(Legend)]:
        artist.set_visible(False)
    ax.figure.canvas.draw()
    return np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(float)


def difference(a, b):
    assert a.shape == b.shape
    return float(np.sqrt(np.mean((a - b) ** 2)))


def seeds(rate):
    """Return three runs whose loss falls by a rate that differs a little."""
    return [result([2.0 * (rate + 0.02 * s) ** i + 0.1 for i in range(20)]) for s in range(3)]


def draw_convergence(ax):
    return plot.convergence({"slow": seeds(0.9), "fast": seeds(0.7)}, ax=ax)


def draw_hierarchy(ax):
    X, y, *_ = mgres.datasets.circles(0, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=256), X, y)
    return plot.hierarchy(mgres.recommended(f).hierarchy, ax)


def draw_v_cycle(ax):
    return plot.cycle("[(1), 1, 2, {2}]", ax)


def draw_w_cycle(ax):
    return plot.cycle(mgres.WCycle(mgres.Schedule.paper(4)), ax)


def draw_additive_cycle(ax):
    return plot.cycle(mgres.AdditiveCycle(mgres.Schedule.paper(4)), ax)


def draw_full_multigrid(ax):
    return plot.cycle(mgres.FullMultigrid(), ax)


def smooth(depth):
    """Return a network of two components that turns points around, and its parameters."""
    net = mgres.ResNet(2, 2, 2, depth, activation="tanh", dtype=np.float64)
    theta = np.zeros(net.size)
    p = net.views(theta)
    t = (np.arange(depth) + 0.5) / depth
    p.Q[:] = np.eye(2)
    p.W[:, 0, 1], p.W[:, 1, 0] = 2 - t, t - 1
    p.b[:, 0] = 0.3 * np.sin(6 * t)
    p.W_out[1, 0] = 3.0
    return net, theta


def samples():
    grid = np.linspace(-1, 1, 7)
    X = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    return X, (X[:, 0] + X[:, 1] > 0.3).astype(int)


def draw_weights(ax):
    return plot.weights({"32": smooth(32), "8": smooth(8)}, ax=ax)


def draw_moved(ax):
    net, theta = smooth(32)
    start = theta + 0.5
    return plot.moved(net, start, {"a": theta, "b": 1.5 * start}, ax)


def draw_decision_regions(ax):
    return plot.decision_regions(*smooth(16), *samples(), ax=ax)


def draw_flow(ax):
    return plot.flow(*smooth(16), *samples(), ax=ax)


DRAWN = {
    name.removeprefix("draw_"): function
    for name, function in globals().items()
    if name.startswith("draw_")
}


@pytest.mark.parametrize("name", DRAWN)
def test_picture_is_the_stored_one(name, tmp_path):
    from matplotlib.image import imread, imsave

    found = pixels(DRAWN[name](new_axes()))
    path = BASELINE / f"{name}.png"
    if os.environ.get("MGRES_UPDATE_BASELINE"):
        imsave(path, found.astype(np.uint8), pil_kwargs={"optimize": True})
    stored = 255.0 * imread(path)[..., :3]
    away = difference(found, stored)
    if away > TOLERANCE:
        imsave(tmp_path / path.name, found.astype(np.uint8))
        pytest.fail(f"{path.name}: {away:.1f} away from the stored picture; see {tmp_path}")


def change_colour(monkeypatch):
    monkeypatch.setattr(plot.style, "PALETTE", plot.style.PALETTE[::-1])
    return "convergence"


def change_regions(monkeypatch):
    monkeypatch.setattr(plot.style, "PALETTE", plot.style.PALETTE[2:])
    return "decision_regions"


def leave_out_a_visit(monkeypatch):
    monkeypatch.setitem(globals(), "draw_v_cycle", lambda ax: plot.cycle("[(1), 1, {2}]", ax))
    return "v_cycle"


def forget_the_band(monkeypatch):
    monkeypatch.setitem(
        globals(),
        "draw_convergence",
        lambda ax: plot.convergence({"slow": seeds(0.9), "fast": seeds(0.7)}, spread="none", ax=ax),
    )
    return "convergence"


@pytest.mark.parametrize(
    "change", [change_colour, change_regions, leave_out_a_visit, forget_the_band]
)
def test_a_change_is_noticed(change, monkeypatch):
    from matplotlib.image import imread

    name = change(monkeypatch)
    found = pixels(globals()[f"draw_{name}"](new_axes()))
    assert difference(found, 255.0 * imread(BASELINE / f"{name}.png")[..., :3]) > 1.5 * TOLERANCE


def test_a_line_of_another_run_is_noticed():
    other = plot.convergence({"slow": seeds(0.88), "fast": seeds(0.7)}, ax=new_axes())
    assert difference(pixels(other), pixels(draw_convergence(new_axes()))) > 1.5 * TOLERANCE


def test_equal_pictures_do_not_differ():
    one = pixels(plot.convergence(history([3.0, 1.0]), ax=new_axes()))
    assert difference(one, one) == 0

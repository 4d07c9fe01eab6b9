"""How samples flow through the layers."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..resnet import ResNet
from . import style
from .plane import Plane, make_plane
from .regions import Limits, check_samples, frame, layer_title, limits_of, scatter, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array: TypeAlias = NDArray[Any]

MOST_SEGMENTS = 64
"""A line through more layers than this skips some: it would not look different."""

RESOLUTION = 200


def flow(
    net: ResNet,
    theta: Array,
    X: ArrayLike,
    y: ArrayLike,
    *,
    layers: Iterable[int] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Axes:
    """Draw the way of samples through the network, over the regions of the classifier.

    States of more than two components are projected on the plane in which the classifier tells the
    classes apart.  Regions are drawn for two or three classes, for which the plane shows all that
    the classifier sees, and for states of two components.

    Parameters
    ----------
    net : ResNet
        Of width 2 or more.
    theta : ndarray, shape (size,)
        Its parameters.
    X : array_like, shape (n, n_inputs)
        Samples.
    y : array_like of int, shape (n,)
        Their classes, from 0.
    layers : iterable of int, optional
        A panel with the states after each of these numbers of layers, 0 being before the first, all
        on the same scale.  By default one picture in which every sample leaves a line, from a small
        dot before the first layer to a large one after the last.
    ax : Axes or sequence of Axes, optional
        Where to draw; with `layers` as many as these.

    Returns
    -------
    Axes
        The first one.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import mgres
    >>> X, y, *_ = mgres.datasets.circles(seed=0, n_train=100)
    >>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=32)
    >>> ax = mgres.plot.flow(net, net.init(0), X, y, layers=[0, 16, 32])
    >>> [panel.get_title() for panel in ax.figure.axes][-1]
    'after layer 32 of 32'
    """
    theta, X, y = check_samples(net, theta, X, y)
    if layers is not None:
        chosen = [operator.index(k) for k in layers]
        if not chosen:
            raise ValueError("layers: expected at least one, got none")
        plane, points, limits = _ways(net, theta, X, chosen)
        width = 2.6 * len(chosen)
        axes = style.several(_listed(ax), len(chosen), width, 2.8, same_scale=True)
        for panel, k, at in zip(axes, chosen, points, strict=True):
            _background(panel, net, theta, plane, limits)
            scatter(panel, at, y)
            frame(panel, limits)
            panel.set_title(layer_title(net, k), fontsize=style.SMALL + 1)
        return axes[0]

    _, *between = some_layers(net.depth, MOST_SEGMENTS)
    plane, points, limits = _ways(net, theta, X, [0, *between])
    (only,) = style.several(_listed(ax), 1, 4.4, 3.8)
    _background(only, net, theta, plane, limits)
    _lines(only, points, y)
    scatter(only, points[0], y, size=5)
    scatter(only, points[-1], y)
    frame(only, limits)
    return only


def animate_flow(
    net: ResNet,
    theta: Array,
    X: ArrayLike,
    y: ArrayLike,
    path: str | Path,
    *,
    frames: int = 60,
    fps: int = 20,
    dpi: int = 100,
) -> Path:
    """Write the way of samples through the network as an animation.

    The picture is that of :func:`flow`; it stays for a second at the end.

    Parameters
    ----------
    net, theta, X, y
        As for :func:`flow`.
    path : str or Path
        File to write: ``.gif``, or ``.mp4`` if ffmpeg is installed.
    frames : int
        Pictures from the first layer to the last, at least 2; not more than there are layers.
    fps : int
        Pictures in a second.
    dpi : int
        Pixels to an inch; the picture is 4.4 by 3.8 inches.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    RuntimeError
        If ffmpeg is needed and missing.
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import mgres
    >>> X, y, *_ = mgres.datasets.circles(seed=0, n_train=100)
    >>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=32)
    >>> mgres.plot.animate_flow(net, net.init(0), X, y, "flow.gif")  # doctest: +SKIP
    PosixPath('flow.gif')
    """
    theta, X, y = check_samples(net, theta, X, y)
    for name, value, least in (("frames", frames, 2), ("fps", fps, 1), ("dpi", dpi, 1)):
        if operator.index(value) < least:
            raise ValueError(f"{name}: expected at least {least}, got {value}")
    path = Path(path)
    writer = _writer(path, fps)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layers = some_layers(net.depth, frames - 1)
    plane, points, limits = _ways(net, theta, X, layers)
    figure = Figure(figsize=(4.4, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    _background(ax, net, theta, plane, limits)
    dots = scatter(ax, points[0], y)
    frame(ax, limits)
    title = ax.set_title(layer_title(net, layers[-1]))  # the longest, for the layout
    figure.canvas.draw()
    figure.set_layout_engine("none")  # the same for all pictures, and they are done sooner
    with writer.saving(figure, str(path), dpi):
        for k, at in zip(layers, points, strict=True):
            dots.set_offsets(at)
            title.set_text(layer_title(net, k))
            writer.grab_frame()
        for _ in range(fps):
            writer.grab_frame()
    return path


def some_layers(depth: int, segments: int) -> list[int]:
    """Return numbers of layers from 0 to `depth`, about evenly spaced, at most `segments` + 1."""
    n = min(segments, depth)
    return [round(i * depth / n) for i in range(n + 1)]


def _listed(ax: Any) -> Sequence[Axes] | None:
    if ax is None or isinstance(ax, (Sequence, np.ndarray)):
        return None if ax is None else list(np.ravel(np.asarray(ax, dtype=object)))
    return [ax]


def _ways(
    net: ResNet, theta: Array, X: Array, layers: Sequence[int]
) -> tuple[Plane, Array, Limits]:
    """Return the plane, the states in it, shape (layers, n, 2), and a frame for all of them."""
    style.require()
    states = net.states(theta, X, [*layers, net.depth])
    plane = make_plane(net, theta, states[-1])
    points = plane.project(states[:-1].astype(np.float64))
    return plane, points, limits_of(points.reshape(-1, 2))


def _background(ax: Axes, net: ResNet, theta: Array, plane: Plane, limits: Limits) -> None:
    if not plane.exact:
        return
    views = net.views(theta)
    W_out, b_out = views.W_out.astype(np.float64), views.b_out.astype(np.float64)
    shade(ax, lambda points: plane.lift(points) @ W_out.T + b_out, limits, RESOLUTION)


def _lines(ax: Axes, points: Array, y: Array) -> None:
    from matplotlib.collections import LineCollection

    strength = min(0.6, max(0.15, 90 / len(y)))
    lines = LineCollection(
        list(points.swapaxes(0, 1)),
        colors=[style.colour(c) for c in y],
        linewidths=0.6,
        alpha=strength,
        zorder=2,
    )
    ax.add_collection(lines, autolim=False)


def _writer(path: Path, fps: int) -> Any:
    style.require()
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if path.suffix.lower() == ".gif":
        return PillowWriter(fps=fps)
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"path: expected a name that ends with .gif or .mp4, got {path.name!r}")
    if not FFMpegWriter.isAvailable():
        raise RuntimeError(f"path: {path.name} needs ffmpeg, which is not installed; try .gif")
    return FFMpegWriter(fps=fps)

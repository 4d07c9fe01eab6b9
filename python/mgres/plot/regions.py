"""Which class is predicted where."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..resnet import CompiledNetwork, ResNet
from ..stages import Network
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array: TypeAlias = NDArray[Any]
Limits: TypeAlias = tuple[float, float, float, float]


def decision_regions(
    net: CompiledNetwork,
    theta: Array,
    X: ArrayLike,
    y: ArrayLike,
    *,
    layer: int | None = None,
    resolution: int = 200,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the class that a network of two inputs predicts at every point, and the samples.

    Colours are stronger where the network is more certain; black lines are the boundaries.

    Parameters
    ----------
    net : ResNet or Network
        With two inputs and at least two outputs.
    theta : ndarray, shape (size,)
        Its parameters.
    X : array_like, shape (n, 2)
        Samples.
    y : array_like of int, shape (n,)
        Their classes, from 0.
    layer : int, optional
        Cut the network off after this many layers and classify the state that it has reached there,
        :math:`W_{out} y_k + b_{out}`; by default after all.
    resolution : int
        Points along each side at which the network is evaluated, at least 2.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError, ValueError
        If an argument is not as described.

    Examples
    --------
    >>> import mgres
    >>> X, y, *_ = mgres.datasets.spirals(seed=0)
    >>> net = mgres.ResNet(n_inputs=2, width=4, n_outputs=2, depth=32)
    >>> ax = mgres.plot.decision_regions(net, net.init(0), X, y, layer=16)
    """
    theta, X, y = check_samples(net, theta, X, y, (ResNet, Network))
    if net.n_inputs != 2:
        raise ValueError(f"net: expected a network with 2 inputs, got {net.n_inputs}")
    if net.n_outputs < 2:
        raise ValueError("net: expected a network with 2 outputs or more, got 1")
    if layer is not None and not isinstance(net, ResNet):
        raise TypeError(f"layer: expected none for a {type(net).__name__} of several stacks")
    k = net.depth if layer is None else operator.index(layer)
    if not 0 <= k <= net.depth:
        raise ValueError(f"layer: expected a number from 0 to {net.depth}, got {k}")
    if operator.index(resolution) < 2:
        raise ValueError(f"resolution: expected at least 2, got {resolution}")

    def classify(points: Array) -> Array:
        if layer is None:
            return net.logits(theta, points)
        assert isinstance(net, ResNet)  # it has a layer to cut off at
        views = net.views(theta)
        logits: Array = net.states(theta, points, [k])[0] @ views.W_out.T + views.b_out
        return logits

    ax = style.one(ax, 4.0, 3.6)
    limits = limits_of(X)
    shade(ax, classify, limits, resolution, net.dtype)
    scatter(ax, X, y)
    frame(ax, limits)
    ax.set_aspect("equal")
    if layer is not None:
        ax.set_title(layer_title(net, k))
    return ax


def layer_title(net: CompiledNetwork, k: int) -> str:
    """Return where in the network a picture is."""
    return f"after layer {k:,} of {net.depth:,}" if k else "before the first layer"


def check_samples(
    net: Any, theta: Any, X: Any, y: Any, kinds: tuple[type, ...] = (ResNet,)
) -> tuple[Array, Array, Array]:
    """Return parameters, samples in the network's dtype, and labels.

    Raises
    ------
    TypeError, ValueError
        If they do not fit the network.
    """
    if type(net) not in kinds:
        expected = " or a ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"net: expected a {expected}, got {type(net).__name__}")
    net.check_theta(theta)
    X, y = np.ascontiguousarray(X, net.dtype), np.asarray(y)
    if X.ndim != 2 or X.shape[1] != net.n_inputs or len(X) == 0:
        raise ValueError(f"X: expected shape (n, {net.n_inputs}), got {X.shape}")
    if not np.all(np.isfinite(X)):
        raise ValueError("X: expected finite numbers")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y: expected integers, the classes, got dtype {y.dtype}")
    if y.shape != (len(X),):
        raise ValueError(f"y: expected shape ({len(X)},), got {y.shape}")
    if y.min() < 0:
        raise ValueError(f"y: expected classes from 0, got {y.min()}")
    return theta, X, y


def limits_of(points: Array) -> Limits:
    """Return left, right, bottom and top of a frame around points of a plane."""
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    margin = 0.06 * np.maximum(high - low, 1e-6)
    low, high = low - margin, high + margin
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])


def frame(ax: Axes, limits: Limits) -> None:
    """Show exactly the frame, without ticks."""
    ax.set_xlim(*limits[:2])
    ax.set_ylim(*limits[2:])
    ax.set_xticks([])
    ax.set_yticks([])


def scatter(ax: Axes, points: Array, y: Array, size: float = 14.0) -> Any:
    """Draw samples in the colours of their classes and return the collection."""
    return ax.scatter(
        points[:, 0],
        points[:, 1],
        s=size,
        c=[style.colour(c) for c in y],
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
    )


def shade(
    ax: Axes,
    classify: Callable[[Array], Array],
    limits: Limits,
    resolution: int,
    dtype: Any = np.float64,
) -> None:
    """Colour a rectangle by predicted class, paler where it is less certain.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    classify : callable
        Returns logits, shape (n, classes), of points of the plane, shape (n, 2).
    limits : tuple
        Left, right, bottom and top.
    resolution : int
        Points along each side.
    dtype : dtype
        Of the points.
    """
    from matplotlib.colors import to_rgb

    left, right, bottom, top = limits
    xs, ys = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(dtype)
    logits = classify(points).astype(np.float64)
    n = logits.shape[1]
    winner = logits.argmax(axis=1)
    odds = np.exp(np.maximum(logits - logits.max(axis=1, keepdims=True), -700.0))
    certainty = (1 / odds.sum(axis=1) - 1 / n) / (1 - 1 / n)  # 0: all alike, 1: certain
    colours = np.array([to_rgb(style.colour(c)) for c in range(n)])
    strength = (0.08 + 0.3 * certainty)[:, None]
    image = 1 - strength * (1 - colours[winner])
    ax.imshow(
        image.reshape(resolution, resolution, 3),
        origin="lower",
        extent=limits,
        aspect="auto",
        interpolation="bilinear",
        zorder=0,
    )
    for c in range(1 if n == 2 else 0, n):
        margin = logits[:, c] - np.delete(logits, c, axis=1).max(axis=1)
        if margin.min() < 0 < margin.max():
            ax.contour(
                xs,
                ys,
                margin.reshape(resolution, resolution),
                levels=[0.0],
                colors=style.INK,
                linewidths=1.0,
                zorder=1,
            )

"""Parameters as functions of t, and how far training moved them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..resnet import CompiledNetwork, ResNet
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Parameters: TypeAlias = NDArray[np.floating[Any]]
Trained: TypeAlias = tuple[ResNet, Parameters]

SHOWN = ("entries", "norm")
MOST_ENTRIES = 9
"""With more entries than this, their norm is drawn by default."""


def weights(
    networks: Trained | Mapping[str, Trained],
    *,
    part: str | None = None,
    show: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw the parameters of the layers over t, those of several levels on top of each other.

    A layer k holds on :math:`[k \Delta t, (k + 1) \Delta t)`, so every network is a step function.

    Parameters
    ----------
    networks : (net, theta), or mapping from labels to such pairs
        For example the levels of a hierarchy, finest first.
    part : str, optional
        Which array of the layers, such as "W" or "b"; by default the first, a matrix.
    show : "entries" or "norm", optional
        A line for each entry, in its colour (the networks differ by strength), or one line for each
        network, of the Frobenius norm.  By default entries, if there are at most 9.
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
    >>> import numpy as np
    >>> import mgres
    >>> fine, coarse = mgres.ResNet(2, 2, 2, depth=64), mgres.ResNet(2, 2, 2, depth=8)
    >>> theta = fine.init(0, coarse_depth=8)
    >>> x = np.empty(coarse.size, coarse.dtype)
    >>> mgres.DepthTransfer(fine, coarse).project(theta, x)
    >>> ax = mgres.plot.weights({"64 layers": (fine, theta), "8 layers": (coarse, x)})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['64 layers', '8 layers']
    """
    given = networks if isinstance(networks, Mapping) else {"": networks}
    if not given:
        raise ValueError("networks: expected at least one, got none")
    if show is not None and show not in SHOWN:
        raise ValueError(f"show: expected one of {SHOWN}, got {show!r}")
    layers = {}
    for label, pair in given.items():
        net, theta = _check_pair(label, pair)
        known = (*net.layer_arrays,)
        part = known[0] if part is None else part
        if part not in known:
            raise ValueError(f"part: expected one of {known}, got {part!r}")
        values = getattr(net.views(theta), part)
        layers[label] = net, values.reshape(net.depth, -1).astype(np.float64)
    most = max(values.shape[1] for _, values in layers.values())
    if show is None:
        show = "entries" if most <= MOST_ENTRIES else "norm"

    ax = style.one(ax)
    handles = []
    for i, (net, values) in enumerate(layers.values()):
        if show == "norm":
            values = np.linalg.norm(values, axis=1, keepdims=True)
        look = _look(i, broad=show == "entries")
        edges = net.dt * np.arange(net.depth + 1)
        for j, column in enumerate(values.T):
            k = i if show == "norm" else j
            line = {"color": style.colour(k), "linestyle": style.dash(k), **look}
            (last,) = ax.step(edges, [*column, column[-1]], where="post", **line)
        # all entries of a network have one line in the legend, of no entry's colour
        (handle,) = ax.plot([], [], **look, color=style.INK) if show == "entries" else (last,)
        handles.append(handle)
    ax.set_xlabel("t")
    ax.set_ylabel(f"entries of {part}(t)" if show == "entries" else f"norm of {part}(t)")
    ax.set_xlim(0, max(net.final_time for net, _ in layers.values()))
    style.dress(ax)
    if any(layers):
        ax.legend(handles, [str(label) for label in layers], frameon=False)
    return ax


def _look(i: int, broad: bool) -> dict[str, Any]:
    """Return how network i is drawn: the first as it is, others broad and pale behind it."""
    coarseness = min(i, 3) if broad else 0
    return {
        "linewidth": 1.3 + 1.6 * coarseness,
        "alpha": 1.0 - 0.28 * coarseness,
        "zorder": 3 - 0.5 * coarseness,
    }


def moved(
    net: CompiledNetwork,
    start: Parameters,
    theta: Parameters | Mapping[str, Parameters],
    ax: Axes | None = None,
) -> Axes:
    r"""Draw how far training moved every layer, and the opening and the closing beside them.

    Several stacks follow each other in t.

    The height is the relative change :math:`\|\theta_k - \theta_k^0\| / \|\theta_k^0\|` of the
    parameters of layer k; parts that were zero at the start have none, and what did not move at all
    is not on the logarithmic axis.

    Parameters
    ----------
    net : ResNet or Network
        The network.
    start : ndarray, shape (size,)
        Parameters before training.
    theta : ndarray, shape (size,), or mapping from labels to such arrays
        Parameters after it.
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
    >>> net = mgres.ResNet(2, 3, 2, depth=16)
    >>> start = net.init(0)
    >>> ax = mgres.plot.moved(net, start, 1.1 * start)
    >>> ax.get_lines()[0].get_ydata().round(3)[:3]
    array([0.1, 0.1, 0.1])
    """
    runs = theta if isinstance(theta, Mapping) else {"": theta}
    if not runs:
        raise ValueError("theta: expected at least one array, got none")
    changes = {label: relative_changes(net, start, after) for label, after in runs.items()}
    ax = style.one(ax)
    middles, T = _middles(net)
    for i, (label, (opening, blocks, closing)) in enumerate(changes.items()):
        look: Any = {"color": style.colour(i)}
        ax.plot(middles, blocks, linewidth=1.4, label=str(label) or None, **look)
        ax.plot([-0.08 * T, 1.08 * T], [opening, closing], "D", markersize=6, **look)
    ax.set_xticks([-0.08 * T, 0, T / 2, T, 1.08 * T])
    ax.set_xticklabels(["opening", "0", f"{T / 2:g}", f"{T:g}", "closing"])
    left, *_, right = ax.get_xticklabels()
    left.set_horizontalalignment("right")
    right.set_horizontalalignment("left")
    every = np.concatenate([np.ravel(change) for parts in changes.values() for change in parts])
    if np.any(np.isfinite(every) & (every > 0)):
        ax.set_yscale("log")
    ax.set_xlabel("t")
    ax.set_ylabel("relative change")
    style.dress(ax)
    if any(changes):
        ax.legend(frameon=False)
    return ax


def relative_changes(
    net: CompiledNetwork, start: Parameters, theta: Parameters
) -> tuple[float, NDArray[np.float64], float]:
    """Return the relative changes of opening, layers, shape (depth,), and closing; NaN from zero.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """
    if not isinstance(net, CompiledNetwork):
        raise TypeError(f"net: expected a ResNet or a Network, got {type(net).__name__}")
    net.check_theta(start, "start")
    net.check_theta(theta)

    def change(part: slice, rows: int) -> NDArray[np.float64]:
        old = start[part].astype(np.float64).reshape(rows, -1)
        new = theta[part].astype(np.float64).reshape(rows, -1)
        size = np.linalg.norm(old, axis=1)
        distance = np.linalg.norm(new - old, axis=1)
        relative: NDArray[np.float64] = np.full(rows, np.nan)
        np.divide(distance, size, out=relative, where=size > 0)
        return relative

    opening, closing = change(net.part("opening"), 1), change(net.part("closing"), 1)
    layers = np.concatenate([change(stack.part, stack.depth) for stack in net.stack_parts])
    return float(opening[0]), layers, float(closing[0])


def _middles(net: CompiledNetwork) -> tuple[NDArray[np.float64], float]:
    """Return the middle of each layer in t, stacks one after the other, and where the last ends."""
    end, middles = 0.0, []
    for stack in net.stack_parts:
        middles.append(end + stack.dt * (np.arange(stack.depth) + 0.5))
        end += stack.depth * stack.dt
    return np.concatenate(middles), end


def _check_pair(label: str, pair: Any) -> tuple[ResNet, Parameters]:
    if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], ResNet)):
        where = f"networks[{label!r}]" if label else "networks"
        raise TypeError(f"{where}: expected a pair (net, theta), got {type(pair).__name__}")
    net, theta = pair
    net.check_theta(theta)
    return net, theta

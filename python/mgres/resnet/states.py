"""The states of a network between its layers."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .layout import Array

if TYPE_CHECKING:
    from .network import ResNet


def compute_states(
    net: ResNet, theta: Array, X: Array, layers: Iterable[int] | None = None
) -> Array:
    """Return y_k for the chosen k; see :meth:`ResNet.states`.

    The layers between two chosen ones are a network themselves, whose opening and closing operators
    are the identity; so the compiled core does the work, for every scheme.
    """
    chosen = range(net.depth + 1) if layers is None else _check(layers, net.depth)
    views = net.views(theta)
    if X.ndim != 2 or X.shape[1] != net.n_inputs:
        raise ValueError(f"X: expected shape (n, {net.n_inputs}), got {X.shape}")
    for name, array in (("theta", theta), ("X", X)):
        if array.dtype != net.dtype:
            raise TypeError(f"{name}: expected dtype {net.dtype}, got {array.dtype}")
    blocks = theta[net.part("blocks")].reshape(net.depth, net.layer_size)
    eye = np.eye(net.width, dtype=net.dtype).ravel()
    zero = np.zeros(net.width, net.dtype)

    at, y = 0, np.ascontiguousarray(X @ views.Q.T)
    known = {0: y}
    for k in sorted({*chosen} - {0}):
        part: Any = replace(
            net,
            n_inputs=net.width,
            n_outputs=net.width,
            depth=k - at,
            final_time=net.dt * (k - at),
        )
        y = part.logits(np.concatenate([eye, blocks[at:k].ravel(), eye, zero]), y)
        known[k], at = y, k
    found = np.empty((len(chosen), len(X), net.width), net.dtype)
    for i, k in enumerate(chosen):
        found[i] = known[k]
    return found


def _check(layers: Iterable[int], depth: int) -> list[int]:
    try:
        chosen = [operator.index(k) for k in layers]
    except TypeError:
        raise TypeError(f"layers: expected integers, got {layers!r}") from None
    for k in chosen:
        if not 0 <= k <= depth:
            raise ValueError(f"layers: expected numbers from 0 to {depth}, got {k}")
    return chosen

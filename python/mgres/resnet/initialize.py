"""Random initial parameters.

============  ==================================================================
scheme        entries of W_k
============  ==================================================================
``normal``    N(0, 1)
``glorot``    uniform on [-a, a], a^2 = 6 / (2 w)  (Glorot and Bengio 2010)
``he``        N(0, 2 / w)                          (He et al. 2015)
``constant``  ``normal``, one draw for all layers: constant in t
``coarse``    ``normal``, drawn for :func:`smooth_start_depth` layers and prolonged:
              piecewise constant in t
============  ==================================================================

with w rows and columns of W_k: the width, or half of it for verlet.

Weights drawn independently for every layer are not smooth in t: averaging two layers shrinks them
by sqrt(2), and so on every level.  The last two schemes, or `coarse_depth` with any scheme, start
smooth, as multilevel training should.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..checks import check_integer
from .layout import Views

SCHEMES = ("normal", "glorot", "he", "constant", "coarse")
LEAST_DEPTH = 16
LARGEST_STEP = 0.16
"""Of the coarsest network: with larger steps networks fit their own discretisation error."""


def fill(views: Views, rng: np.random.Generator, scheme: str, drawn: int, scale: float) -> None:
    """Write random parameters into a network's views: `drawn` layers, each several times."""
    views.Q[:] = _glorot(rng, views.Q.shape)
    views.W_out[:] = _glorot(rng, views.W_out.shape)
    depth, _, width = views.W.shape
    W = scale * _layers(rng, scheme, (drawn, width, width))
    views.W[:] = np.repeat(W, depth // drawn, axis=0)


def drawn_depth(
    depth: int, final_time: float, scheme: str, coarse_depth: int | None, scale: float
) -> int:
    """Return how many layers are drawn, once the arguments of :meth:`ResNet.init` are checked."""
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {SCHEMES}, got {scheme!r}")
    if not math.isfinite(scale):
        raise ValueError(f"scale: expected a finite number, got {scale!r}")
    if coarse_depth is None:
        if scheme == "constant":
            return 1
        return smooth_start_depth(depth, final_time) if scheme == "coarse" else depth
    if coarse_depth < 1 or depth % coarse_depth:
        raise ValueError(f"coarse_depth: expected a divisor of {depth} layers, got {coarse_depth}")
    return coarse_depth


def smooth_start_depth(depth: int, final_time: float) -> int:
    """Return how many layers to draw, or to train first, for a network of `depth` layers.

    It is K0, the smallest power of two from 16 with T / K0 <= 0.16, or the next larger divisor of
    `depth`; all of `depth` if there is none.  Parameters drawn for K0 layers and prolonged are
    constant in t on steps of length T / K0, which all networks of a hierarchy with at least K0
    layers, if their depths are multiples of it, see alike.

    The bound on the step is a finding, not a theorem: on problems that need depth, starts with
    longer steps failed on some seeds.

    Parameters
    ----------
    depth : int
        The number of layers K, at least 1.
    final_time : float
        T, positive.

    Raises
    ------
    ValueError
        If an argument is not as described.

    Examples
    --------
    >>> smooth_start_depth(2048, 1.0), smooth_start_depth(2048, 10.0), smooth_start_depth(100, 1.0)
    (16, 64, 20)
    """
    depth = check_integer("depth", depth)
    if not (final_time > 0 and math.isfinite(final_time)):
        raise ValueError(f"final_time: expected a positive number, got {final_time!r}")
    start = LEAST_DEPTH
    while start < depth and final_time / start > LARGEST_STEP:
        start *= 2
    return next((int(k) for k in range(start, depth) if depth % k == 0), int(depth))


def _layers(
    rng: np.random.Generator, scheme: str, shape: tuple[int, int, int]
) -> NDArray[np.float64]:
    if scheme == "glorot":
        return _glorot(rng, shape)
    deviation = math.sqrt(2 / shape[-1]) if scheme == "he" else 1.0
    return deviation * rng.standard_normal(shape)


def _glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    bound = math.sqrt(6 / (shape[-1] + shape[-2]))
    return rng.uniform(-bound, bound, shape)

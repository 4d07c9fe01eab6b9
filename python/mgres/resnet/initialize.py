"""Random initial parameters.

============  ==================================================================
scheme        entries of W_k
============  ==================================================================
``normal``    N(0, 1)
``glorot``    uniform on [-a, a], a^2 = 6 / (2 w)  (Glorot and Bengio 2010)
``he``        N(0, 2 / w)                          (He et al. 2015)
``constant``  ``normal``, one draw for all layers: constant in t
``coarse``    ``normal``, drawn for 16 layers and prolonged: piecewise constant in t
============  ==================================================================

with w rows and columns of W_k: the width, or half of it for verlet.

Weights drawn independently for every layer are not smooth in t: averaging two layers shrinks them
by sqrt(2), and so on every level.  The last two schemes, or `coarse_depth` with any scheme, start
smooth.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .network import ResNet

SCHEMES = ("normal", "glorot", "he", "constant", "coarse")
DEFAULT_COARSE_DEPTH = 16


def initialize(
    net: ResNet,
    seed: int | np.random.Generator,
    scheme: str,
    coarse_depth: int | None,
    scale: float,
) -> NDArray[np.floating[Any]]:
    """Return random parameters; see :meth:`ResNet.init`."""
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {SCHEMES}, got {scheme!r}")
    if not math.isfinite(scale):
        raise ValueError(f"scale: expected a finite number, got {scale!r}")
    drawn = _drawn_depth(net.depth, scheme, coarse_depth)
    rng = np.random.default_rng(seed)
    theta = np.zeros(net.size, net.dtype)
    views = net.views(theta)
    views.Q[:] = _glorot(rng, views.Q.shape)
    views.W_out[:] = _glorot(rng, views.W_out.shape)
    W = scale * _layers(rng, scheme, (drawn, net.layer_width, net.layer_width))
    views.W[:] = np.repeat(W, net.depth // drawn, axis=0)
    return theta


def _drawn_depth(depth: int, scheme: str, coarse_depth: int | None) -> int:
    if coarse_depth is None:
        default = {"constant": 1, "coarse": min(DEFAULT_COARSE_DEPTH, depth)}
        coarse_depth = default.get(scheme, depth)
    if coarse_depth < 1 or depth % coarse_depth:
        raise ValueError(f"coarse_depth: expected a divisor of {depth} layers, got {coarse_depth}")
    return coarse_depth


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

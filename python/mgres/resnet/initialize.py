r"""Random initial parameters.

============  ==================================================================================
scheme        entries of W; of the matrices of other blocks, with :math:`s` inputs
============  ==================================================================================
``normal``    N(0, 1); N(0, 1 / s)
``glorot``    uniform on [-a, a], with a^2 = 6 / (rows + columns)  (Glorot and Bengio 2010)
``he``        N(0, 2 / w); N(0, 2 / s)  (He et al. 2015)
``constant``  ``normal``, one draw for all layers: constant in t
``coarse``    ``normal``, drawn for :func:`smooth_start_depth` layers and prolonged: piecewise
              constant in t
============  ==================================================================================

with w columns of W and s columns of a matrix, but the larger of columns and rows where the matrix
multiplies from both sides (K and L of :class:`mgres.blocks.Gradient` and
:class:`mgres.blocks.Hamiltonian`), so that F is of the size of 1 for any width and any number of
hidden features.  The second matrix of :class:`mgres.blocks.TwoLayer` starts like the first and not
at zero, as some do: a layer counts for :math:`\Delta t` only, and needs no smaller start for many
of them.  Biases and the pace start at 0, the scale of a norm at 1.

A sparse matrix counts row by row: s is the number of entries in the row of an entry, and its column
has, for ``glorot``, as many rows as entries; its ``normal`` is N(0, 1 / s).

A convolution counts like the matrix with a row for each output and a column for each tap, and its
``normal`` is N(0, 1 / s).

Weights drawn independently for every layer are not smooth in t: averaging two layers shrinks them
by sqrt(2), and so on every level.  The last two schemes, or `coarse_depth` with any scheme, start
smooth, as multilevel training should.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..blocks import Block, Sparse
from ..blocks.pattern import Places
from ..checks import check_integer, number_of
from .layout import Array

SCHEMES = ("normal", "glorot", "he", "constant", "coarse")
BOTH_SIDES = ("K", "L")
"""Matrices that multiply on the way in and, transposed, on the way out."""

LEAST_DEPTH = 16
LARGEST_STEP = 0.16
"""Of the coarsest network: with larger steps networks fit their own discretisation error."""


def fill_map(arrays: dict[str, Array], rng: np.random.Generator) -> None:
    """Write random weights into the arrays of a map between stacks, zero so far."""
    for array in arrays.values():
        if array.ndim > 1:
            array[:] = _glorot(rng, (1, *array.shape))[0]


def fill_layers(
    layers: dict[str, Array],
    rng: np.random.Generator,
    scheme: str,
    drawn: int,
    scale: float,
    *,
    block: Block,
    width: int,
) -> None:
    """Write random weights into the arrays of a stack, zero so far: layers drawn several times."""
    for name, array in layers.items():
        if name == "scale":
            array[:] = 1
            continue
        if name == "W" and isinstance(block, Sparse):
            values = _sparse_layers(rng, scheme, drawn, block.pattern.places(width))
        elif array.ndim > 2:  # a matrix or a convolution for each layer
            values = _layers(rng, scheme, name, (drawn, *array.shape[1:]))
        else:
            continue
        array[:] = np.repeat(scale * values, len(array) // drawn, axis=0)


def drawn_depth(
    depth: int, final_time: float, scheme: str, coarse_depth: int | None, scale: float
) -> int:
    """Return how many layers are drawn, once the arguments of :meth:`ResNet.init` are checked."""
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {SCHEMES}, got {scheme!r}")
    if not math.isfinite(number_of(scale)):
        raise ValueError(f"scale: expected a finite number, got {scale!r}")
    if coarse_depth is None:
        if scheme == "constant":
            return 1
        return smooth_start_depth(depth, final_time) if scheme == "coarse" else depth
    drawn = check_integer("coarse_depth", coarse_depth)
    if depth % drawn:
        raise ValueError(f"coarse_depth: expected a divisor of {depth} layers, got {drawn}")
    return drawn


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
    if not 0 < number_of(final_time) < math.inf:
        raise ValueError(f"final_time: expected a positive number, got {final_time!r}")
    start = LEAST_DEPTH
    while start < depth and final_time / start > LARGEST_STEP:
        start *= 2
    return next((int(k) for k in range(start, depth) if depth % k == 0), int(depth))


def _layers(
    rng: np.random.Generator, scheme: str, name: str, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    if scheme == "glorot":
        return _glorot(rng, shape)
    inputs, outputs = _fans(shape)
    if name in BOTH_SIDES:
        inputs = max(inputs, outputs)
    plain = name == "W" and len(shape) == 3
    variance = 2 / inputs if scheme == "he" else 1.0 if plain else 1 / inputs
    return math.sqrt(variance) * rng.standard_normal(shape)


def _sparse_layers(
    rng: np.random.Generator, scheme: str, drawn: int, places: Places
) -> NDArray[np.float64]:
    inputs, outputs = (np.bincount(lines)[lines] for lines in places)
    if scheme == "glorot":
        bound = np.sqrt(6 / (inputs + outputs))
        return bound * rng.uniform(-1, 1, (drawn, len(bound)))
    deviation: NDArray[np.float64] = np.sqrt((2 if scheme == "he" else 1) / inputs)
    return deviation * rng.standard_normal((drawn, len(deviation)))


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many numbers enter into one output, and one input into how many of them.

    Of a matrix (..., rows, columns), or a convolution (layers, outputs, inputs, rows, columns).
    """
    if len(shape) < 5:
        return shape[-1], shape[-2]
    taps = shape[-2] * shape[-1]
    return shape[2] * taps, shape[1] * taps


def _glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    bound = math.sqrt(6 / sum(_fans(shape)))
    return rng.uniform(-bound, bound, shape)

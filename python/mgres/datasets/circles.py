"""The two-circles classification problem: a disc inside a ring.

Source: equation (11) in section 4 of Gaedke-Merzhäuser, Kopaničáková, Krause, "Multilevel
Minimization for Deep Residual Networks", arXiv:2004.06196.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ..checks import check_integer

Split: TypeAlias = tuple[
    npt.NDArray[np.floating[Any]],
    npt.NDArray[np.int64],
    npt.NDArray[np.floating[Any]],
    npt.NDArray[np.int64],
]
"""What every data set returns: ``(X_train, y_train, X_val, y_val)``."""

Seed: TypeAlias = (
    int | Sequence[int] | np.random.SeedSequence | np.random.BitGenerator | np.random.Generator
)
"""What `numpy.random.default_rng` makes a reproducible generator from."""

# Rounding a coordinate below 4 to float32 moves it by at most 2**-23, so a point moves by at most
# 1.7e-7; a norm evaluated in float32 adds about as much again. Radii stay this far (9.5e-7) inside.
_MARGIN = 2.0**-20


def circles(
    seed: Seed,
    n_train: int = 2000,
    n_val: int = 1000,
    dtype: npt.DTypeLike = np.float32,
    variant: Literal["gap", "literal"] = "gap",
) -> Split:
    """Sample points of a disc (class 0) and of the ring around it (class 1).

    Parameters
    ----------
    seed : int or anything `numpy.random.default_rng` takes
        Equal seeds give equal bits. A `numpy.random.Generator` is used as it is, and so advanced.
    n_train, n_val : int, default 2000 and 1000
        Number of training and of validation points, each at least 1.
    dtype : dtype_like, default float32
        float32 or float64, of the points. The float32 set is the float64 set, rounded once.
    variant : {"gap", "literal"}, default "gap"
        ``"gap"``: either class with probability 1/2; class 0 is uniform by area on ``||x|| < 1``,
        class 1 on ``2 <= ||x|| < 3``. A margin of width 1 separates the classes.

        ``"literal"``: equation (11) to the letter. ``x`` is uniform on the square ``[-3, 3]^2``
        and of class 1 where ``2 <= ||x|| < 3``, of class 0 elsewhere, corners included. The
        classes touch along both circles, which makes this variant hard to train.

    Returns
    -------
    X_train : ndarray, shape (n_train, 2)
        C-contiguous training points of the asked dtype; coordinates have no unit.
    y_train : ndarray of int64, shape (n_train,)
        Training labels, 0 or 1.
    X_val, y_val : ndarray
        The same for validation, shapes (n_val, 2) and (n_val,).

    Raises
    ------
    TypeError
        If `dtype` is not a dtype, or `numpy.random.default_rng` does not take `seed`.
    ValueError
        If `n_train` or `n_val` is not an integer of 1 or more, if `dtype` is a dtype other than
        float32 and float64, if `variant` is unknown, or if `seed` is negative.

    Notes
    -----
    Every point takes a fixed number of draws from one stream, training first. Hence the training
    points do not depend on `n_val`, a larger training set begins with the smaller one, and no
    draw is used in both sets.

    In the variant ``"gap"`` radii are kept 1e-6 inside the edges of their region, so that no
    rounding to float32 can carry a point out of it. In the variant ``"literal"`` labels are those
    of the float64 points.

    References
    ----------
    L. Gaedke-Merzhäuser, A. Kopaničáková, R. Krause, "Multilevel Minimization for Deep Residual
    Networks", arXiv:2004.06196, section 4, equation (11).

    Examples
    --------
    >>> X_train, y_train, X_val, y_val = circles(seed=0)
    >>> X_train.shape, y_val.shape
    ((2000, 2), (1000,))
    """
    n_train = check_integer("n_train", n_train)
    n_val = check_integer("n_val", n_val)
    dtype = check_float_dtype(dtype)
    if variant == "gap":
        draws, place = 3, _gap
    elif variant == "literal":
        draws, place = 2, _literal
    else:
        raise ValueError(f"variant: expected 'gap' or 'literal', got {variant!r}")

    rng = np.random.default_rng(seed)
    X_train, y_train = place(rng.random((n_train, draws)))
    X_val, y_val = place(rng.random((n_val, draws)))
    return X_train.astype(dtype, order="C"), y_train, X_val.astype(dtype, order="C"), y_val


def check_float_dtype(dtype: npt.DTypeLike) -> np.dtype[np.floating[Any]]:
    """Return float32 or float64 from any spelling of it.

    Raises
    ------
    TypeError
        If `dtype` is no dtype. None is none either, though NumPy would read it as float64.
    ValueError
        If it is some other dtype; a foreign byte order counts as another dtype.
    """
    try:
        if dtype is None:
            raise TypeError("None names no dtype")
        asked = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError) as error:
        raise TypeError(f"dtype: expected float32 or float64, got {dtype!r}") from error
    if asked == np.dtype(np.float32):
        return np.dtype(np.float32)
    if asked == np.dtype(np.float64):
        return np.dtype(np.float64)
    raise ValueError(f"dtype: expected float32 or float64, got {asked!r}")


def _gap(
    uniform: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Map rows of three uniform draws on [0, 1) to points and labels, class regions apart."""
    chance, share, turn = uniform.T
    ring = chance >= 0.5
    # the share of the region's area that lies within the radius is uniform, hence the roots
    radius = np.sqrt(np.where(ring, 4.0 + 5.0 * share, share))
    radius = np.clip(radius, np.where(ring, 2.0 + _MARGIN, 0.0), np.where(ring, 3.0, 1.0) - _MARGIN)
    angle = 2.0 * np.pi * turn
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points, ring.astype(np.int64)


def _literal(
    uniform: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Map rows of two uniform draws on [0, 1) to points of the square and their labels."""
    points = 6.0 * uniform - 3.0
    norm = np.hypot(points[:, 0], points[:, 1])
    return points, ((norm >= 2.0) & (norm < 3.0)).astype(np.int64)

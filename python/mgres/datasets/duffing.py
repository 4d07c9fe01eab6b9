"""The flow map of a forced Duffing oscillator: a regression problem from dynamics."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..checks import check_integer, number_of
from .circles import Seed, check_float_dtype

VectorSplit: TypeAlias = tuple[
    npt.NDArray[np.floating[Any]],
    npt.NDArray[np.floating[Any]],
    npt.NDArray[np.floating[Any]],
    npt.NDArray[np.floating[Any]],
]
"""``(X_train, Y_train, X_val, Y_val)`` of a regression problem: targets are vectors."""

_STEPS = 4000  # doubling them moves no end point by more than 1e-5


def duffing(
    seed: Seed,
    n_train: int = 400,
    n_val: int = 400,
    dtype: npt.DTypeLike = np.float32,
    final_time: float = 4.0,
) -> VectorSplit:
    r"""Sample the map that takes the state of an oscillator at time 0 to its state at a later time.

    .. math::

        \dot x = p, \quad \dot p = -0.1 p + x - x^3 + 0.4 \cos 1.2 t

    Starts :math:`(x, p)` are uniform on :math:`[-1.2, 1.2)^2`. The double well folds and shears
    this square, so that a network for the map needs a long flow itself.

    Parameters
    ----------
    seed : int or anything `numpy.random.default_rng` takes
        Equal seeds give equal bits. A `numpy.random.Generator` is used as it is, and so advanced.
    n_train, n_val : int, default 400
        Number of training and of validation trajectories, each at least 1.
    dtype : dtype_like, default float32
        float32 or float64. The float32 set is the float64 set, rounded once.
    final_time : float, default 4.0
        When the end states are taken, positive, in the units of t.

    Returns
    -------
    X_train, Y_train : ndarray, shape (n_train, 2)
        Start and end states, C-contiguous, of the asked dtype; neither scaled nor centred.
    X_val, Y_val : ndarray, shape (n_val, 2)
        The same for validation.

    Raises
    ------
    TypeError
        If `dtype` is not a dtype, or `numpy.random.default_rng` does not take `seed`.
    ValueError
        If `n_train` or `n_val` is not an integer of 1 or more, if `dtype` is a dtype other than
        float32 and float64, if `final_time` is not a positive number, or if `seed` is negative.

    Notes
    -----
    The equation is integrated in double precision by 4,000 steps of the explicit midpoint rule.

    References
    ----------
    G. Duffing, "Erzwungene Schwingungen bei veränderlicher Eigenfrequenz", Vieweg, 1918.

    Examples
    --------
    >>> X_train, Y_train, X_val, Y_val = duffing(seed=0)
    >>> X_train.shape, Y_val.shape
    ((400, 2), (400, 2))
    """
    n_train = check_integer("n_train", n_train)
    n_val = check_integer("n_val", n_val)
    dtype = check_float_dtype(dtype)
    if not 0 < number_of(final_time) < math.inf:
        raise ValueError(f"final_time: expected a positive number, got {final_time!r}")
    rng = np.random.default_rng(seed)
    starts = 2.4 * rng.random((n_train + n_val, 2)) - 1.2
    ends = _flow(starts, float(final_time))
    X, Y = (array.astype(dtype, order="C") for array in (starts, ends))
    return X[:n_train], Y[:n_train], X[n_train:], Y[n_train:]


def _flow(starts: npt.NDArray[np.float64], final_time: float) -> npt.NDArray[np.float64]:
    """Integrate all trajectories at once."""
    x, p = starts.T.copy()
    h = final_time / _STEPS
    for step in range(_STEPS):
        t = step * h
        x_half = x + 0.5 * h * p
        p_half = p + 0.5 * h * _force(x, p, t)
        x = x + h * p_half
        p = p + h * _force(x_half, p_half, t + 0.5 * h)
    return np.stack([x, p], axis=1)


def _force(
    x: npt.NDArray[np.float64], p: npt.NDArray[np.float64], t: float
) -> npt.NDArray[np.float64]:
    drive = 0.4 * math.cos(1.2 * t)
    force: npt.NDArray[np.float64] = x * (1.0 - x * x) - 0.1 * p + drive
    return force

"""Two spirals wound around each other: a classification problem that needs a deep flow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..checks import check_integer
from .circles import Seed, Split, check_float_dtype


def spirals(
    seed: Seed,
    n_train: int = 600,
    n_val: int = 400,
    dtype: npt.DTypeLike = np.float32,
) -> Split:
    r"""Sample points of two interleaved spirals with one and a half turns each.

    A point of class c in {0, 1} lies at

    .. math::

        x = 2 u (\cos \phi, \sin \phi) + \epsilon, \quad \phi = 3 \pi u + \pi c, \quad
        \epsilon \sim N(0, 0.03^2 I),

    where :math:`u^2` is uniform on [0.02, 1), so that points are about equally dense along the
    spiral's area, and either class has probability 1/2.

    Parameters
    ----------
    seed : int or anything `numpy.random.default_rng` takes
        Equal seeds give equal bits. A `numpy.random.Generator` is used as it is, and so advanced.
    n_train, n_val : int, default 600 and 400
        Number of training and of validation points, each at least 1.
    dtype : dtype_like, default float32
        float32 or float64, of the points. The float32 set is the float64 set, rounded once.

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
        float32 and float64, or if `seed` is negative.

    Notes
    -----
    Every point takes four draws from one stream, training first: the training points do not depend
    on `n_val`, and a larger training set begins with the smaller one.

    References
    ----------
    After K. J. Lang, M. J. Witbrock, "Learning to tell two spirals apart", Proceedings of the 1988
    Connectionist Models Summer School.

    Examples
    --------
    >>> X_train, y_train, X_val, y_val = spirals(seed=0)
    >>> X_train.shape, y_val.shape
    ((600, 2), (400,))
    """
    n_train = check_integer("n_train", n_train)
    n_val = check_integer("n_val", n_val)
    dtype = check_float_dtype(dtype)
    rng = np.random.default_rng(seed)
    X_train, y_train = _place(rng.random((n_train, 4)))
    X_val, y_val = _place(rng.random((n_val, 4)))
    return X_train.astype(dtype, order="C"), y_train, X_val.astype(dtype, order="C"), y_val


def _place(
    uniform: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Map rows of four uniform draws on [0, 1) to points and labels."""
    chance, share, size, turn = uniform.T
    label = (chance >= 0.5).astype(np.int64)
    u = np.sqrt(0.02 + 0.98 * share)
    angle = 3.0 * np.pi * u + np.pi * label
    points = 2.0 * u[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # two normal numbers from two uniform ones (Box and Muller 1958): as many draws for every point
    radius = 0.03 * np.sqrt(-2.0 * np.log1p(-size))
    noise = np.stack([np.cos(2.0 * np.pi * turn), np.sin(2.0 * np.pi * turn)], axis=1)
    return points + radius[:, None] * noise, label

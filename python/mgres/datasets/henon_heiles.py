"""The flow map of the Hénon-Heiles system: a regression problem from Hamiltonian dynamics."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..checks import check_integer, number_of
from .circles import Seed, check_float_dtype
from .duffing import VectorSplit

ESCAPE_ENERGY = 1 / 6
"""Energy of the three saddle points of the potential; above it trajectories leave the well."""

_STEPS = 4000  # over [0, 10] doubling them moves no end point by more than 1e-5
_BLOCK = 4096  # candidates at a time, whatever is asked for, so that a longer set begins alike


def henon_heiles(
    seed: Seed,
    n_train: int = 1000,
    n_val: int = 1000,
    dtype: npt.DTypeLike = np.float32,
    final_time: float = math.pi,
    energy: float = 1 / 12,
) -> VectorSplit:
    r"""Sample the map that takes positions and momenta at time 0 to those at a later time.

    .. math::

        H = \tfrac12 (p_1^2 + p_2^2 + q_1^2 + q_2^2) + q_1^2 q_2 - \tfrac13 q_2^3, \quad
        \dot q = \partial H / \partial p, \quad \dot p = -\partial H / \partial q

    Starts :math:`(q_1, q_2, p_1, p_2)` are uniform on the part of phase space around the origin
    where :math:`H \le` `energy`.  By Liouville's theorem the map keeps the volume of phase space.

    Parameters
    ----------
    seed : int or anything `numpy.random.default_rng` takes
        Equal seeds give equal bits. A `numpy.random.Generator` is used as it is, and so advanced.
    n_train, n_val : int, default 1000
        Number of training and of validation trajectories, each at least 1.
    dtype : dtype_like, default float32
        float32 or float64. The float32 set is the float64 set, rounded once.
    final_time : float, default pi
        When the end states are taken, positive, in the units of t: half a period of small
        oscillations, which turns them as far as it can.
    energy : float, default 1/12
        The largest energy, positive and at most 1/6, where the well opens.  Motion is nearly always
        regular at 1/12 and mostly chaotic at 1/6.

    Returns
    -------
    X_train, Y_train : ndarray, shape (n_train, 4)
        Start and end states, C-contiguous, of the asked dtype; neither scaled nor centred.
    X_val, Y_val : ndarray, shape (n_val, 4)
        The same for validation.

    Raises
    ------
    TypeError
        If `dtype` is not a dtype, or `numpy.random.default_rng` does not take `seed`.
    ValueError
        If `n_train` or `n_val` is not an integer of 1 or more, if `dtype` is a dtype other than
        float32 and float64, if `final_time` or `energy` is not a number in its range, or if `seed`
        is negative.

    Notes
    -----
    The equations are integrated in double precision by 4,000 steps of the Störmer-Verlet method.

    References
    ----------
    M. Hénon and C. Heiles, "The applicability of the third integral of motion: some numerical
    experiments", The Astronomical Journal 69 (1964), 73-79.

    Examples
    --------
    >>> X_train, Y_train, X_val, Y_val = henon_heiles(seed=0)
    >>> X_train.shape, Y_val.shape
    ((1000, 4), (1000, 4))
    """
    n_train = check_integer("n_train", n_train)
    n_val = check_integer("n_val", n_val)
    dtype = check_float_dtype(dtype)
    if not 0 < number_of(final_time) < math.inf:
        raise ValueError(f"final_time: expected a positive number, got {final_time!r}")
    if not 0 < number_of(energy) <= ESCAPE_ENERGY:
        raise ValueError(f"energy: expected a number in (0, 1/6], got {energy!r}")
    starts = _starts(np.random.default_rng(seed), n_train + n_val, float(energy))
    ends = _flow(starts, float(final_time))
    X, Y = (array.astype(dtype, order="C") for array in (starts, ends))
    return X[:n_train], Y[:n_train], X[n_train:], Y[n_train:]


def _starts(rng: np.random.Generator, count: int, energy: float) -> npt.NDArray[np.float64]:
    """Draw from a box around the well until enough points lie in it, below the energy."""
    # where H <= E <= 1/6 each momentum is at most sqrt(2 E), and the well's equipotential lines
    # reach from the origin no further than sqrt(6 E): to 1, the saddle points, for E = 1/6
    momentum, position = math.sqrt(2 * energy), math.sqrt(6 * energy)
    box = np.array([position, position, momentum, momentum])
    kept: list[npt.NDArray[np.float64]] = []
    while sum(map(len, kept)) < count:
        states = box * (2 * rng.random((_BLOCK, 4)) - 1)
        q1, q2, p1, p2 = states.T
        potential = 0.5 * (q1 * q1 + q2 * q2) + q1 * q1 * q2 - q2**3 / 3
        # the triangle of the saddle points is the equipotential line of 1/6
        inside = (q2 >= -0.5) & (math.sqrt(3) * np.abs(q1) <= 1 - q2)
        kept.append(states[inside & (potential + 0.5 * (p1 * p1 + p2 * p2) <= energy)])
    return np.concatenate(kept)[:count]


def _flow(starts: npt.NDArray[np.float64], final_time: float) -> npt.NDArray[np.float64]:
    """Integrate all trajectories at once: half a kick, a drift, half a kick."""
    q, p = starts[:, :2].T.copy(), starts[:, 2:].T.copy()
    h = final_time / _STEPS
    kick = 0.5 * h * _force(q)
    for _ in range(_STEPS):
        p += kick
        q += h * p
        kick = 0.5 * h * _force(q)
        p += kick
    return np.concatenate([q, p]).T


def _force(q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    q1, q2 = q
    return np.stack([-q1 - 2 * q1 * q2, -q2 - q1 * q1 + q2 * q2])

"""Weights of samples and classes in the loss.

The mean loss with weights w_j is

    sum_j w_j l_j / sum_j w_j = (1/n) sum_j s_j l_j,    s_j = w_j / mean(w),

so that weights that are all equal change nothing, and a mini-batch's mean of s_j l_j is an unbiased
estimate of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_plain
from .compiled import CompiledNetwork
from .layout import Array


def weighted_targets(targets: NDArray[Any], sample_weight: Any, net: CompiledNetwork) -> Array:
    """Return target vectors with the factor s_j of each sample's loss in one more column.

    Parameters
    ----------
    targets : ndarray
        Labels, shape (n,), or vectors, shape (n, n_outputs), both checked.
    sample_weight : array_like, shape (n,)
        Weights w_j >= 0, not all zero.
    net : ResNet or Network
        The network.

    Returns
    -------
    ndarray, shape (n, n_outputs + 1)

    Raises
    ------
    TypeError
        If the weights are no real numbers.
    ValueError
        If their shape does not fit, or one is negative, infinite or NaN, or all are zero.
    """
    weights = _check_weights(sample_weight, len(targets))
    out = np.zeros((len(targets), net.n_outputs + 1), net.dtype)
    if targets.ndim == 1:
        out[np.arange(len(targets)), targets] = 1
    else:
        out[:, :-1] = targets
    out[:, -1] = weights / weights.mean()
    return out


def class_weights(
    y: NDArray[np.integer[Any]], weights: str | Mapping[int, float] | Sequence[float] = "balanced"
) -> NDArray[np.float64]:
    """Return the weight of every sample from a weight for every class.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Labels.
    weights : "balanced", mapping or sequence
        By label.  Classes that a mapping leaves out have weight 1.  "balanced" gives every class
        that occurs the same total weight: n / (number of classes * samples of the class), so that
        the mean over the samples is 1.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    TypeError
        If `y` is no array of integers.
    ValueError
        If `y` is empty or not one-dimensional, a weight is negative or not finite, or a label has
        no entry in a sequence.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([0, 0, 0, 1])
    >>> class_weights(y, {1: 3.0})
    array([1., 1., 1., 3.])
    >>> class_weights(y).round(2)
    array([0.67, 0.67, 0.67, 2.  ])
    """
    if not (isinstance(y, np.ndarray) and np.issubdtype(y.dtype, np.integer)):
        raise TypeError(f"y: expected an array of integer labels, got {_kind(y)}")
    check_plain("y", y)
    if y.ndim != 1 or len(y) == 0:
        raise ValueError(f"y: expected labels of shape (n,), at least one, got shape {y.shape}")
    classes, which = np.unique(y, return_inverse=True)
    if isinstance(weights, str):
        if weights != "balanced":
            raise ValueError(f"weights: expected 'balanced' or weights by label, got {weights!r}")
        by_class = len(y) / (len(classes) * np.bincount(which))
    elif isinstance(weights, Mapping):
        by_class = np.array([float(weights.get(int(c), 1.0)) for c in classes])
    else:
        given = np.asarray(weights, np.float64)
        if given.ndim != 1 or classes[0] < 0 or classes[-1] >= len(given):
            raise ValueError(
                f"weights: expected one for each label from 0 to {classes[-1]}, got {weights!r}"
            )
        by_class = given[classes]
    if not (np.isfinite(by_class).all() and (by_class >= 0).all()):
        raise ValueError(f"weights: expected finite numbers >= 0, got {weights!r}")
    result: NDArray[np.float64] = by_class[which]
    return result


def _check_weights(sample_weight: Any, n: int) -> NDArray[np.float64]:
    check_plain("sample_weight", sample_weight)
    given = np.asarray(sample_weight)
    if given.dtype.kind not in "iuf":
        raise TypeError(f"sample_weight: expected real numbers, got {_kind(sample_weight)}")
    if given.shape != (n,):
        raise ValueError(f"sample_weight: expected shape ({n},), got {given.shape}")
    weights = given.astype(np.float64)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size:
        raise ValueError(
            f"sample_weight: expected finite numbers >= 0, got {weights[wrong[0]]} in row "
            f"{wrong[0]}"
        )
    if not weights.any():
        raise ValueError("sample_weight: expected at least one weight > 0, got zeros only")
    return weights


def _kind(value: Any) -> str:
    return f"dtype {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__

"""What can be wrong with the samples of a user's network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .layout import Array
from .network import TorchResNet
from .tensors import array_of


def check_data(net: TorchResNet, X: Any, y: Any) -> tuple[Array, Array]:
    """Return samples and targets as arrays if `net` can be trained on them.

    Tensors are used without copying; integer targets become int64.
    """
    samples, targets = check_array("X", X, net), check_array("y", y, net)
    if len(samples) == 0:
        raise ValueError("X: expected at least one sample, got none")
    if len(targets) != len(samples):
        raise ValueError(f"y: expected {len(samples)} targets, one a sample, got {len(targets)}")
    if np.issubdtype(targets.dtype, np.integer):
        targets = np.ascontiguousarray(targets, np.int64)
    return samples, targets


def check_labels(net: TorchResNet, known: Array, X: Any, y: Any) -> None:
    """Raise an error unless they are validation samples, like the `known` ones, and labels."""
    for name, given in (("validation[0]", X), ("validation[1]", y)):
        if not isinstance(given, np.ndarray):
            raise TypeError(f"{name}: expected a numpy array, got {type(given).__name__}")
    check_array("validation[0]", X, net)
    if X.shape[1:] != known.shape[1:] or X.dtype != known.dtype:
        raise ValueError(
            f"validation[0]: expected samples like X, shape (n, {str(known.shape[1:])[1:]} of "
            f"{known.dtype}, got {X.shape} of {X.dtype}"
        )
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"validation[1]: expected integer labels, got dtype {y.dtype}")
    if y.shape != (len(X),) or not len(X):
        raise ValueError(f"validation[1]: expected labels of shape ({len(X)},), got {y.shape}")


def check_array(name: str, given: Any, net: TorchResNet) -> Array:
    """Return an array, or the array on the memory of a tensor, of a dtype that `net` takes."""
    if isinstance(given, Tensor):
        given = array_of(name, given.detach())
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{name}: expected an array or a tensor, got {type(given).__name__}")
    array: NDArray[Any] = given
    if array.ndim == 0:
        raise ValueError(f"{name}: expected shape (n, ...), got ()")
    if not array.flags.c_contiguous:
        raise TypeError(
            f"{name}: expected a C-contiguous array, got a strided one; "
            "pass numpy.ascontiguousarray(...)"
        )
    if np.issubdtype(array.dtype, np.floating):
        if array.dtype != net.dtype:
            raise TypeError(
                f"{name}: expected dtype {net.dtype}, as the network has, got {array.dtype}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            is_finite = bool(np.isfinite(array.sum(dtype=np.float64))) or np.isfinite(array).all()
        if not is_finite:
            at = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}: expected finite numbers, got {array[at]} at {at}")
    elif not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name}: expected floats or integers, got dtype {array.dtype}")
    return array

"""What an argument may be: the one place where numbers are checked.

Every function returns the value as a plain Python number, takes NumPy's as well, and otherwise
raises a ValueError that names the argument, what was expected and what came.  True and False are
no numbers.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray


@overload
def check_integer(
    name: str,
    value: Any,
    least: int = 1,
    most: int | None = None,
    *,
    optional: Literal[False] = ...,
) -> int: ...
@overload
def check_integer(
    name: str, value: Any, least: int = 1, most: int | None = None, *, optional: bool
) -> int | None: ...
def check_integer(
    name: str, value: Any, least: int = 1, most: int | None = None, *, optional: bool = False
) -> int | None:
    """Return `value` as an int if it is from `least` to `most`; also None, if it is `optional`."""
    if optional and value is None:
        return None
    number, fits = 0, not isinstance(value, bool | np.bool_) and not getattr(value, "ndim", 0)
    if fits:
        try:
            number = operator.index(value)
        except TypeError:
            fits = False
    if not fits or number < least or (most is not None and number > most):
        bounds = f"from {least}" if most is None else f"from {least} to {most}"
        or_none = " or None" if optional else ""
        raise ValueError(f"{name}: expected an integer {bounds}{or_none}, got {value!r}")
    return number


def number_of(value: Any) -> float:
    """Return `value` as a float: NaN if it is no number, infinite if it is too large for one."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if operator.gt(value, 0) else -math.inf


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a float if it is a finite number within the bounds."""
    number = number_of(value)
    inside = (
        math.isfinite(number)
        and (least is None or number >= least)
        and (above is None or number > above)
        and (most is None or number <= most)
        and (below is None or number < below)
    )
    if not inside:
        bounds = {">=": least, ">": above, "<=": most, "<": below}
        wanted = " and ".join(f"{sign} {b:g}" for sign, b in bounds.items() if b is not None)
        raise ValueError(f"{name}: expected a finite number {wanted}".rstrip() + f", got {value!r}")
    return number


def check_predictions(outputs: NDArray[Any]) -> None:
    """Raise a ValueError unless all outputs of a network, one row for each sample, are finite."""
    if np.isfinite(outputs).all():
        return
    row, *rest = where = tuple(np.argwhere(~np.isfinite(outputs))[0])
    raise ValueError(
        f"X: the prediction for row {row} is not finite (output {', '.join(map(str, rest))} is "
        f"{outputs[where]}): its features are too large, or not finite themselves"
    )


def share_right(outputs: NDArray[Any], y: Any) -> float:
    """Return the share of rows whose largest output is number `y`; none that is not finite.

    Raises
    ------
    TypeError
        If `y` are no integers, or masked.
    ValueError
        If there is not one for each row.
    """
    check_plain("y", y)
    labels = np.asarray(y)
    if not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(f"y: expected integer labels, got dtype {labels.dtype}")
    if labels.shape != (len(outputs),):
        raise ValueError(f"y: expected labels of shape ({len(outputs)},), got {labels.shape}")
    right = (np.argmax(outputs, axis=1) == labels) & np.isfinite(outputs).all(axis=1)
    return float(np.mean(right))


def check_plain(name: str, array: Any) -> None:
    """Raise a TypeError if `array` is masked: the core would read what lies under the mask."""
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: expected a plain array, got a masked one; fill or drop what is masked"
        )


# ---- arrays: the rules of arrays.hpp, for what Python computes -----------------------------------


def check_array(
    name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *, written: bool = False
) -> None:
    """Raise an error unless `array` is plain, of that shape, where -1 is any length, and dtype."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name}: expected a numpy array, got {type(array).__name__}")
    check_plain(name, array)
    if array.dtype != dtype:
        raise TypeError(f"{name}: expected dtype {dtype}, got {array.dtype}")
    if array.ndim != len(shape) or any(
        n not in (-1, actual) for n, actual in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(
            f"{name}: expected shape {str(shape).replace('-1', 'n')}, got {array.shape}"
        )
    if not array.flags.c_contiguous:
        raise TypeError(
            f"{name}: expected a C-contiguous array, got a strided one; "
            "pass numpy.ascontiguousarray(...)"
        )
    if not array.flags.aligned:
        raise TypeError(
            f"{name}: expected an aligned array, got one that begins within a number; pass a copy"
        )
    if written and not array.flags.writeable:
        raise ValueError(f"{name}: expected a writable array, got a read-only one")


def check_output(
    name: str, out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], inputs: Mapping[str, Any]
) -> None:
    """Raise an error unless `out` can be written to, and shares no memory with the inputs."""
    check_array(name, out, shape, dtype, written=True)
    for other, array in inputs.items():
        if np.may_share_memory(out, array):
            raise ValueError(f"{name}: must not overlap {other}")

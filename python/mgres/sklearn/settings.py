"""What parameters of an estimator are allowed, checked when it is fitted."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np


def check_integer(
    name: str, value: Any, least: int, *, most: int | None = None, optional: bool = False
) -> None:
    """Raise a ValueError unless `value` is an integer in a range, or None if optional."""
    if optional and value is None:
        return
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or value < least or (most is not None and value > most):
        at_most = "" if most is None else f" and at most {most}"
        or_none = " or None" if optional else ""
        raise ValueError(
            f"{name}: expected an integer of at least {least}{at_most}{or_none}, got {value!r}"
        )


def check_number(
    name: str, value: Any, *, above: float | None = None, below: float = math.inf
) -> None:
    """Raise a ValueError unless `value` is a number >= 0, or > `above`, and < `below`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (value >= 0 if above is None else value > above) or not value < below:
        least = ">= 0" if above is None else f"> {above:g}"
        most = "finite" if below == math.inf else f"< {below:g}"
        raise ValueError(f"{name}: expected a number {least} and {most}, got {value!r}")


def check_dtype(value: Any) -> np.dtype[Any]:
    """Return float32 or float64.

    Raises
    ------
    ValueError
        If `value` stands for neither.
    """
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        try:
            if value is not None and np.dtype(value) == dtype:
                return dtype
        except TypeError:
            break
    raise ValueError(f"dtype: expected float32 or float64, got {value!r}")

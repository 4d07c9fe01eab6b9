"""What parameters of an estimator are allowed, checked when it is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks import check_integer
from ..training import Augmented


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


def check_batch_size(value: Any) -> None:
    """Raise a ValueError unless `value` is a number of samples, None, or images of so many."""
    if not isinstance(value, Augmented):
        check_integer("batch_size", value, optional=True)
    elif isinstance(value.strategy, bool) or not isinstance(value.strategy, int):
        raise ValueError(
            f"batch_size: expected Augmented with a number of samples, got {value.strategy!r}"
        )

"""What parameters of an estimator are allowed, checked when it is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np


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

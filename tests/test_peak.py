"""The yardstick of the benchmarks gives numbers, and says what it cannot do.

How fast it is, is the machine's business.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

import mgres
from mgres import _core


@pytest.fixture
def threads() -> Iterator[int]:
    """Restore the number of threads afterwards."""
    before = mgres.get_num_threads()
    yield before
    mgres.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rate_is_positive_and_finite(dtype: type, count: int) -> None:
    mgres.set_num_threads(count)
    rate = _core.multiply_add_rate(np.dtype(dtype), 0.01)
    assert rate > 0
    assert math.isfinite(rate)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1.5, math.nan, math.inf])
def test_durations_that_make_no_sense(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds: expected a number from 0 to 1"):
        _core.multiply_add_rate(np.dtype(np.float32), seconds)


def test_only_the_two_kinds_of_numbers() -> None:
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got int64"):
        _core.multiply_add_rate(np.dtype(np.int64), 0.01)

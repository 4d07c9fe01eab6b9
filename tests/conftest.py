"""What all tests share."""

import mgres
import numpy as np
import pytest

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""Relative error of a gradient against a reference in double precision."""


@pytest.fixture(autouse=True)
def _threads_restored():
    """A test may set the number of threads; the next one must not notice."""
    before = mgres.get_num_threads()
    yield
    mgres.set_num_threads(before)


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    return np.dtype(request.param)


@pytest.fixture
def tolerance(dtype):
    return TOLERANCE[dtype.name]

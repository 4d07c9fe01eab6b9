import numpy as np
import pytest

from mgres.mgopt import Counted, Tilted, WorkUnits
from mgres.testing import Quadratic, check_gradient

from .chains import DTYPES, Chain, start


@pytest.mark.parametrize("dtype", DTYPES)
def test_surrogate_has_the_prescribed_gradient(dtype):
    f, origin, prescribed = Chain(6, dtype), start(6, dtype), start(6, dtype, seed=2)
    surrogate = Tilted(f, origin, prescribed)
    gradient = np.empty(6, dtype)
    assert surrogate.value(origin) == surrogate.value_and_grad(origin, gradient)
    assert surrogate.value(origin) == f.value(origin)
    np.testing.assert_array_equal(gradient, prescribed)
    # nothing remembered: f' - v, and a neighbour one rounding away
    fresh, nearby = np.empty(6, dtype), np.nextafter(origin, np.inf, dtype=dtype)
    f.value_and_grad(origin, fresh)
    np.testing.assert_allclose(fresh - surrogate.v, prescribed, atol=4 * np.finfo(dtype).eps)
    surrogate.value_and_grad(nearby, gradient)
    np.testing.assert_allclose(gradient, prescribed, atol=8 * np.finfo(dtype).eps)
    assert (surrogate.size, surrogate.dtype) == (6, dtype)


def test_surrogate_asks_once_for_what_it_knows():
    work, origin = WorkUnits([1.0]), start(6)
    surrogate = Tilted(Counted(Chain(6), work, 0), origin, start(6, seed=2))
    assert (work.gradients, work.values) == ([1], [0])
    surrogate.value(origin.copy())
    surrogate.value_and_grad(origin.copy(), np.empty(6))
    assert (work.gradients, work.values) == ([1], [0])
    surrogate.value(origin + 1)
    surrogate.value_and_grad(origin + 1, np.empty(6))
    assert (work.gradients, work.values) == ([2], [1])


def test_surrogate_is_an_objective():
    f, origin, prescribed = Chain(6), start(6), start(6, seed=2)
    surrogate = Tilted(f, origin, prescribed)
    check_gradient(surrogate, start(6, seed=3)).raise_if_failed()
    check_gradient(surrogate, origin).raise_if_failed()
    x = start(6, seed=3)
    expected = f.value(x) - surrogate.v @ (x - origin)
    assert surrogate.value(x) == pytest.approx(expected, rel=1e-14)


def test_surrogate_keeps_small_differences():
    # <v, x> would be about 1e8 here and drown a difference of 1e-6 in its rounding
    f = Quadratic([1e-6])
    origin = np.array([1e8])
    surrogate = Tilted(f, origin, np.array([1.0]))
    difference = surrogate.value(origin + 0.125) - surrogate.value(origin)
    assert difference == pytest.approx(0.125, rel=1e-4)

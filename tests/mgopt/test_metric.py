import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mgres.mgopt import Diagonal, Euclidean

components = st.floats(-1e3, 1e3, width=32)
weights = st.floats(2**-20, 2**20, width=32)


def vectors(n, elements=components):
    return hnp.arrays(np.float64, n, elements=elements)


@st.composite
def cases(draw):
    """A metric, its matrix, and two vectors."""
    n = draw(st.integers(1, 12))
    w = draw(st.one_of(st.none(), vectors(n, weights)))
    metric = Euclidean() if w is None else Diagonal(w)
    return metric, np.ones(n) if w is None else w, draw(vectors(n)), draw(vectors(n))


@given(cases())
@settings(deadline=None)
def test_definition(case):
    metric, w, x, g = case
    primal, dual = np.empty_like(g), np.empty_like(x)
    metric.to_primal(g, primal)
    metric.to_dual(x, dual)
    np.testing.assert_allclose(primal, g / w, rtol=1e-15)
    np.testing.assert_allclose(dual, w * x, rtol=1e-15)
    assert metric.norm(x) == pytest.approx(np.sqrt(np.sum(w * x**2)), rel=1e-14)
    assert metric.dual_norm(g) == pytest.approx(np.sqrt(np.sum(g**2 / w)), rel=1e-14)


@given(cases())
@settings(deadline=None)
def test_the_two_maps_are_inverse_and_isometric(case):
    metric, _, x, g = case
    there, back = np.empty_like(x), np.empty_like(x)
    metric.to_dual(x, there)
    metric.to_primal(there, back)
    np.testing.assert_allclose(back, x, rtol=1e-15)
    assert metric.dual_norm(there) == pytest.approx(metric.norm(x), rel=1e-14)
    # Cauchy and Schwarz
    assert abs(g @ x) <= metric.dual_norm(g) * metric.norm(x) * (1 + 1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", [lambda w: Euclidean(), Diagonal])
def test_out_may_be_the_input(make, dtype):
    metric = make(np.array([0.5, 4.0], dtype))
    x, out = np.array([3.0, -2.0], dtype), np.empty(2, dtype)
    for convert in (metric.to_primal, metric.to_dual):
        convert(x, out)
        aliased = x.copy()
        convert(aliased, aliased)
        np.testing.assert_array_equal(aliased, out)
        assert out.dtype == dtype
    np.testing.assert_array_equal(x, [3.0, -2.0])


def test_norm_of_float32_is_accumulated_in_double():
    x = np.full(10**6, 0.1, np.float32)
    exact = np.sqrt(np.float64(np.float32(0.1)) ** 2 * 1e6)
    assert Euclidean().norm(x) == pytest.approx(exact, rel=1e-12)


def test_weights_are_available():
    w = np.array([1.0, 2.0])
    np.testing.assert_array_equal(Diagonal(w).weights, w)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 2])
def test_weights_must_be_positive_and_finite(bad, place):
    w = np.ones(3)
    w[place] = bad
    with pytest.raises(ValueError, match=f"weights: .* at {place}"):
        Diagonal(w)

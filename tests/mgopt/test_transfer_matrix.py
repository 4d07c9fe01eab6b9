import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgres.mgopt import MatrixTransfer
from mgres.testing import check_transfer


@st.composite
def prolongations(draw):
    """Well-conditioned matrices P of any shape (n, m) with n >= m."""
    m = draw(st.integers(1, 8))
    n = m + draw(st.integers(0, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return np.eye(n, m) + 0.1 * rng.standard_normal((n, m))


@given(prolongations())
@settings(deadline=None)
def test_identities(P):
    transfer = MatrixTransfer(P)
    assert (transfer.fine_size, transfer.coarse_size) == P.shape
    check_transfer(transfer, exact_projection=True).raise_if_failed()


@given(prolongations())
@settings(deadline=None)
def test_operators_are_the_matrices(P):
    n, m = P.shape
    Pi = np.arange(m * n, dtype=float).reshape(m, n)
    transfer = MatrixTransfer(P, Pi)
    coarse, fine = np.arange(1.0, m + 1), np.arange(1.0, n + 1)
    prolonged, restricted, projected = np.empty(n), np.empty(m), np.empty(m)
    transfer.prolong(coarse, prolonged)
    transfer.restrict(fine, restricted)
    transfer.project(fine, projected)
    np.testing.assert_allclose(prolonged, P @ coarse, rtol=1e-14)
    np.testing.assert_allclose(restricted, P.T @ fine, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(projected, Pi @ fine, rtol=1e-14)


def test_float32():
    transfer = MatrixTransfer(np.kron(np.eye(4), [[1.0], [1.0]]))
    check_transfer(transfer, dtype=np.float32, exact_projection=True).raise_if_failed()


def test_default_projection_of_piecewise_constants_is_the_mean():
    transfer = MatrixTransfer(np.kron(np.eye(2), [[1.0], [1.0]]))
    out = np.empty(2)
    transfer.project(np.array([1.0, 3.0, -2.0, 0.0]), out)
    np.testing.assert_allclose(out, [2.0, -1.0], rtol=1e-14)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 2)])
def test_prolongation_of_wrong_shape(shape):
    with pytest.raises(ValueError, match="prolongation"):
        MatrixTransfer(np.zeros(shape))


@pytest.mark.parametrize("shape", [(), (6,), (3, 2), (2, 2)])
def test_projection_of_wrong_shape(shape):
    with pytest.raises(ValueError, match="projection"):
        MatrixTransfer(np.ones((3, 2)), np.zeros(shape))

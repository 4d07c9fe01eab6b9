"""Transfers in depth against matrices built from their formulas, and their algebra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mgres
from mgres.resnet.transfer import PROJECTIONS, PROLONGATIONS
from mgres.testing import check_transfer

EXACT = {("constant", "mean"), ("constant", "injection"), ("linear", "injection")}

transfers = st.builds(
    lambda factor, coarse, width, kind, projection: (factor, coarse, width, kind, projection),
    st.sampled_from([2, 3, 4, 5, 8]),
    st.integers(1, 6),
    st.integers(1, 3),
    st.sampled_from(PROLONGATIONS),
    st.sampled_from(PROJECTIONS),
)


def make(case, dtype=np.float64):
    factor, coarse_depth, width, kind, projection = case
    fine = mgres.ResNet(2, width, 3, coarse_depth * factor, dtype=dtype)
    return fine, mgres.DepthTransfer(fine, fine.with_depth(coarse_depth), kind, projection)


def depth_matrices(case):
    """P (K, coarse_depth) and Pi (coarse_depth, K) for one parameter of a layer."""
    m, coarse_depth, _, kind, projection = case
    P = np.zeros((m * coarse_depth, coarse_depth))
    Pi = np.zeros((coarse_depth, m * coarse_depth))
    for j in range(coarse_depth):
        for r in range(m):
            share = r / m if kind == "linear" and j + 1 < coarse_depth else 0.0
            P[m * j + r, j] += 1 - share
            if share:
                P[m * j + r, j + 1] += share
        if projection == "mean":
            Pi[j, m * j : m * j + m] = 1 / m
        elif projection == "injection":
            Pi[j, m * j] = 1
        else:
            for k in range(m * coarse_depth):
                Pi[j, k] = max(0.0, 1 - abs(k - m * j) / m)
            Pi[j] /= Pi[j].sum()
    return P, Pi


def with_ends(matrix, fine):
    """The matrix on whole parameter vectors: Q and the classifier are copied."""
    opening = fine.part("opening").stop
    closing = fine.n_outputs * (fine.width + 1)
    layers = np.kron(matrix, np.eye(fine.layer_size))
    rows, columns = layers.shape
    whole = np.zeros((opening + rows + closing, opening + columns + closing))
    whole[:opening, :opening] = np.eye(opening)
    whole[opening : opening + rows, opening : opening + columns] = layers
    whole[opening + rows :, opening + columns :] = np.eye(closing)
    return whole


def apply(operation, vector, size):
    out = np.full(size, np.nan, vector.dtype)
    operation(vector, out)
    return out


@settings(max_examples=60)
@given(transfers, st.integers(0, 2**32 - 1))
def test_operators_are_the_documented_matrices(case, seed):
    fine, transfer = make(case)
    P, Pi = (with_ends(matrix, fine) for matrix in depth_matrices(case))
    rng = np.random.default_rng(seed)
    c = rng.standard_normal(transfer.coarse_size)
    x = rng.standard_normal(transfer.fine_size)
    np.testing.assert_allclose(apply(transfer.prolong, c, x.size), P @ c, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(apply(transfer.restrict, x, c.size), P.T @ x, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(apply(transfer.project, x, c.size), Pi @ x, rtol=1e-13, atol=1e-13)


@settings(max_examples=60)
@given(transfers)
def test_adjointness_and_projection(case):
    _, transfer = make(case)
    exact = case[3:] in EXACT
    report = check_transfer(transfer, exact_projection=exact)
    assert report.ok, str(report)
    assert report.adjointness < 1e-13


@settings(max_examples=60)
@given(transfers)
def test_what_is_constant_in_t_stays(case):
    fine, transfer = make(case)
    theta = fine.init(0, "constant")
    coarse = apply(transfer.project, theta, transfer.coarse_size)
    np.testing.assert_allclose(apply(transfer.prolong, coarse, theta.size), theta, rtol=1e-15)


@pytest.mark.parametrize("case", [(2, 4, 2, *pair) for pair in sorted(EXACT)])
def test_projection_undoes_prolongation_to_the_last_bit(case, dtype):
    """A mean of two equal numbers is exact, and so is injection."""
    _, transfer = make(case, dtype)
    c = np.random.default_rng(3).standard_normal(transfer.coarse_size).astype(dtype)
    fine = apply(transfer.prolong, c, transfer.fine_size)
    np.testing.assert_array_equal(apply(transfer.project, fine, c.size), c)


@settings(max_examples=60)
@given(transfers, st.sampled_from([np.float32, np.float64]))
def test_projection_undoes_prolongation(case, dtype):
    if case[3:] not in EXACT:
        return
    _, transfer = make(case, dtype)
    c = np.random.default_rng(4).standard_normal(transfer.coarse_size).astype(dtype)
    fine = apply(transfer.prolong, c, transfer.fine_size)
    back = apply(transfer.project, fine, c.size)
    np.testing.assert_allclose(back, c, rtol=4 * np.finfo(dtype).eps)


@settings(max_examples=60)
@given(transfers, st.sampled_from([np.float32, np.float64]))
def test_opening_operator_and_classifier_are_copied_to_the_last_bit(case, dtype):
    fine, transfer = make(case, dtype)
    coarse = fine.with_depth(case[1])
    rng = np.random.default_rng(5)
    c = rng.standard_normal(transfer.coarse_size).astype(dtype)
    x = rng.standard_normal(transfer.fine_size).astype(dtype)
    results = [
        (coarse, c, fine, apply(transfer.prolong, c, x.size)),
        (fine, x, coarse, apply(transfer.restrict, x, c.size)),
        (fine, x, coarse, apply(transfer.project, x, c.size)),
    ]
    for source, before, target, after in results:
        for part in ("opening", "closing"):
            np.testing.assert_array_equal(before[source.part(part)], after[target.part(part)])


@settings(max_examples=60)
@given(transfers)
def test_single_precision_does_the_same(case):
    _, double = make(case)
    _, single = make(case, np.float32)
    rng = np.random.default_rng(6)
    c = rng.standard_normal(double.coarse_size).astype(np.float32)
    x = rng.standard_normal(double.fine_size).astype(np.float32)
    for name, v, size in (("prolong", c, x.size), ("restrict", x, c.size), ("project", x, c.size)):
        expected = apply(getattr(double, name), v.astype(np.float64), size)
        actual = apply(getattr(single, name), v, size)
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


def test_default_projections_are_those_with_identity():
    fine = mgres.ResNet(2, 3, 2, 8)
    for kind, projection in (("constant", "mean"), ("linear", "injection")):
        transfer = mgres.DepthTransfer(fine, fine.with_depth(4), kind)
        assert (transfer.prolongation, transfer.projection) == (kind, projection)
    assert mgres.DepthTransfer(fine, fine.with_depth(4)).prolongation == "constant"


def test_restriction_sums_and_projection_averages():
    """The paper's single operator for both is what doubles the weights on every level."""
    fine = mgres.ResNet(1, 1, 1, 8, dtype=np.float64)
    transfer = mgres.DepthTransfer(fine, fine.with_depth(4))
    ones = np.ones(fine.size)
    coarse = fine.with_depth(4)
    assert (coarse.views(apply(transfer.restrict, ones, coarse.size)).W == 2).all()
    assert (coarse.views(apply(transfer.project, ones, coarse.size)).W == 1).all()


def test_what_is_smooth_in_t_comes_back_up_to_the_step_size():
    """Prolonging what was projected errs by O(dt); linear with full weighting inside by O(dt^2)."""

    def error(depth, kind, projection):
        fine = mgres.ResNet(1, 1, 1, depth, dtype=np.float64)
        transfer = mgres.DepthTransfer(fine, fine.with_depth(depth // 2), kind, projection)
        theta = np.zeros(fine.size)
        fine.views(theta).W[:, 0, 0] = np.sin(3 * np.arange(depth) * fine.dt)
        back = apply(
            transfer.prolong, apply(transfer.project, theta, transfer.coarse_size), theta.size
        )
        inside = slice(2, depth - 4)
        return np.abs(fine.views(back - theta).W[inside]).max()

    for kind, projection, order in (
        ("constant", "mean", 1),
        ("constant", "injection", 1),
        ("linear", "injection", 2),
        ("linear", "full_weighting", 2),
    ):
        errors = [error(depth, kind, projection) for depth in (128, 256)]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1), (kind, projection)


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_linear_prolongation_reproduces_linear_functions_of_t(factor):
    fine, transfer = make((factor, 6, 2, "linear", "injection"))
    coarse_net = fine.with_depth(6)
    c = np.zeros(coarse_net.size)
    t = np.arange(6) * coarse_net.dt
    coarse_net.views(c).W[:] = (1 + 2 * t)[:, None, None]
    W = fine.views(apply(transfer.prolong, c, fine.size)).W
    t_fine = np.arange(fine.depth) * fine.dt
    last = 5 * factor + 1  # behind the last coarse layer the function is continued by a constant
    np.testing.assert_allclose(W[:last, 0, 0], (1 + 2 * t_fine)[:last], rtol=1e-14)

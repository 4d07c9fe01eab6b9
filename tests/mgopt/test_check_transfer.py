"""`check_transfer` passes what is right, and catches one planted fault each."""

import numpy as np
import pytest

from mgres.problems import LinearInterpolation, PiecewiseConstant
from mgres.testing import check_transfer

from .verdicts import DTYPES, Affine, InjectedGradient, Summed, assert_fails


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("transfer", [PiecewiseConstant(9), LinearInterpolation(9)])
def test_right_transfer_passes(transfer, dtype):
    report = check_transfer(transfer, dtype=dtype, exact_projection=True)
    report.raise_if_failed()
    assert report.projection_error == 0
    assert report.projected_constant == 0
    assert not report.sums_parameters


class WritesOutside(PiecewiseConstant):
    def restrict(self, fine, out):
        super().restrict(fine, out)
        out.base[0] = 0


class LeavesGaps(PiecewiseConstant):
    def project(self, fine, out):
        out[1:] = (fine[2::2] + fine[3::2]) / 2


class Accumulates(PiecewiseConstant):
    def prolong(self, coarse, out):
        out[::2] += coarse
        out[1::2] += coarse


class ChangesInput(PiecewiseConstant):
    def project(self, fine, out):
        fine[::2] += fine[1::2]
        np.divide(fine[::2], 2, out=out)


class HalfWeights(PiecewiseConstant):
    """P scaled by 1/sqrt(2), with R = P' but Pi still the mean."""

    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out /= np.sqrt(2)

    def restrict(self, fine, out):
        super().restrict(fine, out)
        out /= np.sqrt(2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        (InjectedGradient, "restrict is not the adjoint of prolong"),
        (WritesOutside, "restrict wrote outside out"),
        (ChangesInput, "project changed its input"),
        (LeavesGaps, "project left parts of out unwritten"),
    ],
)
def test_faulty_transfer_fails(faulty, message, dtype):
    report = check_transfer(faulty(6), dtype=dtype)
    assert not report.ok
    assert any(message in failure for failure in report.failures), str(report)


def test_affine_prolongation_fails():
    report = check_transfer(Affine(6))
    assert any("not linear" in failure for failure in report.failures)
    assert report.prolonged_constant == 1.0


def test_accumulating_operator_fails():
    assert (
        "prolong left parts of out unwritten, or wrote nan"
        in check_transfer(Accumulates(6)).failures
    )


@pytest.mark.parametrize(("error", "dtype"), [(1e-10, np.float64), (1e-3, np.float32)])
def test_slightly_wrong_adjoint_fails(error, dtype):
    class Slightly(PiecewiseConstant):
        def restrict(self, fine, out):
            super().restrict(fine, out)
            out *= 1 + error

    assert_fails(check_transfer(Slightly(500), dtype=dtype), "adjoint")


def test_inexact_projection_is_reported_and_fails_only_on_request():
    report = check_transfer(HalfWeights(6))
    report.raise_if_failed()
    assert report.projection_error == pytest.approx(1 - np.sqrt(0.5))
    assert_fails(check_transfer(HalfWeights(6), exact_projection=True), "not the identity")


def test_summed_parameters_are_noticed():
    report = check_transfer(Summed(6))
    assert report.sums_parameters
    assert report.round_trip == 2.0
    assert report.projected_constant == 1.0


def test_transfer_report_prints_its_numbers():
    text = str(check_transfer(PiecewiseConstant(6)))
    assert text.startswith("check_transfer 6 <-> 12: ok\n")
    assert "<P e, g> = <e, R g>" in text


def test_check_transfer_bad_arguments():
    with pytest.raises(ValueError, match=r"^samples: expected"):
        check_transfer(PiecewiseConstant(6), samples=0)

"""What the tests of the public checks share: faulty transfers, and how a report fails."""

import numpy as np
import pytest

from mgres.problems import PiecewiseConstant
from mgres.testing import CheckError

DTYPES = [np.float32, np.float64]


def assert_fails(report, *messages):
    """The report has exactly these failures, prints them, and raises."""
    assert not report.ok
    assert len(report.failures) == len(messages), str(report)
    for failure, message in zip(report.failures, messages, strict=True):
        assert message in failure
        assert f"failed: {failure}" in str(report)
    with pytest.raises(CheckError, match="FAILED"):
        report.raise_if_failed()


class InjectedGradient(PiecewiseConstant):
    def restrict(self, fine, out):
        out[:] = fine[::2]


class Affine(PiecewiseConstant):
    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out += 1


class Summed(PiecewiseConstant):
    def project(self, fine, out):
        self.restrict(fine, out)

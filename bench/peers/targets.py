"""What mgres wants to reach: a table of data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A bound on one number, from below unless `at_most`; a `unit` of "%" is for shares of 1."""

    bound: float
    unit: str
    at_most: bool = False

    def reached(self, value: float) -> bool:
        """Return whether `value` keeps to the bound."""
        return value <= self.bound if self.at_most else value >= self.bound

    def verdict(self, value: float) -> str:
        """Return "met", or "missed" with both numbers."""
        if self.reached(value):
            return "met"
        between = ", at most" if self.at_most else " of"
        return f"missed: {amount(value, self.unit)}{between} {amount(self.bound, self.unit)}"

    def __str__(self) -> str:
        return f"{'<=' if self.at_most else '>='} {amount(self.bound, self.unit)}"


def amount(value: float, unit: str) -> str:
    """Return a number in three digits with its unit, such as "52.3 %" for 0.523."""
    scaled = 100 * value if unit == "%" else value
    return f"{scaled:.3g} {unit}" if abs(scaled) < 1000 else f"{scaled:,.0f} {unit}"


def share(percent: float) -> Target:
    """Return the target of at least so many percent."""
    return Target(percent / 100, "%")


def times(factor: float) -> Target:
    """Return the target of being at least so many times as fast."""
    return Target(factor, "x")


@dataclass(frozen=True)
class CaseTargets:
    """Share of the peak on one thread; times as fast as the best peer on any number of threads."""

    share: Target
    ratio: Target


CASES = {
    "headline": CaseTargets(share(60), times(14)),
    "width-3": CaseTargets(share(25), times(20)),
    "width-32": CaseTargets(share(60), times(5)),
    "width-64": CaseTargets(share(60), times(2.5)),
    "width-256": CaseTargets(share(60), times(1.8)),
    "tanh": CaseTargets(share(30), times(8)),
    "double": CaseTargets(share(60), times(10)),
}

FORWARD = share(70)  # of the peak, by the output alone
TWO_THREADS = times(1.8)  # one thread's time over that of two, on two real cores
LARGE_BATCH_MEMORY = Target(100, "MB", at_most=True)  # beyond inputs and outputs
LARGE_BATCH_SPEED = share(90)  # of the speed per sample with 1,000 samples
NEIGHBOURS = share(60)  # of the mean GFLOP/s of the next smaller and the next larger width


def small_level(fine_seconds: float, fraction: float) -> Target:
    """Return the bound in µs for a level with a fraction of the fine level's layers."""
    return Target(1e6 * (1.3 * fraction * fine_seconds) + 20, "µs", at_most=True)

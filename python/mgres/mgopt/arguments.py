"""Checks of the numbers that configure an optimiser."""

from __future__ import annotations

import math


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless `value` is positive and finite."""
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}: expected a positive number, got {value}")


def check_not_negative(name: str, value: float) -> None:
    """Raise ValueError unless `value` is finite and at least 0."""
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name}: expected a number >= 0, got {value}")


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless `value` lies in [0, 1)."""
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number in [0, 1), got {value}")


def check_fraction(name: str, value: float) -> None:
    """Raise ValueError unless `value` lies in (0, 1)."""
    if not 0 < value < 1:
        raise ValueError(f"{name}: expected a number in (0, 1), got {value}")

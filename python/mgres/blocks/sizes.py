"""Sizes of networks and of their parts."""

from __future__ import annotations

from typing import Any

from ..checks import check_integer

MOST_PARAMETERS = 10**15
"""More than any memory holds: larger sizes are mistakes."""


def check_size(name: str, value: Any) -> int:
    """Return `value` as an int if it can be the size of a network's part."""
    size = check_integer(name, value)
    if size > MOST_PARAMETERS:
        raise ValueError(
            f"{name}: expected at most {MOST_PARAMETERS:.0e} parameters in all, got {size}"
        )
    return size

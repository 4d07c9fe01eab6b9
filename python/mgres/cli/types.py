"""Types of arguments."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..runs import values


def argument(read: values.Reader) -> Callable[[str], Any]:
    """Return a reader of words whose complaints argparse passes on."""

    def convert(word: str) -> Any:
        try:
            return read(word)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _names(word: str) -> list[str]:
    names = [name.strip() for name in word.split(",")]
    if not all(names):
        raise ValueError(f"expected names with commas between them, got {word!r}")
    return names


def _budgets(word: str) -> list[float]:
    return sorted({values.positive_number(part) for part in _names(word)})


names = argument(_names)
budgets = argument(_budgets)
positive = argument(values.positive_integer)
count = argument(values.count)
threads = argument(values.threads)
positive_number = argument(values.positive_number)
number_from_zero = argument(values.number_from_zero)

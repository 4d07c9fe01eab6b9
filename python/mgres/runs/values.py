"""Reading the values of options, from words of a command or from a TOML file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from ..parallel import MOST_THREADS

Reader = Callable[[Any], Any]
"""From text, a number or a list to the value; raises a ValueError that says what was expected."""

MOST = 2**31 - 1


def positive_integer(value: Any) -> int:
    """Return an integer from 1 to 2**31 - 1."""
    return _integer(value, 1, "an integer from 1 to 2**31 - 1")


def threads(value: Any) -> int:
    """Return an integer from 1 to 4096."""
    return _integer(value, 1, f"an integer from 1 to {MOST_THREADS}", MOST_THREADS)


def count(value: Any) -> int:
    """Return an integer from 0 to 2**63 - 1."""
    return _integer(value, 0, "an integer from 0", 2**63 - 1)


def positive_number(value: Any) -> float:
    """Return a finite number greater than 0."""
    return _number(value, lambda x: 0 < x < math.inf, "a positive number")


def number_from_zero(value: Any) -> float:
    """Return a finite number from 0."""
    return _number(value, lambda x: 0 <= x < math.inf, "a number from 0")


def share(value: Any) -> float:
    """Return a number from 0 to 1."""
    return _number(value, lambda x: 0 <= x <= 1, "a share from 0 to 1")


def share_below_one(value: Any) -> float:
    """Return a number from 0 and less than 1."""
    return _number(value, lambda x: 0 <= x < 1, "a share from 0 and less than 1")


def text(value: Any) -> str:
    """Return text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected text, got {value!r}")
    return value


def character(value: Any) -> str:
    """Return one character; the two characters backslash and t stand for a tab."""
    value = {"\\t": "\t"}.get(value, value)
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise ValueError(f"expected a single character, such as ';', got {value!r}")
    return value


def channels(value: Any) -> int:
    """Return 1 or 3."""
    expected = "1 (grey) or 3 (RGB)"
    number = _integer(value, 1, expected, 3)
    if number == 2:
        raise ValueError(f"expected {expected}, got {value!r}")
    return number


def size(value: Any) -> list[int]:
    """Return height and width, out of a number that is both, a text such as 28x32, or a list."""
    parts = value.lower().split("x") if isinstance(value, str) else value
    both = list(parts) if isinstance(parts, list | tuple) else [parts]
    try:
        numbers = [_integer(part, 1, "") for part in both]
        if len(numbers) not in (1, 2):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"expected pixels such as 28, or 28x32 for rows x columns, got {value!r}"
        ) from None
    return [numbers[0], numbers[-1]]


def augment(value: Any) -> str:
    """Return how images are moved, written in one way."""
    found = moves(text(value))
    words = [f"shift={found['shift']}"] if found["shift"] else []
    return ",".join([*words, *(["flip"] if found["flip"] else [])])


def moves(value: str) -> dict[str, Any]:
    """Return the arguments of :class:`mgres.Augmented` for words such as shift=2,flip."""
    found: dict[str, Any] = {"shift": 0, "flip": False}
    for word in value.split(","):
        name, _, by = word.strip().partition("=")
        if (name, by) == ("flip", ""):
            found["flip"] = True
        elif name == "shift" and re.fullmatch("[1-9][0-9]{0,8}", by):
            found["shift"] = int(by)
        else:
            raise ValueError(
                f"expected shift=PIXELS, flip or both, as in shift=2,flip, got {value!r}"
            )
    return found


def numbers(value: Any) -> list[int]:
    """Return positive integers, of a list or with commas between them."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, (list, tuple)) or not given:
        raise ValueError(f"expected integers such as 8,16,32, got {value!r}")
    return [positive_integer(one) for one in given]


def texts(value: Any) -> list[str]:
    """Return a list of texts."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"expected a list of texts, got {value!r}")
    return [text(item) for item in value]


def truth(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


def choice(*names: str) -> Reader:
    """Return a reader of one of `names`, in small letters or large."""
    by_lower = {name.lower(): name for name in names}

    def read(value: Any) -> str:
        name = by_lower.get(value.lower()) if isinstance(value, str) else None
        if name is None:
            raise ValueError(f"expected one of {', '.join(names)}, got {value!r}")
        return name

    return read


NUMBERS = (
    channels,
    positive_integer,
    threads,
    count,
    positive_number,
    number_from_zero,
    share,
    share_below_one,
)
"""Readers of numbers, which also read them from words of a command."""


def _integer(value: Any, least: int, expected: str, most: int = MOST) -> int:
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        number = int(value)
        if not least <= number <= most:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(f"expected {expected}, got {value!r}") from None
    return number


def _number(value: Any, accept: Callable[[float], bool], expected: str) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value)
        if not accept(number):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"expected {expected}, got {value!r}") from None
    return number

"""Mistakes of the person at the terminal, and how they are told."""

from __future__ import annotations

EXPECTED = (ValueError, ArithmeticError, ImportError, OSError, MemoryError)
"""What the package raises where an argument, a file or the machine is not as it must be."""


class UserError(ValueError):
    """A mistake in the command or its surroundings, told in one line."""


def one_line(error: Exception) -> str:
    """Return what an error says, without line breaks; of an unexpected one also its type."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    if isinstance(error, EXPECTED):
        return text or type(error).__name__
    return f"{type(error).__name__}: {text} (unexpected: --debug shows where)"

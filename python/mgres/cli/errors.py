"""Mistakes of the person at the terminal, and how they are told."""

from __future__ import annotations


class UserError(Exception):
    """A mistake in the command or its surroundings, told in one line."""


def one_line(error: BaseException) -> str:
    """Return what an error says, without line breaks; a KeyError says which key."""
    text = " ".join(str(error).split()) or type(error).__name__
    return f"unknown name {text}" if isinstance(error, KeyError) else text

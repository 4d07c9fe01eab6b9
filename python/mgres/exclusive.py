"""One use at a time, for objects that a use changes; nobody waits, the second one is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_users: dict[int, object] = {}


@contextmanager
def exclusive(name: str, thing: object, use: str) -> Iterator[None]:
    """Hold `thing` inside.

    Parameters
    ----------
    name : str
        Of the argument, for the message.
    thing : object
        Anything.
    use : str
        What it is in use by.

    Raises
    ------
    RuntimeError
        If it is held already, in whatever thread.
    """
    me = object()
    if _users.setdefault(id(thing), me) is not me:  # atomic, and so needs no lock
        raise RuntimeError(f"{name}: is in use by {use}, which is not over; give each its own")
    try:
        yield
    finally:
        del _users[id(thing)]

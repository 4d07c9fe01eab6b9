"""The parts of a network as they are given, in their order, with what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..blocks import Hamiltonian, check_size
from ..schemes import Euler, Scheme, Verlet, scheme_of
from .maps import Conv, Linear, Map, StateShape
from .stack import Stack

MOST_STACKS = 16
"""What the compiled core has room for."""


@contextmanager
def named(part: str) -> Iterator[None]:
    """Say in which part of a network sizes do not fit."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{part}: {error}") from None


def in_order(given: Sequence[Stack | Map]) -> tuple[tuple[Stack, ...], tuple[Map, ...]]:
    """Return the stacks, and what connects each with the next."""
    if isinstance(given, Stack):
        given = [given]
    stacks: list[Stack] = []
    connections: list[Map] = []
    for part in given:
        if isinstance(part, Stack):
            if len(connections) < len(stacks):
                images = part.block.filters is not None
                connections.append(Conv(1) if images else Linear())
            stacks.append(part)
        elif not isinstance(part, Map):
            raise TypeError(f"stacks: expected stacks and maps of mgres.stages, got {part!r}")
        elif len(connections) >= len(stacks):
            raise ValueError(f"stacks: expected a stack before and behind each map, got {part}")
        else:
            connections.append(part)
    if not 1 <= len(stacks) <= MOST_STACKS:
        raise ValueError(f"stacks: expected 1 to {MOST_STACKS} stacks, got {len(stacks)}")
    if len(connections) == len(stacks):
        raise ValueError(
            f"stacks: expected a stack at the end, got {connections[-1]}; the map behind the last "
            "stack is the closing"
        )
    return tuple(stacks), tuple(connections)


def shape_of(inputs: int | Sequence[int]) -> StateShape:
    """Return the channels, height and width of a sample."""
    if not isinstance(inputs, (tuple, list)):
        return check_size("inputs", inputs), 1, 1
    if len(inputs) != 3:
        raise ValueError(f"inputs: expected features, or channels, height and width, got {inputs}")
    channels, height, width = (check_size("inputs", n) for n in inputs)
    return channels, height, width


def scheme_for(stacks: Sequence[Stack], scheme: str | Scheme | None) -> Scheme:
    """Return the scheme that is asked for, by default the one that suits the blocks."""
    if scheme is None:
        scheme = Verlet() if isinstance(stacks[0].block, Hamiltonian) else Euler()
    found = scheme_of(scheme)
    for stack in stacks:
        stack.block.check_scheme(found)
    return found

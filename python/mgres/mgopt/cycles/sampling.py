"""Objectives that are means over samples: how the levels of a cycle keep in step.

On a coarse level each step may use samples of its own.  What is compared between two levels has to
come from the same samples, though: the two gradients in the coupling, and the decrease that a
coarse visit predicts.  So a cycle says when a step begins and when levels have to agree; objectives
that are no means over samples need not know of it.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..objective import Objective
from .coupling import innermost


class Sampled(Objective, Protocol):
    """A mean over samples that may change during a cycle; its `revision` changes with them."""

    def draw(self) -> None:
        """Take other samples for the next evaluation, or keep those that there are."""
        ...

    def agree_with(self, fine: Objective) -> None:
        """Use the samples that the objective of a finer level uses."""
        ...


def draw(f: Objective) -> None:
    """Let `f`, a coarse level's objective, take other samples for its next step."""
    inner: Any = innermost(f)
    if hasattr(inner, "draw"):
        inner.draw()


def agree(coarse: Objective, fine: Objective) -> None:
    """Let two levels use the same samples: those of the finer one."""
    inner: Any = innermost(coarse)
    if hasattr(inner, "agree_with"):
        inner.agree_with(innermost(fine))

"""Nested iteration: from the coarsest level to the finest, as long as each pays."""

from .cascade import Cascade
from .full_multigrid import FullMultigrid
from .iteration import NestedIteration, NestedState
from .judge import Judge

__all__ = [
    "Cascade",
    "FullMultigrid",
    "Judge",
    "NestedIteration",
    "NestedState",
]

"""What smooths on a level: the protocol of all optimisers.

Each optimiser is a frozen description.  Everything that changes lives in the state made by `init`,
so that who keeps a state, and for how long, is the caller's decision and visible in its code.
"""

from __future__ import annotations

from typing import Any, Protocol

from .carrier import Carrier
from .metric import Metric
from .objective import Objective, Vector


class LevelOptimizer(Protocol):
    """A descent method with explicit state.

    States are carried by the optimiser of the level that gets something: `carry_down` is called on
    the coarse level's, `carry_up` on the fine level's.  Both have to be of the same type.
    """

    def init(self, x: Vector, metric: Metric) -> Any:
        """Return a fresh state for points like `x`; it holds the metric of the level."""
        ...

    def step(self, f: Objective, x: Vector, state: Any) -> float:
        """Improve `x` in place by one step; return f(x) as it was before."""
        ...

    def carry_down(self, fine: Any, carrier: Carrier) -> Any:
        """Return the state that a coarse level starts with when it takes over from `fine`.

        It shares no array with `fine`, which stays as it is.
        """
        ...

    def carry_up(self, fine: Any, coarse: Any, carrier: Carrier) -> None:
        """Update the state `fine` by what `coarse` has learnt."""
        ...

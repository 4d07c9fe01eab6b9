"""Ending training that has stalled, for methods that have no rule of their own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ...mgopt import StoppingRule
from ...resnet.network import Array
from ..history import Record


class LossStall:
    """A callback that ends training by a stopping rule on the loss.

    Parameters
    ----------
    rule : StoppingRule
        Such as :class:`mgres.mgopt.Stall`.
    seen : iterable of Record
        What a run that is resumed has shown to the rule before it was stopped.

    Attributes
    ----------
    met : bool
        Whether the rule has ended training.
    """

    def __init__(self, rule: StoppingRule, seen: Iterable[Record] = ()) -> None:
        self.met = False
        self._rule = rule
        self._state: Any = rule.init()
        for record in seen:
            self._show(record)

    def __call__(self, record: Record, theta: Array) -> bool:
        """Show the loss to the rule; return whether to stop."""
        self._show(record)
        return self.met

    def _show(self, record: Record) -> None:
        self.met = self._rule.met(self._state, record.loss, math.nan)

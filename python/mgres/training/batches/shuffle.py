"""The order in which training goes through the samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Order:
    """Indices 0 ... n - 1 in a random order, one permutation after the other.

    Attributes
    ----------
    epochs : int
        How many permutations have been used up.
    """

    def __init__(self, n: int, rng: np.random.Generator) -> None:
        self._n = n
        self._rng = rng
        self._order = np.empty(0, np.int64)
        self._at = 0
        self.epochs = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last permutation has been used up, or none has begun."""
        return self._at == len(self._order)

    def take(self, size: int) -> Indices:
        """Return the next `size` indices, or what is left of the permutation."""
        if self.is_complete:
            self._order = self._rng.permutation(self._n)
            self._at = 0
        chosen = self._order[self._at : self._at + size]
        self._at += len(chosen)
        self.epochs += self.is_complete
        return chosen

    def take_all_of(self, size: int) -> Indices:
        """Return `size` indices, if need be across the border of two permutations."""
        parts = [self.take(size)]
        while (missing := size - sum(map(len, parts))) > 0:
            parts.append(self.take(missing))
        return np.concatenate(parts)

    def export(self) -> dict[str, Any]:
        """Return where the order is and how it goes on."""
        random = self._rng.bit_generator.state
        return {"order": self._order, "at": self._at, "epochs": self.epochs, "random": random}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on as the order did of which `saved` is the export."""
        self._order, self._at, self.epochs = saved["order"], saved["at"], saved["epochs"]
        self._rng.bit_generator.state = saved["random"]

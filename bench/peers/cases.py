"""The sizes that are measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

QUICK_DEPTH = 32


@dataclass(frozen=True)
class Case:
    """One network and the number of samples that it sees."""

    width: int
    depth: int
    samples: int
    activation: str = "relu"
    dtype: str = "float32"
    n_inputs: int = 10
    n_outputs: int = 10

    @property
    def forward_flops(self) -> float:
        """Useful operations of the output alone, 2 v^2 n K: one product of v^2 n in each layer."""
        return 2.0 * self.width**2 * self.samples * self.depth

    @property
    def flops(self) -> float:
        """Useful operations of one gradient, 6 v^2 n K: three such products in each layer."""
        return 3 * self.forward_flops

    def quick(self) -> Case:
        """Return the same case with few layers: to see that everything runs, not how fast."""
        return replace(self, depth=min(self.depth, QUICK_DEPTH))

    def __str__(self) -> str:
        return (
            f"width {self.width}, depth {self.depth:,}, {self.samples:,} samples, {self.dtype}, "
            f"{self.activation}"
        )


Shrink = Callable[[Case], Case]
"""`Case.quick`, or what leaves a case as it is."""

CASES = {
    "headline": Case(width=10, depth=2048, samples=1000),
    "width-3": Case(width=3, depth=2048, samples=2000, n_inputs=2, n_outputs=2),
    "width-32": Case(width=32, depth=1024, samples=1000),
    "width-64": Case(width=64, depth=256, samples=256),
    "width-256": Case(width=256, depth=64, samples=256),
    "tanh": Case(width=10, depth=2048, samples=1000, activation="tanh"),
    "double": Case(width=10, depth=2048, samples=1000, dtype="float64"),
}

"""All that decides how a run goes, in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Settings:
    """A run: each attribute is an option of ``mgres train``, whose help describes it.

    None stands for "not set", where that means something: no limit, no mini-batches, levels chosen
    by the method.
    """

    data: str
    task: str
    depth: int
    width: int | None
    activation: str
    final_time: float
    dtype: str
    init: str
    method: str
    loss: str
    regularizer: str
    beta: float
    max_cycles: int
    seed: int
    checkpoint_minutes: float
    block: str = "dense"
    hidden: int | None = None
    norm: str | None = None
    paced: bool = False
    stages: tuple[int, ...] | None = None
    validation_fraction: float | None = None
    target: str | None = None
    delimiter: str | None = None
    ignore: tuple[str, ...] = ()
    channels: int | None = None
    size: tuple[int, int] | None = None
    augment: str | None = None
    levels: int | None = None
    schedule: str | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    patience: int | None = None
    target_accuracy: float | None = None
    target_loss: float | None = None
    max_work_units: float | None = None
    max_minutes: float | None = None
    checkpoint_cycles: int | None = None
    threads: int | None = None
    no_plots: bool = False
    quiet: bool = False

    def given(self) -> dict[str, Any]:
        """Return what is set, by name, ready to be written and to be resolved again."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


LIMITS = (
    "target_accuracy",
    "target_loss",
    "max_cycles",
    "max_work_units",
    "max_minutes",
)
"""What ends a run without changing its course until then."""

OUTWARD = ("checkpoint_minutes", "checkpoint_cycles", "threads", "no_plots", "quiet")
"""What does not change the result."""


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all layers; later ones win."""
    return {name: value for layer in layers for name, value in layer.items()}

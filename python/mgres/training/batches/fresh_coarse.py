"""Fresh batches for the steps of coarse levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from ...checks import check_integer
from ...mgopt import Counted, Hierarchy, Method, StateDefect
from ...resnet import LayeredObjective, Samples
from ...resnet.network import Array
from .shuffle import Order
from .strategies import Batches, ShuffledBatches, check_size, gather, judged


@dataclass(frozen=True)
class FreshCoarse:
    r"""The finest level sees one batch B, and every coarse step another one.

    With the same batch on all levels, the coarse levels, whose steps are cheap and many, over-fit
    it.  With fresh batches B', the coarse gradient is

    .. math:: f_{H,B'}'(y) - f_{H,B}'(y_0) + R f_{h,B}'(x) ,

    the coupling still coming from B alone.  The first step of a visit uses the gradient that the
    coupling knows, from B, which costs nothing.  A fresh batch is as large as B.

    On more than two levels, the coupling between two coarse levels comes from the batch that the
    finer one of them used last.  Values and predictions of a trust region come from the batch of
    the level that is corrected.  Optimisers that compare gradients of two steps, such as L-BFGS,
    do not fit, nor does the state defect, which belongs to fixed samples.

    Attributes
    ----------
    size : int
        Samples of a batch.
    """

    size: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_integer("size", self.size))

    def begin(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, seed: int
    ) -> Batches:
        """Return the batches of a run; see :class:`BatchStrategy`.

        Raises
        ------
        ValueError
            If there are fewer samples, a coarse level is no network, or `method` couples levels by
            a state defect.
        """
        check_size(f, self.size)
        if isinstance(getattr(method, "coupling", None), StateDefect):
            raise ValueError(
                "cycle: expected a coupling that allows for other samples on coarse levels, such "
                "as FirstOrder(), got StateDefect()"
            )
        method = judged(f, hierarchy, method, self.size, seed)
        return _FreshBatches(f, hierarchy, method, self.size, seed)


class _FreshBatches(ShuffledBatches):
    """Batches of the finest level, and sources for the samples of the coarse ones."""

    def __init__(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, size: int, seed: int
    ) -> None:
        super().__init__(f, method, lambda cycle: size, seed)
        self._coarse = [_network_objective(level.objective) for level in hierarchy[1:]]
        self._fresh = Order(len(self.X), np.random.default_rng([seed, 1]))

    def __enter__(self) -> Batches:
        """Give every coarse level samples of its own."""
        for objective in self._coarse:
            objective.samples = Samples(self.X, self.y)
            objective.samples.source = self._draw
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let all levels share all samples again."""
        super().__exit__(kind, error, traceback)
        for objective in self._coarse:
            objective.samples = self.f.samples

    def next(self) -> int:
        """Put the next batch in use on all levels."""
        epochs = super().next()
        for objective in self._coarse:
            objective.samples.agree_with(self.f.samples)
        return epochs

    def export(self) -> dict[str, Any]:
        """Return what decides which samples are in use, now and later."""
        return {**super().export(), "fresh": self._fresh.export()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what `export` has returned, and put those samples in use."""
        super().restore(saved)
        self._fresh.restore(saved["fresh"])
        for objective in self._coarse:
            objective.samples.agree_with(self.f.samples)

    def _draw(self) -> tuple[Array, Any]:
        return gather(self.X, self.y, self._fresh.take_all_of(len(self.f.samples)))


def _network_objective(objective: Any) -> LayeredObjective:
    inner: Any = objective.objective if isinstance(objective, Counted) else objective
    if not isinstance(getattr(inner, "samples", None), Samples):
        raise ValueError(
            "hierarchy: fresh batches need coarse levels made by f.coarsen(factor), got "
            f"{type(inner).__name__}"
        )
    network: LayeredObjective = inner
    return network

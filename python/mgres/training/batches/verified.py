"""Corrections verified on samples that had no part in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from ...mgopt import Hierarchy, Method, VerifiedOn
from ...resnet import LayeredObjective, Samples
from .shuffle import Indices
from .strategies import Batches, BatchStrategy, gather, make_strategy, resumable


@dataclass(frozen=True)
class Verified:
    """The samples of another strategy; corrections are verified on samples that are not in use.

    A line search on a batch can over-fit it: each batch improves while the next one's loss climbs.
    So a correction is only taken if it does not increase the loss on as many samples drawn from
    the rest (on all of the rest if they are fewer, and on all samples if there is no rest).  See
    :class:`mgres.mgopt.VerifiedOn`, which costs two values a cycle.

    Attributes
    ----------
    strategy : BatchStrategy or int
        What cycles see; a number stands for ``SameBatch(number)``.
    tolerance : float
        The share of its value by which the independent loss may increase.
    """

    strategy: BatchStrategy | int
    tolerance: float = 0.0

    def begin(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, seed: int
    ) -> Batches:
        """Return the batches of a run; see :class:`BatchStrategy`.

        Raises
        ------
        TypeError
            If `method` does not verify corrections, because it has none.
        ValueError
            If it does so already.
        """
        batches = make_strategy(self.strategy).begin(f, hierarchy, method, seed)
        changed: Any = batches.method
        if not hasattr(changed, "verify"):
            raise TypeError(
                "cycle: expected one that corrects the finest level, to be verified, got "
                f"{type(changed).__name__}"
            )
        if changed.verify is not None:
            raise ValueError("cycle: expected verify=None, as Verified sets it itself")
        independent = f.with_samples(Samples(f.samples.X, f.samples.y))
        guarded = dataclasses.replace(changed, verify=VerifiedOn(independent, self.tolerance))
        return _VerifiedBatches(batches, guarded, independent.samples, seed)


class _VerifiedBatches:
    """Batches of another strategy, and other samples for the verification."""

    def __init__(self, inner: Batches, method: Method, samples: Samples, seed: int) -> None:
        self.method = method
        self._inner = inner
        self._samples = samples
        self._X, self._y = samples.X, samples.y
        self._rng = np.random.default_rng([seed, 2])

    @property
    def indices(self) -> Indices | None:
        """Which samples are in use on the finest level."""
        return self._inner.indices

    def __enter__(self) -> Batches:
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._inner.__exit__(kind, error, traceback)

    def next(self) -> int:
        """Put the next batch in use, and independent samples beside it."""
        epochs = self._inner.next()
        rest = self._rest()
        if rest is None:
            self._samples.use(self._X, self._y)
        else:
            self._samples.use(*gather(self._X, self._y, rest))
        return epochs

    def export(self) -> dict[str, Any]:
        """Return what decides which samples are in use, now and later."""
        return {"inner": resumable(self._inner).export(), "random": self._rng.bit_generator.state}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what `export` has returned; the samples beside it come with the next batch."""
        resumable(self._inner).restore(saved["inner"])
        self._rng.bit_generator.state = saved["random"]

    def _rest(self) -> Indices | None:
        """Return as many indices of samples that are not in use as are in use, None for all."""
        used = self._inner.indices
        if used is None or len(used) == len(self._X):
            return None
        is_free = np.ones(len(self._X), bool)
        is_free[used] = False
        free = np.flatnonzero(is_free)
        return self._rng.choice(free, min(len(used), len(free)), replace=False)

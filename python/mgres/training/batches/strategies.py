"""Mini-batches: which samples a cycle sees.

A strategy is a description, given to :func:`mgres.fit` as `batch_size`.

====================  ==============================================================================
strategy              samples
====================  ==============================================================================
:class:`SameBatch`    all levels of a cycle see one batch: algorithm 3 of the paper
:class:`FreshCoarse`  the finest level and the coupling see one batch, each coarse step another one
:class:`Growing`      all levels see one batch, which grows from cycle to cycle
:class:`Verified`     those of another strategy; corrections are verified on samples beside them
:class:`Augmented`    those of another strategy, images, shifted and flipped at random
====================  ==============================================================================

Every strategy takes the samples in a random order, epoch by epoch; the last batch of an epoch may
be smaller, so that no sample is left out.  The order depends on the seed alone.  Only the samples
of a batch are copied: `X` may be a :class:`numpy.memmap` of a file larger than memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, cast

import numpy as np

from ...checks import check_integer, number_of
from ...mgopt import Hierarchy, Judge, Method, Smoothing
from ...resnet import LayeredObjective
from ...resnet.network import Array
from ...resnet.samples import Samples, Targets
from .shuffle import Indices, Order


class Batches(Protocol):
    """The batches of one training run; as a context manager it gives back all samples at the end.

    Attributes
    ----------
    method : Method
        What to run on them.
    indices : ndarray or None
        Which samples are in use on the finest level, None for all as they are.
    """

    @property
    def method(self) -> Method:
        """What to run on the batches."""
        ...

    @property
    def indices(self) -> Indices | None:
        """Which samples are in use on the finest level, None for all as they are."""
        ...

    def __enter__(self) -> Batches: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def next(self) -> int:
        """Put the next batch in use; return the number of complete epochs behind it."""
        ...


class ResumableBatches(Protocol):
    """Batches that can go on where others, of the same strategy, stopped."""

    def export(self) -> dict[str, Any]:
        """Return what decides which samples are in use, now and later."""
        ...

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what `export` has returned, and put those samples in use."""
        ...


class BatchStrategy(Protocol):
    """Which samples a cycle sees."""

    def begin(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, seed: int
    ) -> Batches:
        """Return the batches for a run of `method` on `hierarchy`, whose finest level is `f`.

        Nothing changes before the batches are entered as a context.
        """
        ...


@dataclass(frozen=True)
class SameBatch:
    """All levels of a cycle see the same batch: algorithm 3 of the paper.

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
        """Return the batches of a run; see :class:`BatchStrategy`."""
        check_size(f, self.size)
        method = judged(f, hierarchy, method, self.size, seed)
        return ShuffledBatches(f, method, lambda cycle: self.size, seed)


@dataclass(frozen=True)
class AllSamples:
    """All samples in every cycle."""

    def begin(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, seed: int
    ) -> Batches:
        """Return the batches of a run; see :class:`BatchStrategy`."""
        return ShuffledBatches(f, method, lambda cycle: None, seed)


@dataclass(frozen=True)
class Growing:
    """A batch that grows: cheap noisy steps first, and in the end the mean over all samples.

    In cycle i = 0, 1, ... a batch has ``start * factor ** (i // every)`` samples, rounded down, and
    once that are all of them, they are used as they are, without shuffling or copying.  A work unit
    is a gradient on the batch in use, and so grows with it.

    Source: R. Byrd, G. Chin, J. Nocedal and Y. Wu, Sample size selection in optimization methods
    for machine learning, Math. Program. 134 (2012), for geometric growth.

    Attributes
    ----------
    start : int
        Samples of the first batch.
    factor : float
        Growth, greater than 1.
    every : int
        Cycles from one growth to the next.
    """

    start: int
    factor: float = 2.0
    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", check_integer("start", self.start))
        object.__setattr__(self, "every", check_integer("every", self.every))
        if not 1 < number_of(self.factor) < math.inf:
            raise ValueError(f"factor: expected a number greater than 1, got {self.factor!r}")

    def begin(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, seed: int
    ) -> Batches:
        """Return the batches of a run; see :class:`BatchStrategy`."""
        n = len(f.samples)
        check_size(f, self.start)
        method = judged(f, hierarchy, method, self.start, seed)
        return ShuffledBatches(f, method, lambda cycle: self.size(cycle, n), seed)

    def size(self, cycle: int, n: int) -> int | None:
        """Return the size of a batch in `cycle`, counted from 0; None for all `n` samples."""
        growths = cycle // self.every
        if growths * math.log(self.factor) > math.log(n):  # before a power that overflows
            return None
        size = int(self.start * self.factor**growths)
        return size if size < n else None


class ShuffledBatches:
    """Batches in a random order, shared by all levels.

    Parameters
    ----------
    f : ResNetObjective or other LayeredObjective
        With all samples.
    method : Method
        What will run on the batches.
    size : callable
        ``size(cycle)`` returns how many samples the cycle gets, counted from 0; None for all.
    seed : int or Generator
        For the order.
    """

    def __init__(
        self,
        f: LayeredObjective,
        method: Method,
        size: Callable[[int], int | None],
        seed: int | np.random.Generator,
    ) -> None:
        self.method = method
        self.indices: Indices | None = None
        self.f = f
        self.X, self.y = f.samples.X, f.samples.y
        self._size = size
        self._order = Order(len(self.X), np.random.default_rng(seed))
        self._cycles = 0

    def __enter__(self) -> Batches:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give all samples back."""
        self._use(None)

    def next(self) -> int:
        """Put the next batch in use; return the number of complete epochs behind it."""
        size = self._size(self._cycles)
        self._cycles += 1
        if size is None and self._order.is_complete:
            self._order.epochs += 1
            self._use(None)
        else:
            self._use(self._order.take(len(self.X) if size is None else size))
        return self._order.epochs

    def export(self) -> dict[str, Any]:
        """Return what decides which samples are in use, now and later."""
        return {"indices": self.indices, "cycles": self._cycles, "order": self._order.export()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what `export` has returned, and put those samples in use."""
        self._cycles = saved["cycles"]
        self._order.restore(saved["order"])
        self._use(saved["indices"])

    def _use(self, indices: Indices | None) -> None:
        if indices is not None:
            self.f.samples.use(*gather(self.X, self.y, indices))
        elif self.f.samples.X is not self.X:
            self.f.samples.use(self.X, self.y)
        self.indices = indices


def batches(
    f: LayeredObjective, batch_size: int | None, seed: int | np.random.Generator
) -> Iterator[int]:
    """Put the batches of :class:`SameBatch` in use, for ever, in loops that are not :func:`fit`'s.

    Yields the number of complete epochs behind each batch.  With None all samples stay in use.
    """
    run = ShuffledBatches(f, Smoothing(), lambda cycle: batch_size, seed)
    while True:
        yield run.next()


def judged(
    f: LayeredObjective, hierarchy: Hierarchy, method: Method, size: int, seed: int
) -> Method:
    """Return `method` with a judge, if it has one, who asks about `size` samples that stay."""
    judge: Judge | None = getattr(method, "judge", None)
    if judge is None or judge.on:
        return method
    order = np.random.default_rng([seed, 3]).permutation(len(f.samples))
    chosen = Samples(*gather(f.samples.X, f.samples.y, np.sort(order[:size])))
    objectives = [hierarchy.coarser(l).finest for l in range(len(hierarchy))]
    if not all(hasattr(objective, "with_samples") for objective in objectives):
        return method
    views = tuple(cast(LayeredObjective, o).with_samples(chosen) for o in objectives)
    changed: Any = method
    return cast(Method, replace(changed, judge=Judge(views)))


def gather(X: Array, y: Targets, indices: Indices) -> tuple[Array, Any]:
    """Return copies of some samples and their targets, contiguous and in memory."""
    return np.asarray(X)[indices], np.asarray(y)[indices]


def resumable(batches: Batches) -> ResumableBatches:
    """Return `batches`, which can go on where others stopped.

    Raises
    ------
    TypeError
        If they cannot.
    """
    if not (hasattr(batches, "export") and hasattr(batches, "restore")):
        raise TypeError(
            "batch_size: expected batches with export() and restore(), which checkpoints need, got "
            f"{type(batches).__name__}"
        )
    return cast(ResumableBatches, batches)


def check_size(f: LayeredObjective, size: int) -> None:
    """Raise a ValueError if there are fewer than `size` samples."""
    if size > len(f.samples):
        raise ValueError(f"batch_size: expected 1 to {len(f.samples)} (all samples), got {size}")


def make_strategy(batch_size: BatchStrategy | int | None) -> BatchStrategy:
    """Return the strategy that `batch_size` stands for.

    Raises
    ------
    ValueError
        If it is neither a strategy nor a positive integer.
    """
    if batch_size is None:
        return AllSamples()
    if callable(getattr(batch_size, "begin", None)) and not isinstance(batch_size, type):
        strategy: Any = batch_size
        return strategy  # type: ignore[no-any-return]
    count: Any = batch_size
    check_integer("batch_size", count)
    return SameBatch(count)

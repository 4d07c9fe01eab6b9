"""Images of a batch, shifted and flipped at random."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checks import check_array, check_integer
from ...mgopt import Hierarchy, Method
from ...resnet import LayeredObjective
from ...resnet.network import Array
from .fresh_coarse import FreshCoarse
from .shuffle import Indices
from .strategies import Batches, BatchStrategy, make_strategy, resumable


@dataclass(frozen=True)
class Augmented:
    r"""The samples of another strategy, images that are shifted and flipped at random.

    Every image of a batch is moved by whole pixels, up to `shift` upwards or downwards and as many
    to the left or right, each with the same probability, all its channels alike; what comes in from
    beyond the edge is `background`.  With `flip`, every other one on average is mirrored, left to
    right, before.  This is done once for a cycle: all levels, line searches and couplings of the
    cycle see the same images, and so minimise the same function.

    So every cycle minimises a function of its own, even where all samples are in every batch:

    - A line search, and a trust region, hold within their cycle: the loss on its batch does not
      increase, while that on the next one may.
    - L-BFGS takes its pairs from one function each, but those that it carries from cycle to cycle
      belong to different ones; :class:`mgres.Adam`, which averages over them, is made for that.
    - Recorded losses, and `target_loss`, are about the augmented batch.  The first and the last
      record of :func:`mgres.fit` are about the samples as they are.
    - :class:`Verified`, around this one or within, compares on samples as they are, and so does a
      :class:`mgres.mgopt.Judge`.

    Attributes
    ----------
    strategy : BatchStrategy, int or None
        What cycles see; a number stands for ``SameBatch(number)``, None for all samples.
    shape : tuple of int
        Channels, height and width of an image, whose features are in the order of
        :class:`mgres.blocks.Filters`: (c*H + i)*W + j.
    shift : int or tuple of int
        The most pixels by which an image moves, in rows and in columns.
    flip : bool
        Whether images are mirrored.
    background : float or ndarray, shape (channels * height * width,)
        What an image that is black all over is as an input: 0 if inputs are grey values; minus the
        mean if a mean was taken off.  With one number for each feature, images are moved as if
        before that was done: a + (x - a) moved, where a is the background.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> image = np.array([[0, 1, 0, 2, 3, 0, 0, 0, 0]], np.float32)
    >>> Augmented(100, shape=(1, 3, 3), shift=1).apply(image, rng).reshape(3, 3)
    array([[0., 0., 0.],
           [0., 0., 1.],
           [0., 2., 3.]], dtype=float32)
    """

    strategy: BatchStrategy | int | None
    shape: tuple[int, int, int]
    shift: int | tuple[int, int] = 2
    flip: bool = False
    background: float | NDArray[Any] = field(default=0.0, repr=False, compare=False)

    def __post_init__(self) -> None:
        make_strategy(self.strategy)
        shape = self.shape
        if not isinstance(shape, Sequence) or isinstance(shape, str) or len(shape) != 3:
            raise ValueError(f"shape: expected channels, height and width, got {shape!r}")
        object.__setattr__(self, "shape", tuple(check_integer("shape", size) for size in shape))
        for most, size, name in zip(
            self._shifts(), self.shape[1:], ("rows", "columns"), strict=True
        ):
            if check_integer("shift", most, least=0) >= size:
                raise ValueError(
                    f"shift: expected less than the {size} {name} of an image, got {self.shift!r}"
                )
        if not isinstance(self.flip, bool):
            raise ValueError(f"flip: expected True or False, got {self.flip!r}")
        if not self.flip and self._shifts() == (0, 0):
            raise ValueError("shift: expected 1 or more, or flip=True: nothing is changed else")
        background = np.asarray(self.background, np.float64)
        if background.shape not in ((), (math.prod(self.shape),)):
            raise ValueError(
                f"background: expected a number, or one for each of the {math.prod(self.shape)} "
                f"features, got shape {background.shape}"
            )
        if not np.isfinite(background).all():
            raise ValueError("background: expected finite numbers")
        object.__setattr__(self, "background", background)

    @property
    def size(self) -> int | None:
        """The samples of a batch, where that is one number."""
        strategy: Any = self.strategy
        size = getattr(strategy, "size", strategy)
        return size if isinstance(size, int) else None

    def begin(
        self, f: LayeredObjective, hierarchy: Hierarchy, method: Method, seed: int
    ) -> Batches:
        """Return the batches of a run; see :class:`BatchStrategy`.

        Raises
        ------
        ValueError
            If the samples are no images of this shape, or coarse levels have batches of their own.
        """
        features = f.samples.X.shape[1]
        if features != math.prod(self.shape):
            raise ValueError(
                f"shape: {self.shape} has {math.prod(self.shape)} features, and the samples have "
                f"{features}"
            )
        inner: Any = self
        while hasattr(inner, "strategy"):
            inner = inner.strategy
        if isinstance(inner, FreshCoarse):
            raise ValueError(
                "strategy: expected one batch for all levels of a cycle, such as SameBatch(size), "
                f"got {inner!r}, whose fresh samples would not be augmented"
            )
        batches = make_strategy(self.strategy).begin(f, hierarchy, method, seed)
        return _AugmentedBatches(self, batches, f, seed)

    def apply(self, X: Array, rng: np.random.Generator) -> Array:
        """Return a copy of images, each of them moved and perhaps mirrored.

        Parameters
        ----------
        X : ndarray, shape (n, channels * height * width)
            Images, C-contiguous.
        rng : numpy.random.Generator
            Decides, and is changed.

        Raises
        ------
        TypeError, ValueError
            If `X` is not as described.
        """
        check_array("X", X, (-1, math.prod(self.shape)), X.dtype)
        n, (_, height, width), (down, right) = len(X), self.shape, self._shifts()
        i = rng.integers(-down, down, n, endpoint=True)
        j = rng.integers(-right, right, n, endpoint=True)
        is_flipped = rng.random(n) < 0.5 if self.flip else np.zeros(n, bool)
        images = X.reshape(n, *self.shape)
        ground = np.broadcast_to(
            np.asarray(self.background, X.dtype).reshape(-1 if np.ndim(self.background) else 1),
            math.prod(self.shape),
        ).reshape(self.shape)
        out = np.empty_like(images)
        out[:] = ground
        # those that go the same way go together: at most 2 (2 shift + 1)^2 groups, however many
        way = ((i + down) * (2 * right + 1) + (j + right)) * 2 + is_flipped
        order = np.argsort(way, kind="stable")
        _, begins = np.unique(way[order], return_index=True)
        for rows in np.split(order, begins[1:]):
            to_i, from_i = _overlap(int(i[rows[0]]), height)
            to_j, from_j = _overlap(int(j[rows[0]]), width)
            sources = [images, ground]
            if is_flipped[rows[0]]:
                sources = [source[..., ::-1] for source in sources]
            moved, base = (source[..., from_i, from_j] for source in sources)
            change = ground[:, to_i, to_j] - base
            part = moved[rows]
            out[rows, :, to_i, to_j] = part + change if change.any() else part
        return out.reshape(X.shape)

    def _shifts(self) -> tuple[int, int]:
        """Return the most rows and columns by which an image moves."""
        both = self.shift if isinstance(self.shift, tuple) else (self.shift, self.shift)
        if len(both) != 2:
            raise ValueError(
                f"shift: expected an integer, or one for rows and one for columns, got {both}"
            )
        return both


def _overlap(by: int, size: int) -> tuple[slice, slice]:
    """Return where pixels go that move by so many, and where they come from."""
    return slice(max(by, 0), size + min(by, 0)), slice(max(-by, 0), size + min(-by, 0))


class _AugmentedBatches:
    """Batches of another strategy, whose images are replaced by moved ones."""

    def __init__(self, how: Augmented, inner: Batches, f: LayeredObjective, seed: int) -> None:
        self._how = how
        self._inner = inner
        self._f = f
        self._rng = np.random.default_rng([seed, 4])
        self._before: Mapping[str, Any] | None = None  # of the batch in use

    @property
    def method(self) -> Method:
        """What to run on the batches."""
        return self._inner.method

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
        """Put the next batch in use, with its images moved."""
        epochs = self._inner.next()
        self._augment()
        return epochs

    def export(self) -> dict[str, Any]:
        """Return what decides which samples are in use, now and later, and how they are moved."""
        return {
            "inner": resumable(self._inner).export(),
            "before": self._before,
            "random": self._rng.bit_generator.state,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what `export` has returned, and put those images in use."""
        resumable(self._inner).restore(saved["inner"])
        if saved["before"] is None:
            self._rng.bit_generator.state = saved["random"]
            return
        self._rng.bit_generator.state = saved["before"]
        self._augment()

    def _augment(self) -> None:
        self._before = self._rng.bit_generator.state
        samples = self._f.samples
        samples.use(self._how.apply(np.asarray(samples.X), self._rng), samples.y)

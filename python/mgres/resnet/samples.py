"""Samples in use, and what can be wrong with samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import check_plain
from .compiled import CompiledNetwork
from .layout import Array

Targets = NDArray[np.int64] | Array


class Samples:
    """Inputs and targets in use, shared by all levels of a hierarchy or owned by one.

    Training on mini-batches replaces them in one place, so that every level of a cycle sees the
    same batch.  A coarse level with samples of its own may take fresh ones from a source.

    Attributes
    ----------
    X : ndarray, shape (n, n_inputs)
        Inputs.
    y : ndarray
        Labels, shape (n,), int64; or target vectors, shape (n, n_outputs); or target vectors and in
        one more column the samples' weights, shape (n, n_outputs + 1).
    revision : int
        How often they have been replaced.
    source : callable or None
        Returns other inputs and targets when :meth:`draw` asks for them.
    """

    def __init__(self, X: Array, y: Targets) -> None:
        self._X = X
        self._y = y
        self.revision = 0
        self.source: Callable[[], tuple[Array, Targets]] | None = None
        self._due = False
        self._users: dict[object, bool] = {}
        self._exchanged_by: int | None = None

    @property
    def X(self) -> Array:
        """Inputs, shape (n, n_inputs)."""
        self._fetch()
        return self._X

    @property
    def y(self) -> Targets:
        """Targets of the inputs."""
        self._fetch()
        return self._y

    @contextmanager
    def lent(self, *, exchanged: bool) -> Iterator[None]:
        """Keep the samples for one run: as they are, or to be exchanged for mini-batches.

        Any number of runs may use them as they are.  A run that exchanges them is alone, and while
        it lasts nobody sees the samples from another thread.  Nobody waits.

        Parameters
        ----------
        exchanged : bool
            Whether the run exchanges them.

        Returns
        -------
        context manager

        Raises
        ------
        RuntimeError
            If another run uses them in a way that does not go together with this one.
        """
        me = object()
        self._users[me] = exchanged
        try:
            for user, exchanges in list(self._users.items()):  # in order of arrival
                if user is me:
                    break
                if exchanges or exchanged:
                    raise RuntimeError(
                        "f: its samples are in use by another call of fit, and one of the two "
                        "trains on mini-batches, which replace them: give each call a "
                        "ResNetObjective of its own"
                    )
            if exchanged:
                self._exchanged_by = get_ident()
            try:
                yield
            finally:
                if exchanged:
                    self._exchanged_by = None
        finally:
            del self._users[me]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the present users out of pickles and copies."""
        return {**self.__dict__, "_users": {}, "_exchanged_by": None}

    def use(self, X: Array, y: Targets) -> None:
        """Take other samples, which were checked before."""
        self._X = X
        self._y = y
        self._due = False
        self.revision += 1

    def draw(self) -> None:
        """Take samples from the source, if there is one, before the next evaluation.

        They are fetched when they are needed: a step that knows its gradient already uses none up.
        """
        if self.source is not None:
            self._due = True
            self.revision += 1

    def agree_with(self, other: Samples) -> None:
        """Take the samples that `other` uses."""
        if self is not other and (self._due or self._X is not other.X or self._y is not other.y):
            self.use(other.X, other.y)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.X)

    def _fetch(self) -> None:
        if self._exchanged_by is not None and self._exchanged_by != get_ident():
            raise RuntimeError(
                "f: is on mini-batches of a call of fit in another thread: give each thread a "
                "ResNetObjective of its own"
            )
        if self._due:
            assert self.source is not None
            self._X, self._y = self.source()
            self._due = False


def check_inputs(name: str, X: Array, net: CompiledNetwork) -> Array:
    """Return `X` if it can be fed to `net`; otherwise say what is wrong with it."""
    if not isinstance(X, np.ndarray):
        raise TypeError(f"{name}: expected a numpy array, got {type(X).__name__}")
    check_plain(name, X)
    if X.dtype != net.dtype:
        raise TypeError(f"{name}: expected dtype {net.dtype}, as the network has, got {X.dtype}")
    if X.ndim != 2 or X.shape[1] != net.n_inputs:
        raise ValueError(f"{name}: expected shape (n, {net.n_inputs}), got {X.shape}")
    if len(X) == 0:
        raise ValueError(f"{name}: expected at least one sample, got none")
    if not X.flags.c_contiguous:
        raise TypeError(
            f"{name}: expected a C-contiguous array, got a strided one; "
            "pass numpy.ascontiguousarray(...)"
        )
    _check_finite(name, X)
    return X


def check_targets(name: str, y: NDArray[Any], n: int, net: CompiledNetwork, loss: str) -> Targets:
    """Return `y` as int64 labels (n,) or as vectors (n, n_outputs) of the network's dtype."""
    if not isinstance(y, np.ndarray):
        raise TypeError(f"{name}: expected a numpy array, got {type(y).__name__}")
    check_plain(name, y)
    if np.issubdtype(y.dtype, np.integer):
        if y.shape != (n,):
            raise ValueError(f"{name}: expected labels of shape ({n},), got {y.shape}")
        wrong = np.flatnonzero((y < 0) | (y >= net.n_outputs))
        if wrong.size:
            raise ValueError(
                f"{name}: expected labels from 0 to {net.n_outputs - 1}, got {y[wrong[0]]} in row "
                f"{wrong[0]}"
            )
        return np.ascontiguousarray(y, np.int64)
    if not np.issubdtype(y.dtype, np.floating):
        raise TypeError(f"{name}: expected integer labels or float vectors, got dtype {y.dtype}")
    vectors = y.reshape(n, 1) if y.shape == (n,) and net.n_outputs == 1 else y
    if vectors.shape != (n, net.n_outputs):
        raise ValueError(f"{name}: expected shape ({n}, {net.n_outputs}), got {y.shape}")
    _check_finite(name, vectors)
    if loss == "cross_entropy":
        off = np.abs(vectors.sum(axis=1) - 1) > 1e-3
        wrong = np.flatnonzero(off | (vectors < 0).any(axis=1))
        if wrong.size:
            raise ValueError(
                f"{name}: expected probability vectors for cross_entropy (>= 0, sum 1), got "
                f"{vectors[wrong[0]]} in row {wrong[0]}"
            )
    return np.ascontiguousarray(vectors, net.dtype)


def check_validation(X: Array, y: NDArray[Any], net: CompiledNetwork) -> None:
    """Raise an error unless they are samples and labels for `net`."""
    check_inputs("validation[0]", X, net)
    if isinstance(y, np.ndarray) and not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"validation[1]: expected integer labels, got dtype {y.dtype}")
    check_targets("validation[1]", y, len(X), net, "cross_entropy")


def _check_finite(name: str, values: NDArray[Any]) -> None:
    # the sum is finite unless something in it is not, or it overflows: cheap first, exact then
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum(dtype=np.float64)):
            return
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, column = bad[0]
        raise ValueError(
            f"{name}: expected finite numbers, got {values[row, column]} in row {row}, "
            f"column {column}"
        )

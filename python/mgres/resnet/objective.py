"""The mean loss of a network on the samples in use, with its regulariser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .network import PARTS, Array, ResNet
from .regularizer import Regularizer, bind_all
from .weighting import weighted_targets

LOSSES = tuple(_core.Loss.__members__)

Targets = NDArray[np.int64] | Array


class Samples:
    """Inputs and targets in use, shared by all levels of a hierarchy.

    Training on mini-batches replaces them in one place, so that every level of a cycle sees the
    same batch.

    Attributes
    ----------
    X : ndarray, shape (n, n_inputs)
        Inputs.
    y : ndarray
        Labels, shape (n,), int64; or target vectors, shape (n, n_outputs); or target vectors and in
        one more column the samples' weights, shape (n, n_outputs + 1).
    revision : int
        How often the samples were replaced.
    """

    def __init__(self, X: Array, y: Targets) -> None:
        self.X = X
        self.y = y
        self.revision = 0

    def use(self, X: Array, y: Targets) -> None:
        """Take other samples, which were checked before."""
        self.X = X
        self.y = y
        self.revision += 1

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.X)


class ResNetObjective:
    r"""Mean loss over the samples plus regulariser: equation (8) of the paper.

    .. math::

        f(\theta) = \frac{1}{n} \sum_{j=1}^n \ell(z_j, c_j) + R(\theta)

    =================  ===============================================================
    loss               :math:`\ell(z, c)`
    =================  ===============================================================
    cross_entropy      softmax cross-entropy; c a label or a probability vector
    squared_error      :math:`\frac12 \|z - c\|^2`; c a label (unit vector) or a vector
    =================  ===============================================================

    Parameters
    ----------
    net : ResNet
        The network.
    X : ndarray, shape (n, n_inputs)
        Samples, C-contiguous, of the network's dtype.
    y : ndarray
        Labels, shape (n,), of any integer type; or vectors, shape (n, n_outputs).
    loss : str
        "cross_entropy" or "squared_error".
    regularizer : Regularizer or sequence of them, optional
        Added to the mean loss, such as :class:`Tikhonov` and :class:`Smoothness`.
    fixed : sequence of str
        Parts of the parameters ("opening", "blocks", "closing") that shall not change: their
        gradient is exactly zero.
    sample_weight : array_like, shape (n,), optional
        Weights w_j >= 0 for the mean, sum_j w_j l_j / sum_j w_j; see also
        :func:`mgres.resnet.class_weights`.

    Raises
    ------
    TypeError
        If an array has the wrong dtype or layout.
    ValueError
        If shapes do not fit, a number is NaN or infinite, a label is out of range, a target vector
        is no probability vector, or a name is unknown.
    """

    def __init__(
        self,
        net: ResNet,
        X: Array,
        y: NDArray[Any],
        loss: str = "cross_entropy",
        regularizer: Regularizer | Sequence[Regularizer] | None = None,
        *,
        fixed: Sequence[str] = (),
        sample_weight: Any = None,
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss: expected one of {LOSSES}, got {loss!r}")
        unknown = set(fixed) - set(PARTS)
        if isinstance(fixed, str) or unknown:
            raise ValueError(f"fixed: expected a sequence of names from {PARTS}, got {fixed!r}")
        check_inputs("X", X, net)
        targets = check_targets("y", y, len(X), net, loss)
        if sample_weight is not None:
            targets = weighted_targets(targets, sample_weight, net)
        samples = Samples(X, targets)
        self._setup(net, samples, loss, regularizer, tuple(fixed), net.depth)

    def _setup(
        self,
        net: ResNet,
        samples: Samples,
        loss: str,
        regularizer: Regularizer | Sequence[Regularizer] | None,
        fixed: tuple[str, ...],
        finest_depth: int,
    ) -> None:
        self.net = net
        self.samples = samples
        self.loss = loss
        self.regularizer = regularizer
        self.fixed = fixed
        self.finest_depth = finest_depth
        self._evaluator = net.evaluator(loss, fixed)
        self._penalties = bind_all(regularizer, net, finest_depth, fixed)

    def coarsen(self, factor: int) -> ResNetObjective:
        """Return the objective of the network with `factor` times fewer layers.

        It shares the samples, and its regulariser is scaled for its level.

        Raises
        ------
        ValueError
            If `factor` does not divide the depth.
        """
        if factor < 2 or self.net.depth % factor:
            raise ValueError(
                f"factor: expected a divisor of {self.net.depth} layers, at least 2, got {factor}"
            )
        coarse = object.__new__(ResNetObjective)
        coarse._setup(
            self.net.with_depth(self.net.depth // factor),
            self.samples,
            self.loss,
            self.regularizer,
            self.fixed,
            self.finest_depth,
        )
        return coarse

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.net.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters and data."""
        return self.net.dtype

    @property
    def revision(self) -> int:
        """Changes with the samples in use: what was remembered of f is then of another function."""
        return self.samples.revision

    def value(self, x: Array) -> float:
        """Return f(x)."""
        value = self._evaluator.value(x, self.samples.X, self.samples.y)
        for penalty in self._penalties:
            value += penalty.value(x)
        return value

    def value_and_grad(self, x: Array, out: Array) -> float:
        """Write the gradient of f at `x` to `out` and return f(x)."""
        value = self._evaluator.value_and_grad(x, self.samples.X, self.samples.y, out)
        for penalty in self._penalties:
            value += penalty.add_gradient(x, out)
        return value


def check_inputs(name: str, X: Array, net: ResNet) -> Array:
    """Return `X` if it can be fed to `net`; otherwise say what is wrong with it."""
    if not isinstance(X, np.ndarray):
        raise TypeError(f"{name}: expected a numpy array, got {type(X).__name__}")
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


def check_targets(name: str, y: NDArray[Any], n: int, net: ResNet, loss: str) -> Targets:
    """Return `y` as int64 labels (n,) or as vectors (n, n_outputs) of the network's dtype."""
    if not isinstance(y, np.ndarray):
        raise TypeError(f"{name}: expected a numpy array, got {type(y).__name__}")
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

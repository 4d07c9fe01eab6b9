"""The evaluator of networks whose block is Python: what the compiled one does, in plain NumPy.

It has the methods of :class:`mgres._core.EvaluatorFloat64`, so that everything above an evaluator
works with blocks of the user's own.  Threads and a tape mean nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..checks import check_array, check_output
from ..floats import quiet
from ..memory import check_memory
from . import reference
from .curvature_reference import STEP
from .layout import Array


class Net(reference.Net, Protocol):
    """What an evaluator asks of a network beside its steps."""

    @property
    def n_inputs(self) -> int:
        """Features of a sample."""
        ...

    @property
    def width(self) -> int:
        """Features of a state."""
        ...

    @property
    def size(self) -> int:
        """The number of parameters."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of parameters and data."""
        ...

    def part(self, name: str) -> slice:
        """Return where a part lies in the flat array."""
        ...


MANY_BYTES = 10**8

_as_compiled = quiet("over", "invalid", "divide", "under")
"""What is not finite is no error of NumPy: whoever uses the numbers looks at them."""


class PythonEvaluator:
    """A network with its loss; the derivatives by `fixed` parts are zero."""

    workspace_bytes = 0

    def __init__(self, net: Net, loss: str, fixed: tuple[str, ...]) -> None:
        self.net = net
        self.loss = loss
        self.size = net.size
        self._fixed = [net.part(part) for part in fixed]

    @_as_compiled
    def logits(
        self, theta: Array, X: Array, out: Array, defect: Array | None = None, threads: int = 0
    ) -> None:
        """Write the logits (n, n_outputs) to `out`."""
        self._check(theta, X, defect)
        self._check_out("out", out, (len(X), self.net.n_outputs), theta=theta, X=X)
        out[...] = reference.logits(self.net, theta, X, defect)

    @_as_compiled
    def states(
        self,
        theta: Array,
        X: Array,
        stack: int,
        layers: Sequence[int],
        out: Array,
        defect: Array | None = None,
        threads: int = 0,
    ) -> None:
        """Write the states after `layers` layers of the one stack, (n, width) each, to `out`."""
        self._check(theta, X, defect)
        self._check_out("out", out, (len(layers), len(X), self.net.width), theta=theta, X=X)
        found = reference.states(self.net, theta, X, defect)
        for place, k in zip(out, layers, strict=True):
            place[...] = found[k]

    @_as_compiled
    def value(
        self, theta: Array, X: Array, y: NDArray[Any], defect: Array | None = None, threads: int = 0
    ) -> float:
        """Return the mean loss."""
        self._check(theta, X, defect, y)
        return self._loss(reference.logits(self.net, theta, X, defect), y)[0]

    @_as_compiled
    def value_and_grad(
        self,
        theta: Array,
        X: Array,
        y: NDArray[Any],
        out: Array,
        defect: Array | None = None,
        threads: int = 0,
    ) -> float:
        """Write the gradient of the mean loss to `out` and return the mean loss."""
        self._check(theta, X, defect, y)
        self._check_out("out", out, (self.size,), theta=theta, X=X, y=y)
        value, dz = self._loss(reference.logits(self.net, theta, X, defect), y)
        out[...] = self._free(reference.vjp(self.net, theta, X, dz, defect)[0])
        return value

    @_as_compiled
    def vjp(
        self,
        theta: Array,
        X: Array,
        dlogits: Array,
        out: Array,
        out_X: Array | None = None,  # noqa: N803
        defect: Array | None = None,
        threads: int = 0,
    ) -> None:
        """Write the transposed derivative of the logits times `dlogits` to `out` and `out_X`."""
        self._check(theta, X, defect)
        check_array("dlogits", dlogits, (len(X), self.net.n_outputs), self.net.dtype)
        self._check_out("out", out, (self.size,), theta=theta, X=X, dlogits=dlogits)
        if out_X is not None:
            self._check_out("out_X", out_X, X.shape, theta=theta, X=X, dlogits=dlogits, out=out)
        by_theta, by_inputs = reference.vjp(self.net, theta, X, dlogits, defect)
        out[...] = self._free(by_theta)
        if out_X is not None:
            out_X[...] = by_inputs

    @_as_compiled
    def hessian_product(
        self,
        theta: Array,
        X: Array,
        y: NDArray[Any],
        v: Array,
        out: Array,
        defect: Array | None = None,
        threads: int = 0,
    ) -> None:
        """Write the Hessian of the mean loss times `v` to `out`, by a complex step."""
        point, dz = self._moved(theta, X, y, v, defect, out)
        gradient, _ = reference.vjp(self.net, point, X, dz, defect)
        out[...] = self._free(gradient.imag / STEP)

    @_as_compiled
    def gauss_newton_product(
        self,
        theta: Array,
        X: Array,
        y: NDArray[Any],
        v: Array,
        out: Array,
        defect: Array | None = None,
        threads: int = 0,
    ) -> None:
        """Write the product of the Gauss-Newton matrix of the mean loss with `v` to `out`."""
        _, dz = self._moved(theta, X, y, v, defect, out)
        by_theta, _ = reference.vjp(self.net, theta, X, dz.imag / STEP, defect)
        out[...] = self._free(by_theta)

    @_as_compiled
    def state_defect(
        self,
        theta: Array,
        X: Array,
        coarse: PythonEvaluator,
        coarse_theta: Array,
        out: Array,
        defect: Array | None = None,
        threads: int = 0,
    ) -> None:
        """Write by how much the steps of `coarse` miss the states of this network to `out`."""
        self._check(theta, X, defect)
        found = reference.state_defect(self.net, theta, coarse.net, coarse_theta, X, defect)
        out[...] = np.ravel(found)

    def defect_size(self, n_samples: int) -> int:
        """Return the length of a state defect of this network."""
        return self.net.depth * n_samples * self.net.width

    def gradient_bytes(self, n_samples: int, threads: int = 0) -> int:
        """Return the memory of the states of all layers, which a gradient keeps, in bytes."""
        return (self.net.depth + 1) * n_samples * self.net.width * self.net.dtype.itemsize

    def checkpoints(self, n_samples: int, threads: int = 0) -> int:
        """Return 0: the states of all layers are kept."""
        return 0

    def _moved(
        self, theta: Array, X: Array, y: NDArray[Any], v: Array, defect: Array | None, out: Array
    ) -> tuple[Any, Any]:
        """Return theta with a complex step along `v`, and dloss/dlogits there."""
        self._check(theta, X, defect, y)
        check_array("v", v, (self.size,), self.net.dtype)
        self._check_out("out", out, (self.size,), theta=theta, v=v, X=X, y=y)
        point = theta + 1j * STEP * self._free(v.astype(np.float64))
        return point, self._loss(reference.logits(self.net, point, X, defect), y)[1]

    def _free(self, gradient: Any) -> Any:
        """Return `gradient` with zeros for what is fixed, in place."""
        for part in self._fixed:
            gradient[part] = 0
        return gradient

    def _loss(self, z: Any, y: NDArray[Any]) -> tuple[float, Any]:
        """Return the mean loss and its derivative by the logits; the last column may be weights."""
        weights: Any = 1.0
        targets: Any = y
        if y.ndim == 1:
            targets = np.eye(self.net.n_outputs, dtype=self.net.dtype)[y]
        elif y.shape[1] > self.net.n_outputs:
            targets, weights = y[:, :-1], y[:, -1]
        losses = weights * reference.sample_losses(self.loss, z, targets)
        dz = reference.loss_gradient(self.loss, z, targets) / len(y)
        return float(losses.mean().real), (dz.T * weights).T

    def _check(
        self, theta: Array, X: Array, defect: Array | None, y: NDArray[Any] | None = None
    ) -> None:
        net = self.net
        check_array("theta", theta, (self.size,), net.dtype)
        check_array("X", X, (-1, net.n_inputs), net.dtype)
        if not len(X):
            raise ValueError("X: expected at least one sample, got none")
        needed = self.gradient_bytes(len(X))
        if needed > MANY_BYTES:  # a look at what there is takes some time itself
            check_memory("block: keeping the states of all layers", needed)
        if defect is not None:
            check_array("defect", defect, (self.defect_size(len(X)),), net.dtype)
        if y is not None:
            _check_targets(y, len(X), net.n_outputs, net.dtype)

    def _check_out(self, name: str, out: Array, shape: tuple[int, ...], /, **inputs: Array) -> None:
        check_output(name, out, shape, self.net.dtype, inputs)


def _check_targets(y: Any, n: int, n_outputs: int, dtype: np.dtype[Any]) -> None:
    """Raise an error unless `y` are labels or vectors for `n` samples, with or without weights."""
    if isinstance(y, np.ndarray) and y.dtype == np.int64:
        check_array("y", y, (n,), y.dtype)
        wrong = np.flatnonzero((y < 0) | (y >= n_outputs))
        if wrong.size:
            raise ValueError(
                f"y: expected labels from 0 to {n_outputs - 1}, got {y[wrong[0]]} for sample "
                f"{wrong[0]}"
            )
    else:
        weighted = np.ndim(y) == 2 and np.shape(y)[1] == n_outputs + 1
        check_array("y", y, (n, n_outputs + weighted), dtype)

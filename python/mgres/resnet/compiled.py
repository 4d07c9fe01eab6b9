"""What every network of the compiled core does with parameters and samples."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .. import _core
from ..checks import check_plain, check_predictions, share_right
from ..parallel import wanted_threads
from ..schemes import Scheme
from .layout import PARTS, Array, Layout, StackPart
from .python_evaluator import PythonEvaluator

C = TypeVar("C", bound="CompiledNetwork")

Evaluator: TypeAlias = _core.EvaluatorFloat32 | _core.EvaluatorFloat64 | PythonEvaluator


class CompiledNetwork:
    """A network without parameters: outputs and derivatives for those it is given.

    What it consists of is said by the classes derived from it, :class:`mgres.ResNet` and
    :class:`mgres.Network`, which have the attributes named here.
    """

    if TYPE_CHECKING:  # fields of one class, properties of another

        @property
        def dtype(self) -> np.dtype[Any]:
            """float32 or float64, of parameters and data."""
            ...

        @property
        def n_inputs(self) -> int:
            """Features of a sample."""
            ...

        @property
        def n_outputs(self) -> int:
            """How many outputs."""
            ...

        @property
        def depth(self) -> int:
            """Layers, of which coarser networks have a fraction."""
            ...

        @property
        def dt(self) -> float:
            """The step size."""
            ...

        @property
        def final_time(self) -> float:
            """T."""
            ...

        @property
        def scheme(self) -> Scheme:
            """How a layer steps."""
            ...

        @property
        def named_shapes(self) -> dict[str, tuple[int, ...]]:
            """The shapes of the views by their names."""
            ...

        @property
        def stack_parts(self) -> tuple[StackPart, ...]:
            """Where the layers of each stack lie, and how they step."""
            ...

        @property
        def _layout(self) -> Layout:
            """Where all arrays lie."""
            ...

        @property
        def _spec(self) -> _core.Network:
            """What the compiled core is told."""
            ...

        def init(
            self,
            seed: int | np.random.Generator,
            scheme: str = "normal",
            *,
            coarse_depth: int | None = None,
            scale: float = 1.0,
        ) -> Array:
            """Return random parameters."""
            ...

        def with_depth(self: C, depth: int) -> C:
            """Return the same network with another depth."""
            ...

        def with_scheme(self: C, scheme: str | Scheme, substeps: float | None = None) -> C:
            """Return the same network with another time discretisation."""
            ...

        def with_dtype(self: C, dtype: DTypeLike) -> C:
            """Return the same network in another precision."""
            ...

        def named_views(self, theta: Array) -> dict[str, Array]:
            """Return views into `theta` by their names."""
            ...

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self._layout.size

    def part(self, name: str) -> slice:
        """Return where "opening", "blocks", "connections" or "closing" lie in the flat array."""
        return self._layout.parts[name]

    def check_theta(self, theta: Array, name: str = "theta") -> None:
        """Raise an error that has `name` unless `theta` is a flat array of so many parameters.

        Raises
        ------
        TypeError
            If it is no array.
        ValueError
            If it has another shape.
        """
        if not isinstance(theta, np.ndarray):
            raise TypeError(f"{name}: expected a numpy array, got {type(theta).__name__}")
        if theta.shape != (self.size,):
            raise ValueError(f"{name}: expected shape ({self.size},), got {theta.shape}")

    def logits(self, theta: Array, X: Array) -> Array:
        """Return the network's output before any softmax.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            Parameters.
        X : ndarray, shape (n, n_inputs)
            Samples, C-contiguous.

        Returns
        -------
        ndarray, shape (n, n_outputs)

        Raises
        ------
        TypeError
            If an array has another dtype than the network or is not contiguous.
        ValueError
            If a shape does not fit.
        """
        check_arrays(theta=theta, X=X)
        out = np.empty((len(X) if X.ndim else 0, self.n_outputs), self.dtype)
        self._evaluator.logits(theta, X, out, None, wanted_threads())
        return out

    def vjp(self, theta: Array, X: Array, dlogits: Array) -> tuple[Array, Array]:
        """Return the derivative of <`dlogits`, logits> by the parameters and by the samples.

        This is the vector-Jacobian product that automatic differentiation asks for.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            Parameters.
        X : ndarray, shape (n, n_inputs)
            Samples, C-contiguous.
        dlogits : ndarray, shape (n, n_outputs)
            Derivative of a function by the logits, C-contiguous.

        Returns
        -------
        dtheta : ndarray, shape (size,)
            Derivative of that function by the parameters.
        dX : ndarray, shape (n, n_inputs)
            And by the samples.

        Raises
        ------
        TypeError
            If an array has another dtype than the network or is not contiguous.
        ValueError
            If a shape does not fit.
        """
        check_arrays(theta=theta, X=X, dlogits=dlogits)
        dtheta, inputs = np.empty(self.size, self.dtype), np.empty(X.shape, self.dtype)
        self._evaluator.vjp(theta, X, dlogits, dtheta, inputs, None, wanted_threads())
        return dtheta, inputs

    def predict(self, theta: Array, X: Array) -> NDArray[np.int64]:
        """Return the most likely class of each sample, shape (n,).

        Raises
        ------
        ValueError
            If an output is not finite.
        """
        outputs = self.logits(theta, X)
        check_predictions(outputs)
        classes: NDArray[np.int64] = np.argmax(outputs, axis=1)
        return classes

    def accuracy(self, theta: Array, X: Array, y: NDArray[np.integer[Any]]) -> float:
        """Return the share of samples whose predicted class is `y`; no class if not finite.

        Raises
        ------
        TypeError, ValueError
            If `y` are not labels of the samples.
        """
        return share_right(self.logits(theta, X), y)

    def evaluator(
        self, loss: str = "cross_entropy", fixed: tuple[str, ...] = (), *, tape_bytes: int = 0
    ) -> Evaluator:
        """Return the evaluator of this network with a loss, compiled but for custom blocks.

        States of layers that do not fit into `tape_bytes` on a thread are computed again on the way
        back, which changes no bit; 0 stands for what suits the processor's cache.
        """
        evaluator = _core.EvaluatorFloat32 if self.dtype == np.float32 else _core.EvaluatorFloat64
        return evaluator(
            self._spec,
            _core.Loss[loss],
            **{f"train_{part}": part not in fixed for part in PARTS},
            tape_bytes=tape_bytes,
        )

    @cached_property
    def _evaluator(self) -> Evaluator:
        return self.evaluator()

    def _states(self, theta: Array, X: Array, stack: int, layers: list[int], width: int) -> Array:
        """Return the states of a stack after so many `layers`, in their order."""
        ascending = sorted({*layers})
        found = np.empty((len(ascending), *X.shape[:1], width), self.dtype)
        self._evaluator.states(theta, X, stack, ascending, found, None, wanted_threads())
        if layers == ascending:
            return found
        return found[[ascending.index(k) for k in layers]]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the compiled evaluator out of pickles and copies."""
        return {k: v for k, v in self.__dict__.items() if not k.startswith("_")}


def check_arrays(**arrays: object) -> None:
    """Raise an error that names the first that is no plain array."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name}: expected a numpy array, got {type(array).__name__}")
        check_plain(name, array)

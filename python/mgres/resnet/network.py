"""The network: its shape, its parameters as one flat array, its output."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from ..blocks import ACTIVATIONS as ACTIVATIONS
from ..blocks import MOST_PARAMETERS, Antisymmetric, Block, Custom, Sparse, check_size
from ..checks import check_integer, number_of
from ..memory import check_memory
from ..schemes import Scheme, scheme_of
from . import initialize
from .compiled import CompiledNetwork, Evaluator, check_arrays
from .keywords import block_of, scheme_for, weights_of
from .layout import PARTS as PARTS
from .layout import Array as Array
from .layout import Arrays, Layout, StackPart, named_views
from .layout import BlockViews as BlockViews
from .layout import Views as Views
from .python_evaluator import PythonEvaluator


@dataclass(frozen=True)
class ResNet(CompiledNetwork):
    r"""A residual network that is a discretisation of an ODE, by default of forward Euler.

    .. math::

        y_0 = Q x, \quad y_{k+1} = y_k + \Delta t\, F(y_k; p_k), \quad
        z = W_{out} y_K + b_{out}, \quad \Delta t = T / K

    with :math:`F(y; p) = \sigma(W y + b)` unless `block` says otherwise (equations (2), (4) and (5)
    of the paper).  The object holds no parameters: they are one flat array
    ``[Q | p_0 | ... | p_{K-1} | W_out b_out]``, matrices row-major.

    Parameters
    ----------
    n_inputs, width, n_outputs, depth : int
        Sizes q, v, m and the number of layers K.
    final_time : float
        T, in the units of t.
    activation : str, optional
        sigma, by default that of the block, which is relu unless it says otherwise:

        =============  =========================================================================
        relu           max(z, 0)
        tanh           tanh(z)
        logistic       1 / (1 + exp(-z))
        identity       z
        smooth_relu    relu with a parabola on [-0.1, 0.1] for its kink
        silu           z / (1 + exp(-z))
        gelu           z Phi(z), with the normal distribution function Phi
        softplus       log(1 + exp(z))
        elu            z for z > 0, exp(z) - 1 otherwise
        leaky_relu     z for z > 0, 0.01 z otherwise
        =============  =========================================================================
    dtype : dtype
        float32 or float64, of parameters and data.
    block : Block, optional
        What a layer computes, such as ``mgres.blocks.TwoLayer(64)``; by default
        ``mgres.blocks.Dense()``.  See ``mgres.blocks``.
    scheme : Scheme or str, optional
        How a layer steps: one of ``mgres.schemes`` or its name, "euler", "matched", "rk4" or
        "verlet".  By default Euler's method, and Verlet's for Hamiltonian blocks.  "verlet" without
        a block means ``mgres.blocks.Hamiltonian()``.
    substeps : float, optional
        The m >= 1 of "matched": how many Euler steps one layer stands for.
    weights : str, optional
        "antisymmetric", without a block, means ``mgres.blocks.Antisymmetric(damping)``.
    damping : float, optional
        Of that block, at least 0.

    Raises
    ------
    ValueError
        If a size is not a positive integer, T not positive, a name unknown, or arguments contradict
        each other.
    TypeError
        If `dtype` is no dtype or `block` no block.

    Examples
    --------
    >>> import numpy as np
    >>> net = ResNet(n_inputs=2, width=3, n_outputs=2, depth=4, dtype=np.float64)
    >>> theta = net.init(seed=0)
    >>> theta.shape, net.views(theta).W.shape
    ((62,), (4, 3, 3))
    >>> net.logits(theta, np.zeros((5, 2)))[0]
    array([0., 0.])
    >>> from mgres import blocks
    >>> net = ResNet(2, 3, 2, 4, block=blocks.TwoLayer(hidden=6, activation="silu", norm="layer"))
    >>> net.layer_arrays
    {'W1': (6, 3), 'b1': (6,), 'W2': (3, 6), 'b2': (3,), 'scale': (3,)}
    """

    n_inputs: int
    width: int
    n_outputs: int
    depth: int
    final_time: float
    dtype: np.dtype[Any]
    block: Block
    scheme: Scheme

    def __init__(
        self,
        n_inputs: int,
        width: int,
        n_outputs: int,
        depth: int,
        final_time: float = 1.0,
        activation: str | None = None,
        dtype: DTypeLike = np.float32,
        *,
        block: Block | None = None,
        scheme: str | Scheme | None = None,
        substeps: float | None = None,
        weights: str | None = None,
        damping: float | None = None,
    ) -> None:
        sizes = {"n_inputs": n_inputs, "width": width, "n_outputs": n_outputs, "depth": depth}
        for name, size in sizes.items():
            object.__setattr__(self, name, check_size(name, size))
        if not 0 < number_of(final_time) < math.inf:
            raise ValueError(f"final_time: expected a positive number, got {final_time!r}")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype: expected float32 or float64, got {np.dtype(dtype)}")
        verlet = str(scheme) == "verlet"
        block = block_of(block, activation, weights, damping, verlet=verlet)
        settings = {
            "final_time": float(final_time),
            "dtype": np.dtype(dtype),
            "block": block,
            "scheme": scheme_for(block, scheme, substeps),
        }
        for name, setting in settings.items():
            object.__setattr__(self, name, setting)
        block.check(self.width)
        if self.size > MOST_PARAMETERS:
            raise ValueError(f"expected at most {MOST_PARAMETERS:.0e} parameters, got {self.size}")

    @property
    def activation(self) -> str:
        """The activation of the block, by name."""
        return self.block.activation

    @property
    def substeps(self) -> float:
        """How many Euler steps a layer stands for: 1 but for matched layers."""
        return self.scheme.substeps

    @property
    def weights(self) -> str:
        """The keyword `weights` that stands for the block: "free" or "antisymmetric"."""
        return weights_of(self.block)

    @property
    def damping(self) -> float:
        """The damping of the block, 0 if it has none."""
        return self.block.damping if isinstance(self.block, Antisymmetric) else 0.0

    @property
    def dt(self) -> float:
        """The step size T / K."""
        return self.final_time / self.depth

    @property
    def stages(self) -> int:
        """How many times a layer evaluates F: what it costs in forward-Euler layers."""
        return self.scheme.stages

    @cached_property
    def _layout(self) -> Layout:
        given = self.block.parameters(self.width)
        arrays = {name: tuple(map(int, shape)) for name, shape in given.items()}
        opening: Arrays = {"Q": (self.width, self.n_inputs)}
        closing: Arrays = {"W_out": (self.n_outputs, self.width), "b_out": (self.n_outputs,)}
        return Layout(opening, ((self.depth, arrays),), (), closing)

    @property
    def layer_arrays(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays of one layer, in the order of the flat array."""
        return dict(self._layout.stacks[0][1])

    @property
    def layer_size(self) -> int:
        """The number of parameters of one layer."""
        return self.stack_parts[0].layer_size

    @property
    def layer_weights(self) -> int:
        """How many of them are weights and biases, which come first: regularisers mean those."""
        return self.stack_parts[0].layer_weights

    @cached_property
    def stack_parts(self) -> tuple[StackPart, ...]:
        """Where the layers lie, and how they step: one stack."""
        return self._layout.stack_parts((self.dt,))

    def with_depth(self, depth: int) -> ResNet:
        """Return the same network with another number of layers and the same T."""
        return replace(self, depth=depth)

    def with_dtype(self, dtype: DTypeLike) -> ResNet:
        """Return the same network in another precision."""
        return replace(self, dtype=np.dtype(dtype))

    def with_scheme(self, scheme: str | Scheme, substeps: float | None = None) -> ResNet:
        """Return the same network with another time discretisation."""
        return replace(self, scheme=scheme_of(scheme, substeps))

    def init(
        self,
        seed: int | np.random.Generator,
        scheme: str = "normal",
        *,
        coarse_depth: int | None = None,
        scale: float = 1.0,
    ) -> Array:
        """Return random parameters.

        Q and W_out are Glorot-uniform and all biases zero; see :mod:`mgres.resnet.initialize` for
        the schemes of the layers' matrices.  For multilevel training start smooth in t: with
        "coarse", or with the depth of the coarsest network as `coarse_depth`, so that all levels
        see the same start.  "normal", independent weights in every layer, is the paper's start.

        Parameters
        ----------
        seed : int or Generator
            What :func:`numpy.random.default_rng` accepts.
        scheme : str
            "normal", "glorot", "he", "constant" or "coarse".
        coarse_depth : int, optional
            Draw a network of this depth, which divides `depth`, and prolong it: the weights are
            then piecewise constant in t.  With "coarse" by default
            :func:`~mgres.resnet.smooth_start_depth`.
        scale : float
            Factor for the layers' matrices.
        """
        drawn = initialize.drawn_depth(self.depth, self.final_time, scheme, coarse_depth, scale)
        matrices = [
            math.prod(shape)
            for name, shape in self.layer_arrays.items()
            if len(shape) > 1 or (name == "W" and isinstance(self.block, Sparse))
        ]
        numbers = drawn * sum(matrices)  # drawn in double precision
        check_memory("theta: a start", self.size * self.dtype.itemsize + 8 * numbers)
        theta = np.zeros(self.size, self.dtype)
        rng, views = np.random.default_rng(seed), self._layout.split(theta)
        initialize.fill_map(views.opening, rng)
        initialize.fill_map(views.closing, rng)
        initialize.fill_layers(
            views.stacks[0], rng, scheme, drawn, scale, block=self.block, width=self.width
        )
        return theta

    def views(self, theta: Array) -> Views | BlockViews:
        """Return named views into `theta`, without copying.

        The arrays of all layers of one name are one view, with the layers first.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            Parameters or a gradient, of any dtype.

        Raises
        ------
        TypeError
            If it is no array.
        ValueError
            If it has another shape.
        """
        self.check_theta(theta)
        return named_views(self._layout.split(theta))

    @property
    def named_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the views by their names."""
        layout = self._layout
        return {**layout.opening, **layout.of_layers(0), **layout.closing}

    def named_views(self, theta: Array) -> dict[str, Array]:
        """Return the views by their names."""
        return self.views(theta)._asdict()

    def states(self, theta: Array, X: Array, layers: Iterable[int] | None = None) -> Array:
        """Return the states y_k that samples pass through.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            Parameters.
        X : ndarray, shape (n, n_inputs)
            Samples.
        layers : iterable of int, optional
            The k wanted, from 0, after the opening, to `depth`, before the classifier; by default
            all, which takes depth + 1 times the memory of one.

        Returns
        -------
        ndarray, shape (number of layers, n, width)

        Raises
        ------
        TypeError
            If an array has another dtype than the network, or a layer is no integer.
        ValueError
            If a shape does not fit, or there is no such layer.

        Examples
        --------
        >>> import numpy as np
        >>> net = ResNet(n_inputs=2, width=3, n_outputs=2, depth=16)
        >>> net.states(net.init(0), np.ones((5, 2), np.float32), layers=[0, 8, 16]).shape
        (3, 5, 3)
        """
        check_arrays(theta=theta, X=X)
        return self._states(theta, X, 0, check_layers(layers, self.depth), self.width)

    def evaluator(
        self, loss: str = "cross_entropy", fixed: tuple[str, ...] = (), *, tape_bytes: int = 0
    ) -> Evaluator:
        """Return the evaluator of this network with a loss; see :class:`CompiledNetwork`."""
        if isinstance(self.block, Custom):
            return PythonEvaluator(self, loss, fixed)
        return super().evaluator(loss, fixed, tape_bytes=tape_bytes)

    @property
    def _spec(self) -> _core.Network:
        state, matrix = (self.width, 1, 1), _core.MapKind.matrix
        stack = _core.Stack(
            self.width,
            self.depth,
            self.final_time,
            self.block.compiled,
            scheme=_core.Scheme[self.scheme.name],
            substeps=self.scheme.substeps,
        )
        opening = _core.Map(matrix, (self.n_inputs, 1, 1), state, biased=False)
        return _core.Network(opening, [stack], [], _core.Map(matrix, state, (self.n_outputs, 1, 1)))


def check_layers(layers: Iterable[int] | None, depth: int) -> list[int]:
    """Return the numbers of layers wanted, all by default, or raise an error that names them."""
    if layers is None:
        return [*range(depth + 1)]
    try:
        chosen = [check_integer("layers", k, -sys.maxsize) for k in layers]
    except (TypeError, ValueError):
        raise TypeError(f"layers: expected integers, got {layers!r}") from None
    for k in chosen:
        if not 0 <= k <= depth:
            raise ValueError(f"layers: expected numbers from 0 to {depth}, got {k}")
    return chosen

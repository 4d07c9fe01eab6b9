"""A network of several stacks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import _core
from ..blocks import MOST_PARAMETERS, check_size
from ..memory import check_memory
from ..resnet import initialize
from ..resnet.compiled import CompiledNetwork, check_arrays
from ..resnet.layout import Array, Layout, StackPart
from ..resnet.network import check_layers
from ..schemes import Scheme, scheme_of
from .maps import Linear, Map, StateShape
from .parts import in_order, named, scheme_for, shape_of
from .stack import Stack
from .views import StageViews, stage_views


@dataclass(frozen=True)
class Network(CompiledNetwork):
    r"""A residual network of several stacks, each a discretised ODE, with linear maps around them.

    .. math::

        y = Q x, \qquad y \gets \Phi_1(y), \quad y \gets C_1 y, \quad y \gets \Phi_2(y), \;\dots,
        \qquad z = W y + b

    with the flow :math:`\Phi_i` of :math:`y' = F_i(y; p_i(t))` from 0 to :math:`T_i` in
    :math:`K_i` steps.  The object holds no parameters: they are one flat array ``[opening | layers
    of stack 0 | layers of stack 1 | ... | connections | closing]``.

    Sizes follow from what stands next to each other: a connection between images of 28 x 28 and
    14 x 14 pixels makes them smaller.  A hierarchy takes layers out of all stacks alike.

    Parameters
    ----------
    opening : Map
        From a sample to the first state, without a bias: :class:`mgres.stages.Linear`,
        :class:`mgres.stages.Conv` or :class:`mgres.stages.Resample` (the identity, or zeros for
        more channels).
    stacks : sequence of Stack and Map
        The stacks in their order, and between two of them the map that connects them; where there
        is none it is Conv(1) between images and Linear() otherwise.
    closing : Map
        From the last state to the outputs, by default ``Linear()``.  ``Resample()`` makes the last
        state the answer.
    inputs : int or (int, int, int)
        Features of a sample, or its channels, height and width as an image: feature
        :math:`(c\, H + i)\, W + j` is channel c of the pixel in row i and column j.
    outputs : int, optional
        How many outputs; by default as many as the last state has features.
    scheme : Scheme or str, optional
        How all layers step, one of ``mgres.schemes``; by default Euler's method, and Verlet's for
        Hamiltonian blocks.
    dtype : dtype
        float32 or float64, of parameters and data.

    Attributes
    ----------
    connections : tuple of Map
        The maps between the stacks, one fewer than those.
    input_shape : (int, int, int)
        Channels, height and width of a sample.
    n_outputs : int
        How many outputs.

    Raises
    ------
    ValueError
        If sizes do not fit each other, or a name is unknown.
    TypeError
        If a part is of another kind.

    Examples
    --------
    >>> from mgres.blocks import Conv2d
    >>> from mgres.stages import Conv, Stack
    >>> net = Network(
    ...     Conv(3),
    ...     [Stack(64, Conv2d(8, (28, 28))), Conv(3), Stack(64, Conv2d(16, (14, 14)))],
    ...     inputs=(1, 28, 28),
    ...     outputs=10,
    ... )
    >>> net.depth, net.size
    (64, 189746)
    >>> net.views(net.init(seed=0)).stacks[1].W.shape
    (64, 16, 16, 3, 3)
    """

    opening: Map
    stacks: tuple[Stack, ...]
    connections: tuple[Map, ...]
    closing: Map
    input_shape: StateShape
    n_outputs: int
    scheme: Scheme
    dtype: np.dtype[Any]

    def __init__(
        self,
        opening: Map,
        stacks: Sequence[Stack | Map],
        closing: Map | None = None,
        *,
        inputs: int | Sequence[int],
        outputs: int | None = None,
        scheme: str | Scheme | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        found, connections = in_order(stacks)
        last = found[-1]
        if closing is None:
            closing = Linear()
        for name, given in (("opening", opening), ("closing", closing)):
            if not isinstance(given, Map):
                raise TypeError(f"{name}: expected one of mgres.stages, got {given!r}")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype: expected float32 or float64, got {np.dtype(dtype)}")
        settings = {
            "opening": opening,
            "stacks": found,
            "connections": connections,
            "closing": closing,
            "input_shape": shape_of(inputs),
            "n_outputs": last.features if outputs is None else check_size("outputs", outputs),
            "scheme": scheme_for(found, scheme),
            "dtype": np.dtype(dtype),
        }
        for name, setting in settings.items():
            object.__setattr__(self, name, setting)
        self._spec  # noqa: B018 - it checks what fits what
        if self.size > MOST_PARAMETERS:
            raise ValueError(f"expected at most {MOST_PARAMETERS:.0e} parameters, got {self.size}")

    # ---- sizes -----------------------------------------------------------------------------------

    @property
    def n_inputs(self) -> int:
        """Features of a sample."""
        return math.prod(self.input_shape)

    @property
    def depth(self) -> int:
        """What divides the depth of every stack: coarser networks have so many times fewer layers.

        It is the depth of the stacks if all have one.
        """
        return math.gcd(*(stack.depth for stack in self.stacks))

    @property
    def dt(self) -> float:
        """The largest step size of the stacks."""
        return max(stack.dt for stack in self.stacks)

    @property
    def final_time(self) -> float:
        """T of a stack of `depth` layers with the largest step size."""
        return self.dt * self.depth

    @property
    def stack_parts(self) -> tuple[StackPart, ...]:
        """Where the layers of each stack lie, and how they step."""
        return self._layout.stack_parts(stack.dt for stack in self.stacks)

    @cached_property
    def _layout(self) -> Layout:
        return Layout(
            self.opening.arrays(*self._ends["opening"], biased=False),
            tuple((stack.depth, stack.block.parameters(stack.features)) for stack in self.stacks),
            tuple(
                connection.arrays(one.state_shape, other.state_shape, biased=True)
                for one, connection, other in self._neighbours
            ),
            self.closing.arrays(*self._ends["closing"], biased=True),
        )

    @property
    def _ends(self) -> dict[str, tuple[StateShape, StateShape]]:
        """What stands before and behind the opening and the closing."""
        first, last = self.stacks[0].state_shape, self.stacks[-1].state_shape
        outputs = last if self.n_outputs == math.prod(last) else (self.n_outputs, 1, 1)
        if isinstance(self.closing, Linear):
            outputs = self.n_outputs, 1, 1
        return {"opening": (self.input_shape, first), "closing": (last, outputs)}

    @property
    def closing_shapes(self) -> tuple[StateShape, StateShape]:
        """Shapes of the last state and of the output."""
        return self._ends["closing"]

    @property
    def _neighbours(self) -> list[tuple[Stack, Map, Stack]]:
        return [*zip(self.stacks[:-1], self.connections, self.stacks[1:], strict=True)]

    @property
    def _spec(self) -> _core.Network:
        stacks = [
            _core.Stack(
                stack.features,
                stack.depth,
                stack.final_time,
                stack.block.compiled,
                scheme=_core.Scheme[self.scheme.name],
                substeps=self.scheme.substeps,
            )
            for stack in self.stacks
        ]
        with named("opening"):
            opening = self.opening.compiled(*self._ends["opening"], biased=False)
        with named("closing"):
            closing = self.closing.compiled(*self._ends["closing"], biased=True)
        connections = []
        for i, (one, connection, other) in enumerate(self._neighbours):
            with named(f"connection {i}"):
                connections.append(
                    connection.compiled(one.state_shape, other.state_shape, biased=True)
                )
        return _core.Network(opening, stacks, connections, closing)

    # ---- other networks --------------------------------------------------------------------------

    def with_depth(self, depth: int) -> Network:
        """Return the same network with as many times more or fewer layers in each stack.

        Parameters
        ----------
        depth : int
            That of the network returned; the stacks keep the ratios of their depths, and each its
            T.

        Raises
        ------
        ValueError
            If it is no positive integer.
        """
        depth = check_size("depth", depth)
        stacks = [stack.with_depth(stack.depth // self.depth * depth) for stack in self.stacks]
        return self._with(stacks=tuple(stacks))

    def with_scheme(self, scheme: str | Scheme, substeps: float | None = None) -> Network:
        """Return the same network with another time discretisation."""
        return self._with(scheme=scheme_for(self.stacks, scheme_of(scheme, substeps)))

    def with_dtype(self, dtype: DTypeLike) -> Network:
        """Return the same network in another precision."""
        return self._with(dtype=np.dtype(dtype))

    def _with(self, **changes: Any) -> Network:
        """Return the same network with other settings, which fit."""
        other = object.__new__(Network)
        for name in self.__dataclass_fields__:
            object.__setattr__(other, name, changes.get(name, getattr(self, name)))
        return other

    # ---- parameters ------------------------------------------------------------------------------

    def init(
        self,
        seed: int | np.random.Generator,
        scheme: str = "normal",
        *,
        coarse_depth: int | None = None,
        scale: float = 1.0,
    ) -> Array:
        """Return random parameters: Glorot-uniform maps, layers as of :meth:`mgres.ResNet.init`.

        Parameters
        ----------
        seed : int or Generator
            What :func:`numpy.random.default_rng` accepts.
        scheme : str
            "normal", "glorot", "he", "constant" or "coarse", see :mod:`mgres.resnet.initialize`.
        coarse_depth : int, optional
            Draw the network of this depth, which divides `depth`, and prolong it.
        scale : float
            Factor for the layers' weights.
        """
        drawn = initialize.drawn_depth(self.depth, self.final_time, scheme, coarse_depth, scale)
        check_memory("theta: a start", self.size * (self.dtype.itemsize + 8))
        theta = np.zeros(self.size, self.dtype)
        rng, views = np.random.default_rng(seed), self._layout.split(theta)
        for arrays in (views.opening, views.closing, *views.connections):
            initialize.fill_map(arrays, rng)
        for stack, layers in zip(self.stacks, views.stacks, strict=True):
            one_of = self.depth // drawn
            initialize.fill_layers(
                layers,
                rng,
                scheme,
                stack.depth // one_of,
                scale,
                block=stack.block,
                width=stack.features,
            )
        return theta

    def views(self, theta: Array) -> StageViews:
        """Return named views into `theta`, without copying.

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
        return stage_views(self._layout.split(theta))

    @property
    def named_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the views by names such as "stacks.0.W"."""
        layout = self._layout
        groups = {"opening": layout.opening}
        groups |= {f"stacks.{i}": layout.of_layers(i) for i in range(len(layout.stacks))}
        groups |= {f"connections.{i}": arrays for i, arrays in enumerate(layout.connections)}
        groups["closing"] = layout.closing
        return {
            f"{g}.{name}": shape for g, arrays in groups.items() for name, shape in arrays.items()
        }

    def named_views(self, theta: Array) -> dict[str, Array]:
        """Return the views by names such as "stacks.0.W"."""
        return dict(self.views(theta).named())

    def states(
        self, theta: Array, X: Array, stack: int = -1, layers: Iterable[int] | None = None
    ) -> Array:
        """Return the states that samples pass through in one of the stacks.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            Parameters.
        X : ndarray, shape (n, n_inputs)
            Samples.
        stack : int
            The number of the stack, by default of the last.
        layers : iterable of int, optional
            After how many of its layers, from 0 on; by default all.

        Returns
        -------
        ndarray, shape (number of layers, n, width)

        Raises
        ------
        TypeError
            If an array has another dtype than the network, or a layer is no integer.
        ValueError
            If a shape does not fit, or there is no such stack or layer.
        """
        check_arrays(theta=theta, X=X)
        number = len(self.stacks)
        if not isinstance(stack, int | np.integer) or not -number <= stack < number:
            raise ValueError(f"stack: expected a number below {number}, got {stack!r}")
        wanted = self.stacks[stack]
        chosen = check_layers(layers, wanted.depth)
        return self._states(theta, X, int(stack) % number, chosen, wanted.features)

"""A user's residual network: its modules, and its parameters as one flat array."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from ..checks import check_integer, check_predictions, number_of, share_right
from ..resnet.layout import StackPart
from ..schemes import Euler, Scheme, scheme_of
from .checks import check_parts, check_residual
from .layout import Array, Parameters, StackLayout, TorchViews
from .operations import advance
from .slots import Slots
from .stack import ResidualStack
from .tensors import as_readable_tensor

SCHEMES = ("euler", "matched", "rk4")
ROWS = 1024
"""Samples of one pass where nothing is kept for derivatives."""


@dataclass(frozen=True)
class TorchResNet:
    r"""A residual network of modules, as a discretisation of an ODE.

    .. math::

        y_0 = stem(x), \quad y_{k+1} = y_k + \Delta t\, block_k(y_k), \quad z = head(y_K), \quad
        \Delta t = T / K

    What :class:`mgres.ResNet` is for mgres' own networks.  The parameters of a level are one flat
    array ``[stem | block 0 | ... | block K-1 | head]``; the modules say how they are used, and
    their own values are the start.

    Parameters
    ----------
    stem : nn.Module
        From samples to states; ``nn.Identity()`` where they are the same.
    blocks : sequence of nn.Module
        Such as an ``nn.ModuleList``: equal but for the values of their parameters, dense or
        convolutional.  A block returns the residual alone, in the shape of its input.  If yours
        add their input themselves, pass ``[WithoutSkip(b) for b in blocks]`` and
        ``final_time=len(blocks)``, which changes nothing in what the network computes.
    head : nn.Module
        From states to outputs.
    final_time : float
        T.  Levels are good for each other where T / K is small: start with T = 1 to 10.
    scheme : Scheme or str
        "euler", "matched" or "rk4"; see ``mgres.schemes``.
    substeps : float, optional
        Of "matched".

    Attributes
    ----------
    depth : int
        The number of layers K: that of the blocks, on coarse levels fewer.
    dtype : dtype
        Of the parameters.

    Attributes
    ----------
    dtype : numpy dtype
        Of the parameters, as the modules have them.

    Raises
    ------
    TypeError
        If a part is no module, or parameters are of several dtypes.
    ValueError
        If the blocks differ, or a module has batch statistics, dropout, another device than the
        CPU or parameters that are another's too; or an argument is not as described.

    Examples
    --------
    >>> from torch import nn
    >>> blocks = [nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(8)]
    >>> net = TorchResNet(nn.Linear(2, 4), blocks, nn.Linear(4, 3))
    >>> net.size, net.layer_size, net.depth
    (187, 20, 8)
    >>> net.views(net.init()).blocks["0.weight"].shape
    (8, 4, 4)
    """

    stem: nn.Module
    blocks: tuple[nn.Module, ...]
    head: nn.Module
    final_time: float
    scheme: Scheme
    depth: int
    dtype: np.dtype[Any]

    def __init__(
        self,
        stem: nn.Module,
        blocks: Sequence[nn.Module] | nn.ModuleList,
        head: nn.Module,
        final_time: float = 1.0,
        *,
        scheme: str | Scheme = "euler",
        substeps: float | None = None,
    ) -> None:
        if isinstance(blocks, nn.Module) and not isinstance(blocks, nn.ModuleList | nn.Sequential):
            raise TypeError(
                f"blocks: expected a sequence of modules, got one of class {type(blocks).__name__}"
            )
        parts = tuple(blocks)
        if not 0 < number_of(final_time) < np.inf:
            raise ValueError(f"final_time: expected a positive number, got {final_time!r}")
        settings = {
            "stem": stem,
            "blocks": parts,
            "head": head,
            "final_time": float(final_time),
            "scheme": _scheme_of(scheme, substeps),
            "depth": len(parts),
            "dtype": check_parts(stem, parts, head),
        }
        for name, setting in settings.items():
            object.__setattr__(self, name, setting)

    def __repr__(self) -> str:
        return (
            f"TorchResNet(depth={self.depth}, final_time={self.final_time:g}, "
            f"scheme={self.scheme!r}, dtype={self.dtype}, "
            f"stem={self.stem}, block={self.blocks[0]}, head={self.head})"
        )

    # ---- sizes -----------------------------------------------------------------------------------

    @cached_property
    def layout(self) -> StackLayout:
        """Where the parameters lie in the flat array."""
        stem, block, head = map(Slots.of, (self.stem, self.blocks[0], self.head))
        return StackLayout(stem, block, head, self.depth)

    @property
    def dt(self) -> float:
        """The step size T / K."""
        return self.final_time / self.depth

    @property
    def substeps(self) -> float:
        """How many Euler steps a layer stands for: 1 but for matched layers."""
        return self.scheme.substeps

    @property
    def stages(self) -> int:
        """How many times a layer evaluates its block."""
        return self.scheme.stages

    @property
    def layer_size(self) -> int:
        """The number of parameters of one block."""
        return self.layout.block.size

    @property
    def stack_parts(self) -> tuple[StackPart, ...]:
        """Where the layers lie, and how they step; regularisers mean all parameters of a block."""
        size = self.layer_size
        return (StackPart(self.part("blocks"), self.depth, size, size, self.dt),)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self.part("closing").stop)

    def part(self, name: str) -> slice:
        """Return where "opening" (stem), "blocks" or "closing" (head) lie in theta."""
        return self.layout.part(name)

    def with_depth(self, depth: int) -> TorchResNet:
        """Return the same network with another number of layers and the same T."""
        check_integer("depth", depth)
        return self._with(depth=depth)

    def with_scheme(self, scheme: str | Scheme, substeps: float | None = None) -> TorchResNet:
        """Return the same network with another time discretisation."""
        return self._with(scheme=_scheme_of(scheme, substeps))

    def _with(self, **changes: Any) -> TorchResNet:
        """Return the same network with other settings; its modules were checked before."""
        other = object.__new__(TorchResNet)
        for one in fields(self):
            object.__setattr__(other, one.name, changes.get(one.name, getattr(self, one.name)))
        return other

    # ---- parameters ------------------------------------------------------------------------------

    def init(self, seed: int = 0, *, coarse_depth: int | None = None) -> Array:
        """Return the parameters that the modules hold now.

        They are the start, whatever the `seed`: PyTorch's modules draw theirs when they are made.

        Parameters
        ----------
        seed : int
            Not used.
        coarse_depth : int, optional
            Take so many blocks, evenly spaced, and repeat each: a start that is piecewise constant
            in t, which all levels with that many layers or more see alike.  A divisor of the depth.

        Raises
        ------
        ValueError
            If it is no divisor of the depth.
        """
        drawn = self.depth if coarse_depth is None else coarse_depth
        if drawn < 1 or self.depth % drawn:
            raise ValueError(
                f"coarse_depth: expected a divisor of {self.depth} layers, got {coarse_depth}"
            )
        repeats = self.depth // drawn
        sources = [k // repeats * len(self.blocks) // drawn for k in range(self.depth)]
        theta = np.empty(self.size, self.dtype)
        self.layout.gather(self.stem, [self.blocks[k] for k in sources], self.head, theta)
        return theta

    def load(self, theta: Array) -> None:
        """Write parameters into the modules, in place.

        Parameters
        ----------
        theta : ndarray, shape (size,)
            Such as the ``theta`` of what :func:`mgres.fit` returns.

        Raises
        ------
        ValueError
            If the shape does not fit, or this is a coarse network, which has no modules of its own.
        """
        if self.depth != len(self.blocks):
            raise ValueError(
                f"theta: expected a network with a module for each layer, got {self.depth} layers "
                f"of {len(self.blocks)} modules"
            )
        self.check_flat("theta", theta)
        self.layout.scatter(theta, self.stem, self.blocks, self.head)

    def module(self) -> ResidualStack:
        """Return an ``nn.Module`` of the very modules; see :meth:`load` for trained parameters.

        Raises
        ------
        ValueError
            If the scheme is another than "euler", or this is a coarse network.
        """
        if self.scheme != Euler() or self.depth != len(self.blocks):
            raise ValueError(f"net: expected all layers and scheme 'euler', got {self.scheme}")
        return ResidualStack(self.stem, self.blocks, self.head, self.dt)

    def views(self, theta: Array) -> TorchViews:
        """Return named views into `theta`, without copying.

        Raises
        ------
        ValueError
            If its shape is not (size,).
        """
        if theta.shape != (self.size,):
            raise ValueError(f"theta: expected shape ({self.size},), got {theta.shape}")
        return self.layout.views(theta)

    # ---- outputs ---------------------------------------------------------------------------------

    def forward(self, flat: Tensor, X: Tensor, gradient: Tensor | None = None) -> Tensor:
        """Return the outputs for samples X; with `gradient`, a graph that adds derivatives there.

        Parameters
        ----------
        flat : Tensor, shape (size,)
            Parameters, not part of a graph.
        X : Tensor, shape (n, ...)
            Samples.
        gradient : Tensor, shape (size,), optional
            Where a call of ``backward()`` on a function of the outputs adds its derivatives.
        """
        return self.run(self.layout.parameters(flat, gradient), X)

    def run(self, parameters: Iterable[Parameters], X: Tensor) -> Tensor:
        """Return the outputs for samples X and the named parameters of stem, blocks and head."""
        stem, *layers, head = parameters
        y = functional_call(self.stem, stem, (X,))
        for k, layer in enumerate(layers):

            def block(y: Tensor, layer: Parameters = layer, k: int = k) -> Tensor:
                residual: Tensor = functional_call(self.blocks[0], layer, (y,))
                check_residual(k, y, residual)
                return residual

            y = advance(self, block, y)
        out: Tensor = functional_call(self.head, head, (y,))
        return out

    def logits(self, theta: Array, X: Array) -> Array:
        """Return the outputs for samples X, shape (n, ...)."""
        flat, samples = self.check_flat("theta", theta), as_readable_tensor(np.asarray(X))
        with torch.no_grad():
            parts = [self.forward(flat, rows).numpy() for rows in samples.split(ROWS)]
        return np.concatenate(parts)

    def predict(self, theta: Array, X: Array) -> NDArray[np.int64]:
        """Return the most likely class of each sample: where its outputs, axis 1, are largest."""
        outputs = self.logits(theta, X)
        check_predictions(outputs)
        classes: NDArray[np.int64] = np.argmax(outputs, axis=1)
        return classes

    def accuracy(self, theta: Array, X: Array, y: NDArray[np.integer[Any]]) -> float:
        """Return the share of samples whose predicted class is `y`."""
        return share_right(self.logits(theta, X), y)

    def check_flat(self, name: str, theta: Array) -> Tensor:
        """Return a tensor on the memory of a flat array; an error if it does not fit.

        Raises
        ------
        TypeError
            If it is no array, of another dtype or not contiguous.
        ValueError
            If it has another shape.
        """
        if not isinstance(theta, np.ndarray):
            raise TypeError(f"{name}: expected a numpy array, got {type(theta).__name__}")
        if theta.dtype != self.dtype:
            raise TypeError(f"{name}: expected dtype {self.dtype}, got {theta.dtype}")
        if theta.shape != (self.size,):
            raise ValueError(f"{name}: expected shape ({self.size},), got {theta.shape}")
        if not theta.flags.c_contiguous:
            raise TypeError(f"{name}: expected a contiguous array, got strides {theta.strides}")
        return as_readable_tensor(theta)


def _scheme_of(scheme: str | Scheme, substeps: float | None) -> Scheme:
    name = scheme.name if isinstance(scheme, Scheme) else scheme
    if name not in SCHEMES:
        raise ValueError(f"scheme: expected one of {SCHEMES}, got {name!r}")
    return scheme_of(scheme, substeps)

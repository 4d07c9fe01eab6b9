"""The mean loss of a user's residual network, for the engine to minimise by levels."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..checks import check_integer
from ..mgopt import Objective
from ..resnet import Regularizer, Samples
from ..resnet.coarse import coarse_network
from ..resnet.layout import PARTS
from ..resnet.regularizers.regularizer import bind_all
from .data import check_data, check_labels
from .layout import Array
from .network import TorchResNet
from .probe import check_behaviour
from .products import Product, gauss_newton_product, hessian_product
from .tensors import as_readable_tensor, as_tensor

Loss = Callable[[Tensor, Tensor], Tensor]


class TorchObjective:
    r"""Mean loss of a :class:`TorchResNet` over samples, plus a regulariser.

    It is for networks of modules what :class:`mgres.ResNetObjective` is for those of mgres, and
    serves in the same places: :func:`mgres.fit` with all its options, :func:`mgres.recommended`,
    :func:`mgres.resnet_hierarchy`, mini-batches and checkpoints.  PyTorch computes values and
    gradients; parameters and gradients stay in the engine's arrays and are not copied.

    There are no state defects.

    Parameters
    ----------
    net : TorchResNet
        The network.
    X : ndarray or Tensor, shape (n, ...)
        Samples, as the stem takes them.  Floats must be of the network's dtype.
    y : ndarray or Tensor, shape (n, ...)
        Targets, as the loss takes them.
    loss : callable
        ``loss(outputs, targets)``, a scalar tensor: the *mean* over the samples given.  By default
        ``torch.nn.functional.cross_entropy``.
    regularizer : Regularizer or sequence of them, optional
        Such as :class:`mgres.Tikhonov`; blocks are its layers, the stem is "opening" and the head
        "closing".
    chunk : int, optional
        Samples of one pass, if not all: the states of all layers of so many samples are in memory
        at once.  The gradient is the same up to rounding.

    Attributes
    ----------
    net, loss, regularizer
        As given.
    samples : Samples
        Those in use.
    fixed : tuple of str
        Parts of the parameters without any that has ``requires_grad``.  Each parameter without it
        is fixed: its gradient is zero.

    Raises
    ------
    TypeError
        If an argument is of another type or dtype than described.
    ValueError
        If a shape does not fit, a number is not finite, the network does not give the same outputs
        twice (dropout) or depends on other samples in a batch, or blocks do different things.

    Examples
    --------
    >>> import mgres, torch
    >>> from torch import nn
    >>> X, y, X_val, y_val = mgres.datasets.circles(seed=1)
    >>> _ = torch.manual_seed(0)
    >>> blocks = [nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(64)]
    >>> net = TorchResNet(nn.Linear(2, 4), blocks, nn.Linear(4, 2), final_time=5.0)
    >>> f = TorchObjective(net, X, y)
    >>> result = mgres.fit(f, validation=(X_val, y_val), target_accuracy=0.99)
    >>> net.load(result.theta)
    >>> outputs = net.module()(torch.from_numpy(X_val))
    >>> bool((outputs.argmax(1).numpy() == y_val).mean() >= 0.99)
    True
    """

    def __init__(
        self,
        net: TorchResNet,
        X: Any,
        y: Any,
        loss: Loss = torch.nn.functional.cross_entropy,
        regularizer: Regularizer | Sequence[Regularizer] | None = None,
        *,
        chunk: int | None = None,
    ) -> None:
        if not isinstance(net, TorchResNet):
            raise TypeError(f"net: expected a TorchResNet, got {type(net).__name__}")
        if not callable(loss):
            raise TypeError(f"loss: expected a callable (outputs, targets), got {loss!r}")
        if chunk is not None:
            chunk = check_integer("chunk", chunk)
        self.samples = Samples(*check_data(net, X, y))
        self.loss = loss
        self.regularizer = regularizer
        self.chunk = chunk
        self.finest_depth = net.depth
        self._bind(net)
        check_behaviour(net, self.samples.X, self.samples.y, loss)

    def _bind(self, net: TorchResNet) -> None:
        self.net = net
        self._is_fixed = net.layout.fixed
        fixed = {part: self._is_fixed[net.part(part)] for part in PARTS}
        self.fixed = tuple(part for part in PARTS if fixed[part].size and fixed[part].all())
        self._penalties = bind_all(self.regularizer, net, self.finest_depth, self.fixed)

    def coarsen(self, factor: int, scheme: str | None = None) -> TorchObjective:
        """Return the objective of the network with `factor` times fewer layers.

        It uses the same modules and samples, and its regulariser is scaled for its level.  See
        :meth:`mgres.ResNetObjective.coarsen` for `scheme` and errors.
        """
        coarse = copy.copy(self)
        coarse._bind(coarse_network(self.net, factor, scheme))
        return coarse

    # ---- samples ---------------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """A number that changes when other samples come into use, and the function with them."""
        return self.samples.revision

    def with_samples(self, samples: Samples) -> TorchObjective:
        """Return the same mean loss and regulariser on other samples, which were checked before."""
        other = copy.copy(self)
        other.samples = samples
        return other

    def draw(self) -> None:
        """Take fresh samples for the next evaluation, if the samples have a source."""
        self.samples.draw()

    def agree_with(self, fine: Objective) -> None:
        """Use the samples that `fine` uses."""
        if isinstance(fine, TorchObjective):
            self.samples.agree_with(fine.samples)

    def check_validation(self, X: Array, y: NDArray[Any]) -> None:
        """Raise an error unless they are samples and labels for the network."""
        check_labels(self.net, self.samples.X, X, y)

    # ---- the function ----------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.net.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters and data."""
        return self.net.dtype

    def value(self, x: Array) -> float:
        """Return f(x)."""
        flat = self.net.check_flat("x", x)
        value = 0.0
        with torch.no_grad():
            for share, rows, targets in self._chunks():
                value += share * self._loss_of(targets, self.net.forward(flat, rows)).item()
        for penalty in self._penalties:
            value += penalty.value(x)
        return value

    def value_and_grad(self, x: Array, out: Array) -> float:
        """Write the gradient of f at `x` to `out` and return f(x)."""
        flat, gradient = self.net.check_flat("x", x), self._check_out(out)
        out.fill(0)
        value = 0.0
        with torch.enable_grad():
            for share, rows, targets in self._chunks():
                loss = share * self._loss_of(targets, self.net.forward(flat, rows, gradient))
                loss.backward()
                value += loss.item()
        for penalty in self._penalties:
            value += penalty.add_gradient(x, out)
        out[self._is_fixed] = 0
        return value

    def hessian_product(self, x: Array, v: Array, out: Array) -> None:
        """Write f''(x) `v` to `out`, by PyTorch's derivative of its gradient."""
        self._product(hessian_product, x, v, out)

    def gauss_newton_product(self, x: Array, v: Array, out: Array) -> None:
        """Write G(x) `v` to `out`; see :meth:`mgres.ResNetObjective.gauss_newton_product`.

        G >= 0 if the loss is convex in the outputs.
        """
        self._product(gauss_newton_product, x, v, out)

    def _product(self, product: Product, x: Array, v: Array, out: Array) -> None:
        flat = self.net.check_flat("x", x)
        self.net.check_flat("v", v)
        into = self._check_out(out)
        along = as_tensor(np.where(self._is_fixed, 0, v).astype(self.dtype))
        out.fill(0)
        with torch.enable_grad():
            parts = [*self.net.layout.parameters(flat, None)]
            leaves, direction, target = (
                [tensor for part in parts for tensor in part.values()]
                for parts in (
                    parts,
                    self.net.layout.parameters(along, None),
                    self.net.layout.parameters(into, None),
                )
            )
            for leaf in leaves:
                leaf.requires_grad_()
            for share, rows, targets in self._chunks():
                outputs = self.net.run(parts, rows)
                loss = functools.partial(self._loss_of, targets)
                for to, found in zip(
                    target, product(outputs, leaves, direction, loss), strict=True
                ):
                    to.add_(found, alpha=share)
        for penalty in self._penalties:
            penalty.add_product(x, v, out)
        out[self._is_fixed] = 0

    # ----------------------------------------------------------------------------------------------

    def _check_out(self, out: Array) -> Tensor:
        self.net.check_flat("out", out)
        if not out.flags.writeable:
            raise ValueError("out: expected a writable array, got a read-only one")
        return as_tensor(out)

    def _chunks(self) -> Iterator[tuple[float, Tensor, Tensor]]:
        """Yield samples and targets, chunk by chunk, with the chunk's share of all."""
        X, y = as_readable_tensor(self.samples.X), as_readable_tensor(self.samples.y)
        size = len(X) if self.chunk is None else self.chunk
        for rows, targets in zip(X.split(size), y.split(size), strict=True):
            yield len(rows) / len(X), rows, targets

    def _loss_of(self, targets: Tensor, outputs: Tensor) -> Tensor:
        loss = self.loss(outputs, targets)
        if not isinstance(loss, Tensor) or loss.ndim:
            got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            raise ValueError(f"loss: expected a scalar tensor, got {got}")
        return loss

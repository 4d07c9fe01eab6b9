"""The mean loss of a user's residual network, for the engine to minimise by levels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..mgopt import Objective
from ..resnet import Regularizer, Samples
from ..resnet.coarse import coarse_network
from ..resnet.layout import PARTS
from ..resnet.regularizer import bind_all
from .data import check_data, check_labels
from .layout import Array
from .network import TorchResNet
from .probe import check_behaviour
from .tensors import as_readable_tensor, as_tensor

Loss = Callable[[Tensor, Tensor], Tensor]


class TorchObjective:
    r"""Mean loss of a :class:`TorchResNet` over samples, plus a regulariser.

    It is for networks of modules what :class:`mgres.ResNetObjective` is for those of mgres, and
    serves in the same places: :func:`mgres.fit` with all its options, :func:`mgres.recommended`,
    :func:`mgres.resnet_hierarchy`, mini-batches and checkpoints.  PyTorch computes values and
    gradients; parameters and gradients stay in the engine's arrays and are not copied.

    There are no products with second derivatives and no state defects.

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
        if chunk is not None and (not isinstance(chunk, int) or chunk < 1):
            raise ValueError(f"chunk: expected a positive integer or None, got {chunk!r}")
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
        with torch.no_grad():
            value = sum(share * float(loss) for share, loss in self._losses(x, None))
        for penalty in self._penalties:
            value += penalty.value(x)
        return float(value)

    def value_and_grad(self, x: Array, out: Array) -> float:
        """Write the gradient of f at `x` to `out` and return f(x)."""
        self.net.check_flat("out", out)
        if not out.flags.writeable:
            raise ValueError("out: expected a writable array, got a read-only one")
        out.fill(0)
        value = 0.0
        with torch.enable_grad():
            for share, loss in self._losses(x, as_tensor(out)):
                (loss if share == 1 else share * loss).backward()
                value += share * loss.item()
        for penalty in self._penalties:
            value += penalty.add_gradient(x, out)
        out[self._is_fixed] = 0
        return value

    def _losses(self, x: Array, gradient: Tensor | None) -> Any:
        """Yield the mean loss of every chunk of samples, with the chunk's share of them."""
        flat = self.net.check_flat("x", x)
        X, y = as_readable_tensor(self.samples.X), as_readable_tensor(self.samples.y)
        size = len(X) if self.chunk is None else self.chunk
        for rows, targets in zip(X.split(size), y.split(size), strict=True):
            loss = self.loss(self.net.forward(flat, rows, gradient), targets)
            if not isinstance(loss, Tensor) or loss.ndim:
                got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
                raise ValueError(f"loss: expected a scalar tensor, got {got}")
            yield len(rows) / len(X), loss

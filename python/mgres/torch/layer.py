"""A network of mgres as a layer of a larger model, computed by the compiled core."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..resnet import ResNet
from ..stages import Network
from .tensors import check_tensor


class ResNetFunction(torch.autograd.Function):
    r"""The outputs of a network of mgres with exact derivatives, by the compiled core.

    ``ResNetFunction.apply(X, theta, net)`` returns a tensor of shape (n, n_outputs) for samples X,
    shape (n, n_inputs), and parameters theta, shape (net.size,).  Backwards it is
    :meth:`mgres.ResNet.vjp`, which recomputes states instead of keeping those of all layers.

    Tensors have to be on the CPU and of the network's dtype (ValueError, TypeError otherwise).
    Their memory is used as it is; samples that are not contiguous are copied.  There are no second
    derivatives: to ask for them is a RuntimeError.

    Examples
    --------
    >>> import torch
    >>> net = ResNet(n_inputs=2, width=3, n_outputs=2, depth=64)
    >>> theta = torch.from_numpy(net.init(seed=0)).requires_grad_()
    >>> logits = ResNetFunction.apply(torch.ones(5, 2), theta, net)
    >>> logits.sum().backward()
    >>> theta.grad.shape == theta.shape
    True
    """

    @staticmethod
    def forward(X: Tensor, theta: Tensor, net: ResNet | Network) -> Tensor:
        """Return the logits.

        Raises
        ------
        TypeError
            If a tensor is not on the CPU or has another dtype than the network.
        ValueError
            If a shape does not fit.
        """
        for name, tensor in (("X", X), ("theta", theta)):
            _check(name, tensor, net)
        if X.ndim != 2 or X.shape[1] != net.n_inputs:
            raise ValueError(f"X: expected shape (n, {net.n_inputs}), got {tuple(X.shape)}")
        if theta.shape != (net.size,):
            raise ValueError(f"theta: expected shape ({net.size},), got {tuple(theta.shape)}")
        return torch.from_numpy(net.logits(_array(theta), _array(X)))

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, ResNet | Network], output: Tensor
    ) -> None:
        """Keep what the way back needs."""
        X, theta, ctx.net = inputs
        ctx.save_for_backward(X, theta)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dlogits: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the derivatives by the samples and by the parameters, as far as needed."""
        X, theta = ctx.saved_tensors
        by_theta, by_inputs = ctx.net.vjp(_array(theta), _array(X), _array(dlogits))
        inputs_need_it, theta_needs_it, _ = ctx.needs_input_grad
        return (
            torch.from_numpy(by_inputs) if inputs_need_it else None,
            torch.from_numpy(by_theta) if theta_needs_it else None,
            None,
        )


class ResNetLayer(nn.Module):
    """A network of mgres as a layer of a larger model on the CPU; see :class:`ResNetFunction`.

    ``torch.compile`` cannot look into it; before a model is compiled, take the layer out of it by
    ``layer.forward = torch.compiler.disable(layer.forward)``.

    Parameters
    ----------
    net : ResNet or Network
        The network.
    theta : ndarray, shape (net.size,), optional
        Where its parameters start; copied.  By default ``net.init(seed)``.
    seed : int
        For the default.

    Attributes
    ----------
    net : ResNet
    theta : nn.Parameter, shape (net.size,)
        All parameters; ``net.views(layer.theta.detach().numpy())`` names them.

    Examples
    --------
    >>> import torch
    >>> net = ResNet(n_inputs=8, width=8, n_outputs=4, depth=256)
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), ResNetLayer(net), torch.nn.ReLU())
    >>> model(torch.ones(5, 3)).shape
    torch.Size([5, 4])
    """

    theta: Tensor

    def __init__(
        self, net: ResNet | Network, theta: NDArray[Any] | None = None, *, seed: int = 0
    ) -> None:
        super().__init__()
        if not isinstance(net, ResNet | Network):
            raise TypeError(f"net: expected a ResNet or a Network, got {type(net).__name__}")
        start = net.init(seed) if theta is None else check_theta(net, theta).copy()
        self.net = net
        self.theta = nn.Parameter(torch.from_numpy(start))

    def forward(self, X: Tensor) -> Tensor:
        """Return the logits, shape (..., n_outputs), of samples, shape (..., n_inputs).

        Raises
        ------
        TypeError
            If `X` is not on the CPU or has another dtype than the network.
        ValueError
            If its shape does not fit.
        """
        if X.ndim == 0 or X.shape[-1] != self.net.n_inputs:
            raise ValueError(f"X: expected shape (..., {self.net.n_inputs}), got {tuple(X.shape)}")
        rows = X.reshape(-1, self.net.n_inputs)
        logits: Tensor = ResNetFunction.apply(rows, self.theta, self.net)
        return logits.reshape(*X.shape[:-1], self.net.n_outputs)

    def extra_repr(self) -> str:
        """Return the settings of the network."""
        return str(self.net)


def check_theta(net: ResNet | Network, theta: NDArray[Any]) -> NDArray[Any]:
    """Return `theta` if it holds parameters of `net`; otherwise say what is wrong with it."""
    if not isinstance(theta, np.ndarray):
        raise TypeError(f"theta: expected a numpy array, got {type(theta).__name__}")
    if theta.dtype != net.dtype:
        raise TypeError(f"theta: expected dtype {net.dtype}, as the network has, got {theta.dtype}")
    if theta.shape != (net.size,):
        raise ValueError(f"theta: expected shape ({net.size},), got {theta.shape}")
    return theta


def _check(name: str, tensor: Tensor, net: ResNet | Network) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: expected a tensor, got {type(tensor).__name__}")
    check_tensor(name, tensor)
    expected = torch.float32 if net.dtype == np.float32 else torch.float64
    if tensor.dtype != expected:
        raise TypeError(f"{name}: expected {expected}, as the network has, got {tensor.dtype}")


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().contiguous().numpy()
    return array

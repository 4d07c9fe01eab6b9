"""A network of mgres as a module of PyTorch, operation by operation, and back."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..blocks import Custom
from ..resnet import ResNet
from ..stages import Network
from .layer import ResNetLayer, check_theta
from .operations import prepared, step
from .staged import StagedModule
from .tensors import as_array, check_tensor


class ResNetModule(nn.Module):
    """A :class:`mgres.ResNet` of PyTorch's own operations, for export and for GPUs.

    Made by :func:`to_module`; parameters are copies of those in `theta`.  As a fast layer of a
    larger model on CPUs take :class:`ResNetLayer`, which computes the same.

    Parameters
    ----------
    net : ResNet
        The network.
    theta : ndarray, shape (net.size,)
        Its parameters.

    Attributes
    ----------
    net : ResNet
    Q, W_out, b_out : nn.Parameter
        Of opening and classifier.
    W, b : nn.Parameter
        Of the layers, or what the arrays of other blocks are called.  Shapes are those of
        ``net.views(theta)``: W of all layers is one parameter (K, v, v).
    """

    Q: Tensor
    W_out: Tensor
    b_out: Tensor

    def __init__(self, net: ResNet, theta: NDArray[Any]) -> None:
        super().__init__()
        self.net = net
        for name, view in net.views(check_theta(net, theta))._asdict().items():
            self.register_parameter(name, nn.Parameter(torch.from_numpy(view.copy())))

    def forward(self, X: Tensor) -> Tensor:
        """Return the logits, shape (n, n_outputs), of samples, shape (n, n_inputs)."""
        y = nn.functional.linear(X, self.Q)
        own = {name: getattr(self, name) for name in self.net.layer_arrays}
        arrays = prepared(self.net.block, own)
        for layer in zip(*(array.unbind(0) for array in arrays.values()), strict=True):
            y = step(self.net, dict(zip(arrays, layer, strict=True)), y)
        return nn.functional.linear(y, self.W_out, self.b_out)

    def extra_repr(self) -> str:
        """Return the settings of the network."""
        return str(self.net)


@overload
def to_module(net: ResNet, theta: NDArray[Any]) -> ResNetModule: ...
@overload
def to_module(net: Network, theta: NDArray[Any]) -> StagedModule: ...
def to_module(net: ResNet | Network, theta: NDArray[Any]) -> ResNetModule | StagedModule:
    """Return the network as an ``nn.Module`` with the same outputs up to rounding.

    Parameters are copied.  The module is made of common operations, so it can be trained further,
    moved to a GPU, compiled, and exported with a free batch size::

        n = torch.export.Dim("n", min=1)
        program = torch.export.export(module, (X,), dynamic_shapes=({0: n},))
        module.eval()
        torch.onnx.export(module, (X,), "net.onnx", dynamo=True, dynamic_shapes=({0: n},))

    A graph has no loop over layers: with forward Euler it has 5 nodes a layer (two of them pick the
    layer's parameters), with RK4 about 20.  At 2,048 layers that are 10,251 nodes, which take
    torch.export half a minute.  ONNX export optimises the graph, and the time of that grows faster
    than the depth: 17 s for 256 layers, 53 s for 512, more than ten minutes for 2,048.  Pass
    ``optimize=False`` for deep networks, which leaves it to the runtime: 10 s for 256 layers, 34 s
    for 1,024.

    Parameters
    ----------
    net : ResNet or Network
        Any scheme, and any block but custom ones.
    theta : ndarray, shape (net.size,)
        Its parameters.

    Raises
    ------
    TypeError
        If `net` is no network, or `theta` has another dtype than it.
    ValueError
        If the shape of `theta` does not fit, or the block is a custom one.

    Examples
    --------
    >>> import numpy as np, torch
    >>> net = ResNet(n_inputs=2, width=4, n_outputs=3, depth=8)
    >>> theta = net.init(seed=0)
    >>> module = to_module(net, theta)
    >>> X = np.ones((5, 2), np.float32)
    >>> np.allclose(module(torch.from_numpy(X)).detach(), net.logits(theta, X), rtol=1e-5)
    True
    """
    if isinstance(net, Network):
        return StagedModule(net, check_theta(net, theta))
    if not isinstance(net, ResNet):
        raise TypeError(f"net: expected a ResNet or a Network, got {type(net).__name__}")
    if isinstance(net.block, Custom):
        raise ValueError(f"net: expected a block that PyTorch can be told, got {net.block}")
    return ResNetModule(net, theta)


def from_module(module: nn.Module) -> tuple[ResNet | Network, NDArray[Any]]:
    """Return network and parameters of a module made by :func:`to_module`, bit for bit.

    A :class:`ResNetLayer` will do too, and what ``torch.compile`` returned for either.  The dtype
    of the network is that of the parameters, also after ``module.double()``.

    Parameters
    ----------
    module : ResNetModule, StagedModule or ResNetLayer
        On the CPU, with parameters in float32 or float64.

    Returns
    -------
    net : ResNet or Network
    theta : ndarray, shape (net.size,)
        A copy.

    Raises
    ------
    TypeError
        If the module is another one, or its parameters have another dtype.
    ValueError
        If a parameter is on another device, or its shape was changed.
    """
    original = getattr(module, "_orig_mod", module)  # of torch.compile
    if not isinstance(original, ResNetModule | StagedModule | ResNetLayer):
        raise TypeError(
            "module: expected one made by mgres.torch.to_module, or a ResNetLayer, got "
            f"{type(original).__name__}; for other residual networks see mgres.torch.TorchResNet"
        )
    parts = {name: _plain(name, p) for name, p in original.named_parameters()}
    dtypes = {part.dtype for part in parts.values()}
    if len(dtypes) > 1:
        raise TypeError(f"module: expected parameters of one dtype, got {sorted(map(str, dtypes))}")
    net = original.net.with_dtype(dtypes.pop())
    theta = np.empty(net.size, net.dtype)
    views = {"theta": theta} if isinstance(original, ResNetLayer) else net.named_views(theta)
    for name, view in views.items():
        if name not in parts or parts[name].shape != view.shape:
            got = parts[name].shape if name in parts else "none"
            raise ValueError(f"module.{name}: expected shape {view.shape}, got {got}")
        view[...] = parts[name]
    return net, theta


def _plain(name: str, parameter: Tensor) -> NDArray[Any]:
    check_tensor(f"module.{name}", parameter)
    if parameter.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"module.{name}: expected float32 or float64, got {parameter.dtype}")
    return as_array(parameter.detach().contiguous())

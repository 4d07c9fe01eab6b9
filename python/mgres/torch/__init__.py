"""Networks of mgres in PyTorch, and PyTorch's networks in mgres (extra ``torch``).

======================================  ===========================================================
:func:`to_module`, :func:`from_module`  a network of mgres as an ``nn.Module``, for export; and back
:class:`ResNetLayer`                    a network of mgres as a fast layer of a larger model
:class:`TorchResNet`,                   a residual network of yours, dense or convolutional, trained
:class:`TorchObjective`                 by levels
:func:`as_array`, :func:`as_tensor`     one memory for both
======================================  ===========================================================

>>> import mgres, mgres.torch
>>> net = mgres.ResNet(n_inputs=2, width=4, n_outputs=2, depth=8)
>>> module = mgres.torch.to_module(net, net.init(seed=0))
>>> sum(p.numel() for p in module.parameters()) == net.size
True

``import mgres`` does not import this package, nor PyTorch.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("mgres.torch needs PyTorch: pip install 'mgres[torch]'") from error

from .layer import ResNetFunction, ResNetLayer
from .layout import TorchViews
from .module import ResNetModule, from_module, to_module
from .network import TorchResNet
from .objective import TorchObjective
from .stack import ResidualStack, WithoutSkip
from .tensors import as_array, as_tensor

__all__ = [
    "ResNetFunction",
    "ResNetLayer",
    "ResNetModule",
    "ResidualStack",
    "TorchObjective",
    "TorchResNet",
    "TorchViews",
    "WithoutSkip",
    "as_array",
    "as_tensor",
    "from_module",
    "to_module",
]

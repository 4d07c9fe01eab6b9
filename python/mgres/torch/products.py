"""Products with second derivatives of a mean loss, by differentiating PyTorch's gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd import grad

Tensors = Sequence[Tensor]
Product = Callable[[Tensor, Tensors, Tensors, Callable[[Tensor], Tensor]], Tensors]


def hessian_product(
    outputs: Tensor, parameters: Tensors, v: Tensors, loss: Callable[[Tensor], Tensor]
) -> Tensors:
    """Return the derivative of the loss's gradient along `v`, a tensor for each parameter.

    Parameters
    ----------
    outputs : Tensor
        Of the network, with their graph.
    parameters, v : sequence of Tensor
        Leaves of the graph, and the direction's parts in their shapes.
    loss : callable
        ``loss(outputs)``, a scalar.
    """
    gradient = grad(
        loss(outputs), parameters, create_graph=True, allow_unused=True, materialize_grads=True
    )
    return _along(gradient, parameters, v)


def gauss_newton_product(
    outputs: Tensor, parameters: Tensors, v: Tensors, loss: Callable[[Tensor], Tensor]
) -> Tensors:
    """Return J^T H J `v`, of the outputs' derivative J and the loss's second derivative H by them.

    J v is had by going backwards twice: J^T u is linear in u, and <J^T u, v> has the gradient J v.
    """
    u = torch.zeros_like(outputs, requires_grad=True)
    pulled = grad(
        outputs, parameters, u, create_graph=True, allow_unused=True, materialize_grads=True
    )
    (pushed,) = _along(pulled, [u], v)
    free = outputs.detach().requires_grad_()
    by_outputs = grad(loss(free), free, create_graph=True)
    (curved,) = _along(by_outputs, [free], [pushed])
    return grad(outputs, parameters, curved, allow_unused=True, materialize_grads=True)


def _along(functions: Tensors, variables: Tensors, weights: Tensors) -> Tensors:
    """Return the derivatives of sum <functions, weights>; functions may be constant."""
    pairs = [(f, w) for f, w in zip(functions, weights, strict=True) if f.requires_grad]
    if not pairs:
        return [torch.zeros_like(variable) for variable in variables]
    varying, of_varying = zip(*pairs, strict=True)
    return grad(
        varying,
        variables,
        of_varying,
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )

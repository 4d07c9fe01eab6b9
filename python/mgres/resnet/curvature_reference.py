"""Products with second derivatives once more, in plain NumPy: an oracle for the fast core.

The derivative of an analytic function along v is the imaginary part of its value at x + i e v,
divided by e, without any rounding error of a difference.  So one text serves all blocks, schemes
and activations.
"""

from __future__ import annotations

import numpy as np

from .reference import Net, Numbers, logits, loss_gradient, value_and_grad, vjp

STEP = 1e-30
"""e: its square is nothing beside 1 in any floating-point type."""


def hessian_product(
    net: Net,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    v: Numbers,
    defect: Numbers | None = None,
) -> Numbers:
    """Return the Hessian of the mean loss times `v`: the derivative along `v` of the gradient."""
    _, gradient = value_and_grad(net, loss, theta + 1j * STEP * v, X, targets, defect)
    return gradient.imag / STEP


def gauss_newton_product(
    net: Net,
    loss: str,
    theta: Numbers,
    X: Numbers,
    targets: Numbers,
    v: Numbers,
    defect: Numbers | None = None,
) -> Numbers:
    """Return J^T H J `v` with the derivative J of the logits and the Hessian H of the mean loss.

    H J v is the derivative of the loss's gradient where the logits move by J v.
    """
    z = logits(net, theta + 1j * STEP * v, X, defect)
    dz = np.imag(loss_gradient(loss, z, targets)) / STEP / len(X)
    return vjp(net, theta, X, dz, defect)[0]

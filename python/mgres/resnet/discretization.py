r"""Time discretisations: how a layer steps, and which weights it steps with.

With :math:`F(y) = \sigma(W_k y + b_k)` and :math:`h = T / K`:

=======  ======  ===================================================================================
scheme   stages  :math:`y_{k+1}`
=======  ======  ===================================================================================
euler    1       :math:`y + h F(y)`
matched  2       :math:`y + h [(1 - a) F(y) + a F(y + h F(y))]`, :math:`a = (m - 1) / (2 m)`: what m
                 Euler steps of size h / m do with the same parameters, up to :math:`O(h^3)`; m = 1
                 is Euler's method, and m without bound Heun's
rk4      4       the classical Runge-Kutta method of order 4
verlet   1       :math:`q \gets q - h \sigma(W_k^T p + b_k)`, then
                 :math:`p \gets p + h \sigma(W_k q + b_k)` for the state y = (p, q) of two halves;
                 W_k is (v/2, v/2) (Hamiltonian network of Haber and Ruthotto 2017)
=======  ======  ===================================================================================

With "antisymmetric" weights the layers use :math:`(W - W^T) / 2 - \gamma I` in the place of W, with
the damping :math:`\gamma \ge 0`: the eigenvalues have the real part :math:`-\gamma`, so that small
differences of inputs neither explode nor vanish (the same source).  The parameters remain W.
"""

from __future__ import annotations

import math

from .. import _core

SCHEMES = tuple(_core.Scheme.__members__)
STAGES = {"euler": 1, "matched": 2, "rk4": 4, "verlet": 1}
WEIGHTS = ("free", "antisymmetric")


def check_discretization(
    width: int, scheme: str, substeps: float, weights: str, damping: float
) -> None:
    """Raise ValueError unless the arguments of a network fit each other."""
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: expected one of {SCHEMES}, got {scheme!r}")
    if not (substeps >= 1 and math.isfinite(substeps)):
        raise ValueError(f"substeps: expected a number >= 1, got {substeps!r}")
    if substeps != 1 and scheme != "matched":
        raise ValueError(f"substeps: only scheme='matched' has them, got {substeps!r} for {scheme}")
    if weights not in WEIGHTS:
        raise ValueError(f"weights: expected one of {WEIGHTS}, got {weights!r}")
    if not (damping >= 0 and math.isfinite(damping)):
        raise ValueError(f"damping: expected a number >= 0, got {damping!r}")
    if damping > 0 and weights != "antisymmetric":
        raise ValueError(f"damping: needs weights='antisymmetric', got {damping!r} with {weights}")
    if scheme == "verlet":
        if width % 2:
            raise ValueError(f"width: expected an even number for verlet, got {width}")
        if weights != "free":
            raise ValueError("weights: expected 'free' for verlet, which is Hamiltonian already")

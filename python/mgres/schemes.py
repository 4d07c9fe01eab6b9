r"""Schemes: how a layer steps through the differential equation y' = F(y; p(t)).

With the step size :math:`h = T / K` a layer leads from :math:`y_k` to

====================  ======  ======================================================================
scheme                stages  :math:`y_{k+1}`
====================  ======  ======================================================================
:class:`Euler`        1       :math:`y + h F(y)`
:class:`Matched`      2       :math:`y + h [(1 - a) F(y) + a F(y + h F(y))]`,
                              :math:`a = (m - 1) / (2 m)`: what m Euler steps of size h / m do with
                              the same parameters, up to :math:`O(h^3)`; m = 1 is Euler's method,
                              and m without bound Heun's
:class:`RK4`          4       the classical Runge-Kutta method of order 4
:class:`Verlet`       1       one half of the state after the other, for
                              :class:`mgres.blocks.Hamiltonian`
====================  ======  ======================================================================

They are values: equal if they step alike, and part of a :class:`mgres.ResNet`, which also takes
their names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from . import _core
from .checks import number_of

__all__ = ["RK4", "Euler", "Matched", "Scheme", "Verlet"]


class Scheme:
    """How a layer steps; one of :class:`Euler`, :class:`Matched`, :class:`RK4`, :class:`Verlet`.

    Attributes
    ----------
    name : str
        As it is given to :class:`mgres.ResNet`.
    stages : int
        How many times a layer evaluates F: what it costs in Euler layers.
    substeps : float
        How many Euler steps one layer stands for: 1 but for :class:`Matched`.
    """

    name: ClassVar[str]
    stages: ClassVar[int] = 1
    substeps: float = 1.0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Euler(Scheme):
    """Forward Euler steps: the residual network of He et al. (2016)."""

    name: ClassVar[str] = "euler"


@dataclass(frozen=True)
class Matched(Scheme):
    """Two stages that imitate several Euler steps, for coarse networks below one of Euler's.

    Attributes
    ----------
    substeps : float
        The number m >= 1 of Euler steps, not necessarily whole.
    """

    substeps: float = 1.0
    name: ClassVar[str] = "matched"
    stages: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if not 1 <= number_of(self.substeps) < math.inf:
            raise ValueError(f"substeps: expected a number >= 1, got {self.substeps!r}")
        object.__setattr__(self, "substeps", float(self.substeps))

    def __str__(self) -> str:
        return f"matched({self.substeps:g})"


@dataclass(frozen=True)
class RK4(Scheme):
    """The classical Runge-Kutta method of order 4, four evaluations of F in a layer."""

    name: ClassVar[str] = "rk4"
    stages: ClassVar[int] = 4


@dataclass(frozen=True)
class Verlet(Scheme):
    r"""The symplectic Euler method, for the two halves of y = (p, q); in the field "Verlet".

    .. math:: q \gets q - h\, F_1(p), \qquad p \gets p + h\, F_2(q)

    Both halves cost one evaluation of F together.  Source: E. Haber and L. Ruthotto, Stable
    architectures for deep neural networks, Inverse Problems 34 (2018).
    """

    name: ClassVar[str] = "verlet"


KINDS: dict[str, type[Scheme]] = {kind.name: kind for kind in (Euler, Matched, RK4, Verlet)}
NAMES = tuple(_core.Scheme.__members__)


def scheme_of(scheme: str | Scheme, substeps: float | None = None) -> Scheme:
    """Return the scheme of a name, or the one given, with other `substeps` if they are given.

    Raises
    ------
    ValueError
        If there is no such scheme, or it has no substeps.
    """
    if not isinstance(scheme, Scheme):
        if scheme not in NAMES:
            raise ValueError(f"scheme: expected one of {NAMES}, got {scheme!r}")
        scheme = KINDS[scheme]()
    if substeps is None:
        return scheme
    if isinstance(scheme, Matched):
        return replace(scheme, substeps=substeps)
    if not 1 <= number_of(substeps) < math.inf:
        raise ValueError(f"substeps: expected a number >= 1, got {substeps!r}")
    if substeps != 1:
        raise ValueError(f"substeps: only scheme='matched' has them, got {substeps!r} for {scheme}")
    return scheme


# ---- coarse networks -----------------------------------------------------------------------------

IMITATED = (Euler, Matched)
"""Schemes that :class:`Matched` can stand for, in fewer layers."""


def coarsened(scheme: Scheme, factor: float, wanted: str | None = None) -> Scheme:
    """Return how a layer steps that stands for `factor` layers of `scheme`.

    Parameters
    ----------
    scheme : Scheme
        Of the fine layers.
    factor : float
        How many of them.
    wanted : str, optional
        "matched", to imitate Euler steps.  By default the same scheme with larger steps; matched
        layers stay matched.

    Raises
    ------
    ValueError
        If `wanted` is no coarse scheme of it.
    """
    imitable = isinstance(scheme, IMITATED)
    if (wanted == "matched" and imitable) or (wanted is None and isinstance(scheme, Matched)):
        return Matched(scheme.substeps * factor)
    if wanted not in (None, scheme.name):
        expected = sorted({scheme.name, "matched"} if imitable else {scheme.name})
        raise ValueError(
            f"scheme: expected {' or '.join(expected)} below {scheme.name}, got {wanted!r}"
        )
    return scheme


def are_alike(fine: Scheme, coarse: Scheme) -> bool:
    """Return whether layers of both can use the same parameters, in another number of them."""
    return fine == coarse or (isinstance(fine, IMITATED) and isinstance(coarse, IMITATED))

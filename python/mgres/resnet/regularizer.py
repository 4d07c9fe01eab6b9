"""Regularisers of the parameters.

A regulariser is a description that fits networks of every depth.  Bound to the network of one
level it is a :class:`Penalty`, a function of that level's flat parameter vector.  The description
is what all levels share; `bind` scales it so that they mean the same functional of theta(t).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .. import _core
from .layered import LayeredNetwork
from .layout import Array

MEASURES = ("layers", "time")


class Penalty(Protocol):
    """A function R of the flat parameters of one network, added to its loss."""

    def value(self, theta: Array) -> float:
        """Return R(theta)."""
        ...

    def add_gradient(self, theta: Array, out: Array) -> float:
        """Add R'(theta) to `out`, but nothing to the entries of fixed parts; return R(theta)."""
        ...

    def add_product(self, theta: Array, v: Array, out: Array) -> None:
        """Add R''(theta) `v` to `out`; the entries of fixed parts of `v` count as zero.

        Nothing is added to the entries of fixed parts of `out`.
        """
        ...


class Regularizer(Protocol):
    """What makes the penalty of every level of a hierarchy."""

    def bind(self, net: LayeredNetwork, finest_depth: int, fixed: Sequence[str] = ()) -> Penalty:
        """Return the penalty for one level.

        Parameters
        ----------
        net : ResNet or other LayeredNetwork
            The network of the level.
        finest_depth : int
            How many layers the finest level has.
        fixed : sequence of str
            Parts of the parameters ("opening", "blocks", "closing") that do not change.
        """
        ...


@dataclass(frozen=True)
class Tikhonov:
    r"""Squared norms of weights and biases, scaled so that all levels mean the same functional.

    .. math::

        R(\theta) = \beta \Big( c_l \sum_k (\|W_k\|_F^2 + \|b_k\|^2)
                    + \|W_{out}\|_F^2 + \|b_{out}\|^2 \Big)

    There is no factor 1/2, and by default Q is not penalised.  With constant prolongation P the
    functional is exactly the same on all levels: R_l(P theta) = R_{l-1}(theta).

    Attributes
    ----------
    beta : float
        Strength, at least 0.
    measure : str
        What the sum over layers approximates.  ``"layers"``, the paper's choice and the one for the
        Euclidean metric: c_l = K_finest / K_l, that is 2^{L-l}, 1 on the finest level.  ``"time"``,
        for the metric of L^2(0, T): c_l = dt_l, an integral over [0, T].  ``"mean"``:
        c_l = 1 / K_l, the mean over [0, T], so that blocks count as much as the rest for any T.
    opening : bool
        Whether :math:`\beta \|Q\|_F^2` is added.  Without it, training to a minimum can make R
        small by large Q and small W_out, and the network is not regularised.
    """

    beta: float
    measure: str = "layers"
    opening: bool = False

    def __post_init__(self) -> None:
        _check("beta", self.beta, self.measure, (*MEASURES, "mean"))

    def weights(self, net: LayeredNetwork, finest_depth: int) -> dict[str, float]:
        """Return the factor of the squared norm of each penalised part of `net`.

        Parameters
        ----------
        net : ResNet or other LayeredNetwork
            The network of the level.
        finest_depth : int
            How many layers the finest level has.
        """
        scales = {
            "layers": finest_depth / net.depth,
            "time": net.dt,
            "mean": 1 / net.depth,
        }
        c = scales[self.measure]
        weights = {"blocks": self.beta * c, "closing": self.beta}
        return {"opening": self.beta, **weights} if self.opening else weights

    def bind(self, net: LayeredNetwork, finest_depth: int, fixed: Sequence[str] = ()) -> Penalty:
        """Return the penalty for one level; see :class:`Regularizer`."""
        weights = self.weights(net, finest_depth)
        return _Squares([(net.part(part), w, part in fixed) for part, w in weights.items()])


class _Squares:
    """Weighted squared norms of parts of the parameters."""

    def __init__(self, terms: list[tuple[slice, float, bool]]) -> None:
        self._terms = terms

    def value(self, theta: Array) -> float:
        return sum(_core.add_square(weight, theta[part], None) for part, weight, _ in self._terms)

    def add_gradient(self, theta: Array, out: Array) -> float:
        return sum(
            _core.add_square(weight, theta[part], None if is_fixed else out[part])
            for part, weight, is_fixed in self._terms
        )

    def add_product(self, theta: Array, v: Array, out: Array) -> None:
        for part, weight, is_fixed in self._terms:
            if not is_fixed:
                _core.axpy(2 * weight, v[part], out[part])


@dataclass(frozen=True)
class Smoothness:
    r"""The H^1 seminorm in t of weights and biases: how much they change from layer to layer.

    .. math::

        R(\theta) = \gamma\, c_l \sum_{k=0}^{K_l-2} \|\theta_{k+1} - \theta_k\|^2,
        \qquad \theta_k = (W_k, b_k)

    =========  ==========================  ====================================================
    measure    c_l                         R approximates
    =========  ==========================  ====================================================
    time       1 / dt_l = K_l / T          :math:`\gamma \int_0^T |\theta'(t)|^2\, dt`
    layers     K_l / K_finest              the same times dt of the finest level
    =========  ==========================  ====================================================

    As with :class:`Tikhonov`, "layers" is 1 on the finest level, and either measure is the same
    functional on all levels, up to O(dt) for smooth theta(t).  Prolonged linearly, parameters keep
    their value exactly, R_l(P theta) = R_{l-1}(theta), because half a jump over half a step counts
    half, and there are two.  Prolonged constantly, by a factor m, they jump as far in steps m times
    shorter, and R grows m-fold: a piecewise constant function has no H^1 seminorm.  So use it with
    ``prolongation="linear"``.  Q and the classifier, which do not depend on t, are not penalised.

    Source: E. Haber and L. Ruthotto, Stable architectures for deep neural networks, Inverse
    Problems 34 (2018), who regularise by derivatives in t so that there is a limit for dt -> 0.

    Attributes
    ----------
    gamma : float
        Strength, at least 0.
    measure : str
        "layers" or "time".
    """

    gamma: float
    measure: str = "layers"

    def __post_init__(self) -> None:
        _check("gamma", self.gamma, self.measure, MEASURES)

    def bind(self, net: LayeredNetwork, finest_depth: int, fixed: Sequence[str] = ()) -> Penalty:
        """Return the penalty for one level; see :class:`Regularizer`."""
        c = 1 / net.dt if self.measure == "time" else net.depth / finest_depth
        return _Jumps(net.part("blocks"), net.layer_size, self.gamma * c, "blocks" in fixed)


class _Jumps:
    """The weighted squared norm of the differences between neighbouring layers."""

    def __init__(self, blocks: slice, layer: int, weight: float, is_fixed: bool) -> None:
        self._blocks = blocks
        self._layer = layer
        self._weight = weight
        self._is_fixed = is_fixed

    def value(self, theta: Array) -> float:
        jumps = self._jumps(theta)
        return self._weight * _core.dot(jumps, jumps)

    def add_gradient(self, theta: Array, out: Array) -> float:
        jumps = self._jumps(theta)
        if not self._is_fixed:
            self._spread(jumps, out)
        return self._weight * _core.dot(jumps, jumps)

    def add_product(self, theta: Array, v: Array, out: Array) -> None:
        if not self._is_fixed:
            self._spread(self._jumps(v), out)

    def _jumps(self, x: Array) -> Array:
        blocks = x[self._blocks]
        return blocks[self._layer :] - blocks[: -self._layer]

    def _spread(self, jumps: Array, out: Array) -> None:
        """Add the derivative of weight |jumps|^2: each jump pulls its two layers together."""
        blocks = out[self._blocks]
        _core.axpy(2 * self._weight, jumps, blocks[self._layer :])
        _core.axpy(-2 * self._weight, jumps, blocks[: -self._layer])


def bind_all(
    regularizer: Regularizer | Sequence[Regularizer] | None,
    net: LayeredNetwork,
    finest_depth: int,
    fixed: Sequence[str],
) -> tuple[Penalty, ...]:
    """Return the penalties of none, one or several regularisers for one level.

    Raises
    ------
    TypeError
        If one of them has no method `bind`.
    """
    given: Any = regularizer
    if given is None:
        return ()
    several = given if isinstance(given, Sequence) else (given,)
    for one in several:
        if not callable(getattr(one, "bind", None)) or isinstance(one, type):
            raise TypeError(
                "regularizer: expected a regulariser such as Tikhonov(1e-4), or a sequence of "
                f"them, got {one!r}"
            )
    return tuple(one.bind(net, finest_depth, fixed) for one in several)


def _check(name: str, strength: float, measure: str, measures: Sequence[str]) -> None:
    if not (strength >= 0 and math.isfinite(strength)):
        raise ValueError(f"{name}: expected a number >= 0, got {strength!r}")
    if measure not in measures:
        raise ValueError(f"measure: expected one of {tuple(measures)}, got {measure!r}")

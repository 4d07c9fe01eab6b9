"""The regulariser of how parameters change from layer to layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ... import _core
from ..layered import LayeredNetwork
from ..layout import Array, StackPart
from .regularizer import MEASURES, Penalty, check_strength


@dataclass(frozen=True)
class Smoothness:
    r"""The H^1 seminorm in t of the layers: how much they change from layer to layer.

    .. math::

        R(\theta) = \gamma\, c_l \sum_{k=0}^{K_l-2} \|\theta_{k+1} - \theta_k\|^2,
        \qquad \theta_k = \text{all parameters of layer k}

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
    ``prolongation="linear"``.  Q and the classifier, which do not depend on t, are not penalised;
    the scale of a norm and the pace, which do, are: the right-hand side of the ODE is smooth in t
    only if all functions of t in it are.  What is constant in t costs nothing, whatever its size.

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
        check_strength("gamma", self.gamma, self.measure, MEASURES)

    def bind(self, net: LayeredNetwork, finest_depth: int, fixed: Sequence[str] = ()) -> Penalty:
        """Return the penalty for one level; see :class:`Regularizer`."""

        def of_stack(stack: StackPart) -> _Jumps:
            c = 1 / stack.dt if self.measure == "time" else net.depth / finest_depth
            return _Jumps(stack.part, stack.layer_size, self.gamma * c, "blocks" in fixed)

        return _Sum([of_stack(stack) for stack in net.stack_parts])


class _Sum:
    """Several penalties."""

    def __init__(self, terms: Sequence[Penalty]) -> None:
        self._terms = terms

    def value(self, theta: Array) -> float:
        return sum(term.value(theta) for term in self._terms)

    def add_gradient(self, theta: Array, out: Array) -> float:
        return sum(term.add_gradient(theta, out) for term in self._terms)

    def add_product(self, theta: Array, v: Array, out: Array) -> None:
        for term in self._terms:
            term.add_product(theta, v, out)


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

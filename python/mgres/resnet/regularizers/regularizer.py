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

from ... import _core
from ...checks import number_of
from ..layered import LayeredNetwork
from ..layout import Array, StackPart

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

    and for other blocks all their matrices and biases in the place of :math:`W_k` and :math:`b_k`,
    but neither the scale of a norm nor the pace.  There is no factor 1/2, and by default Q is not
    penalised.  With constant prolongation P the functional is exactly the same on all levels:
    R_l(P theta) = R_{l-1}(theta).

    Zero is the right place for matrices, but a scale of zero would switch a layer off.  As scale
    and pace are free, they can take over what the matrices lose: with eps W and scale / eps, or of
    relu and its like with eps W, eps b and pace - log eps, a block computes the same, and R is
    smaller by up to eps^2.  So for blocks with a norm or a pace, R decides how a layer is written
    rather than what it does; :class:`DecayToStart` has no such way out.

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
        check_strength("beta", self.beta, self.measure, (*MEASURES, "mean"))

    def weights(self, net: LayeredNetwork, finest_depth: int) -> dict[str, float]:
        """Return the factor of the squared norm of each penalised part of `net`.

        Of several stacks "blocks" is that of the first.

        Parameters
        ----------
        net : ResNet or other LayeredNetwork
            The network of the level.
        finest_depth : int
            How many layers the finest level has.
        """
        blocks = self._of_layers(net.stack_parts[0], finest_depth / net.depth)
        weights = {"blocks": blocks, "closing": self.beta}
        return {"opening": self.beta, **weights} if self.opening else weights

    def _of_layers(self, stack: StackPart, ratio: float) -> float:
        return (
            self.beta * {"layers": ratio, "time": stack.dt, "mean": 1 / stack.depth}[self.measure]
        )

    def bind(self, net: LayeredNetwork, finest_depth: int, fixed: Sequence[str] = ()) -> Penalty:
        """Return the penalty for one level; see :class:`Regularizer`."""
        ratio = finest_depth / net.depth
        terms = [
            (
                stack.part,
                (stack.depth, stack.layer_weights),
                self._of_layers(stack, ratio),
                "blocks" in fixed,
            )
            for stack in net.stack_parts
        ]
        rest = ["connections", "closing", *(["opening"] if self.opening else [])]
        whole = (1, -1)
        terms += [
            (net.part(part), whole, self.beta, part in fixed)
            for part in rest
            if net.part(part).start < net.part(part).stop
        ]
        return _Squares(terms)


class _Squares:
    """Weighted squared norms of parts of the parameters."""

    def __init__(self, terms: list[tuple[slice, tuple[int, int], float, bool]]) -> None:
        self._terms = [
            (_Columns(part, *rows), weight, is_fixed) for part, rows, weight, is_fixed in terms
        ]

    def value(self, theta: Array) -> float:
        return sum(
            _core.add_square(weight, part.of(theta), None) for part, weight, _ in self._terms
        )

    def add_gradient(self, theta: Array, out: Array) -> float:
        value = 0.0
        for part, weight, is_fixed in self._terms:
            x, g = part.of(theta), None if is_fixed else part.of(out)
            value += _core.add_square(weight, x, g)
            if g is not None:
                part.put(g, out)
        return value

    def add_product(self, theta: Array, v: Array, out: Array) -> None:
        for part, weight, is_fixed in self._terms:
            if not is_fixed:
                g = part.of(out)
                _core.axpy(2 * weight, part.of(v), g)
                part.put(g, out)


class _Columns:
    """The first numbers of each row of a part; of whole rows, the part itself without a copy."""

    def __init__(self, part: slice, rows: int, columns: int) -> None:
        self._part = part
        self._rows = rows
        self._columns = columns
        length = (part.stop - part.start) // rows
        self._is_whole = columns in (-1, length)

    def of(self, x: Array) -> Array:
        if self._is_whole:
            return x[self._part]
        columns: Array = x[self._part].reshape(self._rows, -1)[:, : self._columns].ravel()
        return columns

    def put(self, columns: Array, x: Array) -> None:
        """Write to `x` what :meth:`of` has copied from it."""
        if not self._is_whole:
            into = x[self._part].reshape(self._rows, -1)
            into[:, : self._columns] = columns.reshape(self._rows, -1)


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


def check_strength(name: str, strength: float, measure: str, measures: Sequence[str]) -> None:
    """Raise a ValueError unless a strength is a number >= 0 and a measure is known."""
    if not 0 <= number_of(strength) < math.inf:
        raise ValueError(f"{name}: expected a number >= 0, got {strength!r}")
    if measure not in measures:
        raise ValueError(f"measure: expected one of {tuple(measures)}, got {measure!r}")

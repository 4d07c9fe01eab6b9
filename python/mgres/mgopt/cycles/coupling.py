"""What a coarse level minimises on behalf of a finer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from ..memo import Memo
from ..metric import Metric
from ..objective import Objective, Vector
from ..surrogate import Tilted, Untilted
from ..work import Counted


class Surrogate(Objective, Protocol):
    """A coarse objective that stands in for a finer one."""

    @property
    def v(self) -> Vector:
        """f'(x0) - r: what the coarse gradient at the start lacks of the restricted fine one."""
        ...


class Coupling(Protocol):
    """Makes the surrogate of a coarse visit."""

    def surrogate(
        self,
        fine: Objective,
        coarse: Objective,
        x: Vector,
        origin: Vector,
        restricted_gradient: Vector,
    ) -> Surrogate:
        """Return what the coarse level minimises.

        Parameters
        ----------
        fine : Objective
            What the finer level minimises; on coarse levels itself a surrogate.
        coarse : Objective
            The coarse level's own objective.
        x : Vector
            Where the finer level stands.
        origin : Vector
            Pi `x`, where the coarse visit begins.  May be kept by reference.
        restricted_gradient : Vector
            R times the gradient of `fine` at `x`.  May be kept by reference.
        """
        ...


@dataclass(frozen=True)
class FirstOrder:
    """The coupling of MG/OPT, formula (9) of the paper: the gradients agree at the start."""

    def surrogate(
        self,
        fine: Objective,
        coarse: Objective,
        x: Vector,
        origin: Vector,
        restricted_gradient: Vector,
    ) -> Surrogate:
        """Return f(y) - <v, y - y0> with v = f'(y0) - R g for the coarse objective f."""
        return Tilted(coarse, origin, restricted_gradient)


@dataclass(frozen=True)
class NoCoupling:
    """The coarse objective as it is, for experiments.

    The minimiser of the fine objective is then no fixed point of a cycle.
    """

    def surrogate(
        self,
        fine: Objective,
        coarse: Objective,
        x: Vector,
        origin: Vector,
        restricted_gradient: Vector,
    ) -> Surrogate:
        """Return the coarse objective."""
        return Untilted(coarse, origin, restricted_gradient)


class HasStates(Protocol):
    """An objective of parameters that drive states through time, such as a network."""

    def with_state_defect(self, fine: Objective, x: Vector, origin: Vector) -> Objective:
        """Return this objective with shifted state equations and a constant added.

        One vector is added to the state equation of each coarse step, the same for all parameters:
        the defect of the fine states at `x` in the coarse equations at `origin`.  The states at
        `origin` then are the fine ones, sampled at the coarse times, and a constant makes the value
        there that of `fine` at `x`.

        Parameters
        ----------
        fine : Objective
            A finer discretisation of the same problem, possibly with such a shift of its own.
        x, origin : Vector
            Its parameters, and those of this objective that correspond to them.
        """
        ...


@dataclass(frozen=True)
class StateDefect:
    """The coarse state equations are shifted so that they reproduce the fine states at the start.

    This is the right-hand side tau of the full approximation scheme, for the equation that the
    parameters control.  Where the trajectory of a deep network bends sharply, the states of its
    coarse discretisation end elsewhere, so its loss is another function; shifted by the defect it
    starts from the same states and the same loss.

    Source: A. Brandt, Multi-level adaptive solutions to boundary-value problems, Math. Comp. 31
    (1977), for the equation; the combination with MG/OPT is ours.

    Building it costs a value on either level: the states of both.

    Attributes
    ----------
    first_order : bool
        Tilt the shifted objective too, so that what is left of the difference of the gradients is
        removed as in :class:`FirstOrder`.
    """

    first_order: bool = True

    def surrogate(
        self,
        fine: Objective,
        coarse: Objective,
        x: Vector,
        origin: Vector,
        restricted_gradient: Vector,
    ) -> Surrogate:
        """Return the shifted coarse objective, tilted or not.

        Raises
        ------
        TypeError
            If the coarse objective has no states.
        """
        own = innermost(coarse)
        if not hasattr(own, "with_state_defect"):
            raise TypeError(
                f"coarse: expected an objective with_state_defect, got {type(own).__name__}"
            )
        shifted = cast(HasStates, own).with_state_defect(innermost(fine), x, origin)
        ledger = _counter(coarse)
        for counter in (_counter(fine), ledger):
            if counter is not None:
                counter.count_value()
        objective = Memo(shifted if ledger is None else ledger.alike(shifted))
        make = Tilted if self.first_order else Untilted
        return make(objective, origin, restricted_gradient)


def relative_coupling(h: Surrogate, restricted_gradient: Vector, metric: Metric) -> float:
    """Return |v| / |R g| in the dual norm of the coarse level."""
    norm = metric.dual_norm(restricted_gradient)
    return metric.dual_norm(h.v) / norm if norm > 0 else 0.0


def innermost(f: Objective) -> Objective:
    """Return the objective inside all the wrappers that the engine puts around it."""
    while isinstance(f, Tilted | Untilted | Memo | Counted):
        f = f.objective
    return f


def _counter(f: Objective) -> Counted | None:
    while isinstance(f, Tilted | Untilted | Memo):
        f = f.objective
    return f if isinstance(f, Counted) else None

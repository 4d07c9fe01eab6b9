"""Model problems whose solutions and convergence factors are known.

They are producers of hierarchies, like the residual network, and exist so that the engine can be
tested against an answer: see ``tests/mgopt``.
"""

from .control import ControlObjective, control_hierarchy
from .newton import NewtonStep, TwiceDifferentiable
from .piecewise import PiecewiseConstant
from .poisson import LinearInterpolation, PoissonObjective, classical_v_cycle, poisson_hierarchy

__all__ = [
    "ControlObjective",
    "LinearInterpolation",
    "NewtonStep",
    "PiecewiseConstant",
    "PoissonObjective",
    "TwiceDifferentiable",
    "classical_v_cycle",
    "control_hierarchy",
    "poisson_hierarchy",
]

"""The classes of the engine and of training whose objects are stored in checkpoints."""

from __future__ import annotations

from ..mgopt import Best, CorrectionReport, Diagonal, Euclidean
from ..mgopt.adam import AdamState
from ..mgopt.compact import PairMemory
from ..mgopt.first_order import GradientDescentState, MomentumState
from ..mgopt.gauss_newton import GaussNewtonState
from ..mgopt.judge import JudgeState, Look
from ..mgopt.lbfgs import LBFGSState, Pair
from ..mgopt.lsr1 import LSR1State
from ..mgopt.method import SmoothingState
from ..mgopt.nested import NestedState
from ..mgopt.newton import NewtonState
from ..mgopt.proximal import ProximalGradientState
from ..mgopt.rmsprop import RMSpropState
from ..mgopt.scipy_minimize import SciPyMinimizeState
from ..mgopt.state import CycleState, LevelState
from ..mgopt.stopping import Count, Reference
from ..mgopt.trust import Ball
from .history import Record
from .storage import register, register_state

for _state in (
    AdamState,
    Best,
    CorrectionReport,
    Count,
    CycleState,
    Euclidean,
    GaussNewtonState,
    GradientDescentState,
    JudgeState,
    LBFGSState,
    LSR1State,
    LevelState,
    Look,
    MomentumState,
    NestedState,
    NewtonState,
    Pair,
    ProximalGradientState,
    RMSpropState,
    Record,
    Reference,
    SciPyMinimizeState,
    SmoothingState,
):
    register_state(_state)

register(Ball, ("_origin", "_metric", "radius", "left"))
register(Diagonal, ("_weights", "_inverse"), is_frozen=True)
register(PairMemory, ("capacity", "metric", "s", "z", "ss", "sz", "zz"), is_frozen=True)

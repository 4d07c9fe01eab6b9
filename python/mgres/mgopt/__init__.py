"""MG/OPT: minimise a hierarchy of objectives on flat vectors.

The engine knows vectors, objectives and transfers, nothing of networks.  The residual network in
:mod:`mgres.resnet` is one producer of hierarchies; the model problems in :mod:`mgres.problems`,
whose answers are known, are others.
"""

from .adam import Adam, AdamW
from .carry import Carrier
from .cycle import CorrectionReport, CycleReport, CycleState, VCycle
from .first_order import GradientDescent, Momentum, Nesterov
from .hierarchy import Hierarchy, Level
from .lbfgs import LBFGS
from .linesearch import Armijo, FixedStep, LineSearch, Step
from .lsr1 import LSR1
from .metric import Diagonal, Euclidean, Metric
from .nested import Cascade, FullMultigrid, Method, NestedState, Smoothing
from .objective import Memo, Objective, Tilted, TwiceDifferentiable, Vector
from .optimizer import LevelOptimizer
from .proximal import L1, ProximalGradient
from .rate import (
    Constant,
    CosineDecay,
    LearningRate,
    LinearDecay,
    Rate,
    Scaled,
    StepDecay,
    WarmUp,
    by_level,
)
from .rmsprop import RMSprop
from .schedule import LevelSteps, Schedule
from .scipy_minimize import SciPyMinimize
from .stopping import AnyOf, GradientReduction, MaxSteps, Stall, StoppingRule
from .transfer import MatrixTransfer, Transfer
from .work import Counted, WorkUnits

__all__ = [
    "L1",
    "LBFGS",
    "LSR1",
    "Adam",
    "AdamW",
    "AnyOf",
    "Armijo",
    "Carrier",
    "Cascade",
    "Constant",
    "CorrectionReport",
    "CosineDecay",
    "Counted",
    "CycleReport",
    "CycleState",
    "Diagonal",
    "Euclidean",
    "FixedStep",
    "FullMultigrid",
    "GradientDescent",
    "GradientReduction",
    "Hierarchy",
    "LearningRate",
    "Level",
    "LevelOptimizer",
    "LevelSteps",
    "LineSearch",
    "LinearDecay",
    "MatrixTransfer",
    "MaxSteps",
    "Memo",
    "Method",
    "Metric",
    "Momentum",
    "NestedState",
    "Nesterov",
    "Objective",
    "ProximalGradient",
    "RMSprop",
    "Rate",
    "Scaled",
    "Schedule",
    "SciPyMinimize",
    "Smoothing",
    "Stall",
    "Step",
    "StepDecay",
    "StoppingRule",
    "Tilted",
    "Transfer",
    "TwiceDifferentiable",
    "VCycle",
    "Vector",
    "WarmUp",
    "WorkUnits",
    "by_level",
]

"""MG/OPT: minimise a hierarchy of objectives on flat vectors.

The engine knows vectors, objectives and transfers, nothing of networks.  The residual network in
:mod:`mgres.resnet` is one producer of hierarchies; the model problems in :mod:`mgres.problems`,
whose answers are known, are others.
"""

from .carry import Carrier
from .cycle import CorrectionReport, CycleReport, CycleState, VCycle
from .gauss_newton import GaussNewton
from .hierarchy import Hierarchy, Level
from .lbfgs import LBFGS
from .linesearch import Armijo, FixedStep, LineSearch, Step
from .metric import Diagonal, Euclidean, Metric
from .nested import Cascade, FullMultigrid, Method, NestedState, Smoothing
from .newton import TruncatedNewton
from .objective import Memo, Objective, Tilted, TwiceDifferentiable, Vector
from .optimizer import Adam, GradientDescent, LevelOptimizer, Momentum
from .schedule import LevelSteps, Schedule
from .stopping import AnyOf, GradientReduction, MaxSteps, Stall, StoppingRule
from .transfer import MatrixTransfer, Transfer
from .work import Counted, WorkUnits

__all__ = [
    "LBFGS",
    "Adam",
    "AnyOf",
    "Armijo",
    "Carrier",
    "Cascade",
    "CorrectionReport",
    "Counted",
    "CycleReport",
    "CycleState",
    "Diagonal",
    "Euclidean",
    "FixedStep",
    "FullMultigrid",
    "GaussNewton",
    "GradientDescent",
    "GradientReduction",
    "Hierarchy",
    "Level",
    "LevelOptimizer",
    "LevelSteps",
    "LineSearch",
    "MatrixTransfer",
    "MaxSteps",
    "Memo",
    "Method",
    "Metric",
    "Momentum",
    "NestedState",
    "Objective",
    "Schedule",
    "Smoothing",
    "Stall",
    "Step",
    "StoppingRule",
    "Tilted",
    "Transfer",
    "TruncatedNewton",
    "TwiceDifferentiable",
    "VCycle",
    "Vector",
    "WorkUnits",
]

"""MG/OPT: minimise a hierarchy of objectives on flat vectors.

The engine knows vectors, objectives and transfers, nothing of networks.  The residual network in
:mod:`mgres.resnet` is one producer of hierarchies; the model problems in :mod:`mgres.problems`,
whose answers are known, are others.
"""

from .adam import Adam, AdamW
from .additive import AdditiveCycle
from .carry import Carrier
from .cascade import Cascade
from .coupling import Coupling, FirstOrder, HasStates, NoCoupling, StateDefect, Surrogate
from .cycle import Cycle, FCycle, VCycle, WCycle
from .first_order import GradientDescent, Momentum, Nesterov
from .full_multigrid import FullMultigrid
from .gauss_newton import GaussNewton
from .hierarchy import Hierarchy, Level
from .judge import Judge
from .lbfgs import LBFGS
from .linesearch import Armijo, FixedStep, LineSearch, Step
from .lsr1 import LSR1
from .method import Best, Method, Smoothing
from .metric import Diagonal, Euclidean, Metric
from .nested import NestedIteration, NestedState
from .newton import TruncatedNewton
from .objective import Memo, Objective, TwiceDifferentiable, Vector
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
from .report import CorrectionReport, CycleReport
from .rmsprop import RMSprop
from .sampling import Sampled
from .schedule import SHAPES, LevelSteps, Schedule, Shape
from .scipy_minimize import SciPyMinimize
from .state import STATE_POLICIES, CycleState, StatePolicy
from .stopping import AnyOf, GradientReduction, MaxSteps, Stall, StoppingRule
from .surrogate import Tilted, Untilted
from .transfer import MatrixTransfer, Transfer
from .trust import TrustRegion
from .verify import VerifiedOn
from .work import Counted, WorkUnits

__all__ = [
    "L1",
    "LBFGS",
    "LSR1",
    "SHAPES",
    "STATE_POLICIES",
    "Adam",
    "AdamW",
    "AdditiveCycle",
    "AnyOf",
    "Armijo",
    "Best",
    "Carrier",
    "Cascade",
    "Constant",
    "CorrectionReport",
    "CosineDecay",
    "Counted",
    "Coupling",
    "Cycle",
    "CycleReport",
    "CycleState",
    "Diagonal",
    "Euclidean",
    "FCycle",
    "FirstOrder",
    "FixedStep",
    "FullMultigrid",
    "GaussNewton",
    "GradientDescent",
    "GradientReduction",
    "HasStates",
    "Hierarchy",
    "Judge",
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
    "NestedIteration",
    "NestedState",
    "Nesterov",
    "NoCoupling",
    "Objective",
    "ProximalGradient",
    "RMSprop",
    "Rate",
    "Sampled",
    "Scaled",
    "Schedule",
    "SciPyMinimize",
    "Shape",
    "Smoothing",
    "Stall",
    "StateDefect",
    "StatePolicy",
    "Step",
    "StepDecay",
    "StoppingRule",
    "Surrogate",
    "Tilted",
    "Transfer",
    "TruncatedNewton",
    "TrustRegion",
    "TwiceDifferentiable",
    "Untilted",
    "VCycle",
    "Vector",
    "VerifiedOn",
    "WCycle",
    "WarmUp",
    "WorkUnits",
    "by_level",
]

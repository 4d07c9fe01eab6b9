"""MG/OPT: minimise a hierarchy of objectives on flat vectors.

The engine knows vectors, objectives and transfers, nothing of networks.  The residual network in
:mod:`mgres.resnet` is one producer of hierarchies; the model problems in :mod:`mgres.problems`,
whose answers are known, are others.
"""

from .additive import AdditiveCycle
from .carry import Carrier
from .coupling import Coupling, FirstOrder, HasStates, NoCoupling, StateDefect, Surrogate
from .cycle import Cycle, FCycle, VCycle, WCycle
from .hierarchy import Hierarchy, Level
from .lbfgs import LBFGS
from .linesearch import Armijo, FixedStep, LineSearch, Step
from .metric import Diagonal, Euclidean, Metric
from .nested import Cascade, FullMultigrid, Method, NestedState, Smoothing
from .objective import Memo, Objective, TwiceDifferentiable, Vector
from .optimizer import Adam, GradientDescent, LevelOptimizer, Momentum
from .report import CorrectionReport, CycleReport
from .sampling import Sampled
from .schedule import SHAPES, LevelSteps, Schedule, Shape
from .state import STATE_POLICIES, CycleState, StatePolicy
from .stopping import AnyOf, GradientReduction, MaxSteps, Stall, StoppingRule
from .surrogate import Tilted, Untilted
from .transfer import MatrixTransfer, Transfer
from .trust import TrustRegion
from .verify import VerifiedOn
from .work import Counted, WorkUnits

__all__ = [
    "LBFGS",
    "SHAPES",
    "STATE_POLICIES",
    "Adam",
    "AdditiveCycle",
    "AnyOf",
    "Armijo",
    "Carrier",
    "Cascade",
    "CorrectionReport",
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
    "GradientDescent",
    "GradientReduction",
    "HasStates",
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
    "NoCoupling",
    "Objective",
    "Sampled",
    "Schedule",
    "Shape",
    "Smoothing",
    "Stall",
    "StateDefect",
    "StatePolicy",
    "Step",
    "StoppingRule",
    "Surrogate",
    "Tilted",
    "Transfer",
    "TrustRegion",
    "TwiceDifferentiable",
    "Untilted",
    "VCycle",
    "Vector",
    "VerifiedOn",
    "WCycle",
    "WorkUnits",
]

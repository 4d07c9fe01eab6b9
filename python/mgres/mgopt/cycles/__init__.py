"""What runs through a hierarchy: V, W and F-cycles, and what guards their corrections."""

from .additive import AdditiveCycle
from .coupling import Coupling, FirstOrder, HasStates, NoCoupling, StateDefect, Surrogate
from .cycle import Cycle, FCycle, VCycle, WCycle
from .linesearch import Armijo, FixedStep, LineSearch, Step
from .method import Best, Method, Smoothing
from .report import CorrectionReport, CycleReport
from .sampling import Sampled
from .schedule import SHAPES, LevelSteps, Schedule, Shape
from .state import STATE_POLICIES, CycleState, StatePolicy
from .stopping import AnyOf, GradientReduction, MaxSteps, Stall, StoppingRule
from .trust import TrustRegion
from .verify import VerifiedOn

__all__ = [
    "SHAPES",
    "STATE_POLICIES",
    "AdditiveCycle",
    "AnyOf",
    "Armijo",
    "Best",
    "CorrectionReport",
    "Coupling",
    "Cycle",
    "CycleReport",
    "CycleState",
    "FCycle",
    "FirstOrder",
    "FixedStep",
    "GradientReduction",
    "HasStates",
    "LevelSteps",
    "LineSearch",
    "MaxSteps",
    "Method",
    "NoCoupling",
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
    "TrustRegion",
    "VCycle",
    "VerifiedOn",
    "WCycle",
]

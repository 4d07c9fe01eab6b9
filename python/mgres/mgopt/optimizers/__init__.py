"""What runs on one level: steps that make an objective smaller."""

from .adam import Adam, AdamW
from .first_order import GradientDescent, Momentum, Nesterov
from .gauss_newton import GaussNewton
from .lbfgs import LBFGS
from .learning_rate import (
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
from .lsr1 import LSR1
from .newton import TruncatedNewton
from .proximal import L1, ProximalGradient
from .rmsprop import RMSprop
from .scipy_minimize import SciPyMinimize

__all__ = [
    "L1",
    "LBFGS",
    "LSR1",
    "Adam",
    "AdamW",
    "Constant",
    "CosineDecay",
    "GaussNewton",
    "GradientDescent",
    "LearningRate",
    "LinearDecay",
    "Momentum",
    "Nesterov",
    "ProximalGradient",
    "RMSprop",
    "Rate",
    "Scaled",
    "SciPyMinimize",
    "StepDecay",
    "TruncatedNewton",
    "WarmUp",
    "by_level",
]

"""The paper's tables and figures again, and the honest comparison of methods."""

from .comparison import Problem, Target, compare
from .reproduce import EXPERIMENTS, QUICK, reproduce
from .train import train

__all__ = [
    "EXPERIMENTS",
    "QUICK",
    "Problem",
    "Target",
    "compare",
    "reproduce",
    "train",
]

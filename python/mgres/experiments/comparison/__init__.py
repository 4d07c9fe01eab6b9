"""The honest comparison: every method tuned alike on some seeds and judged on others."""

from .catalogue import PROBLEMS, at_depth, with_block
from .command import QUICK, check_methods, compare
from .methods import METHODS, Method
from .own import problem_from_csv, problem_from_file
from .problem import Problem, Target
from .trial import Enough, Trial

__all__ = [
    "METHODS",
    "PROBLEMS",
    "QUICK",
    "Enough",
    "Method",
    "Problem",
    "Target",
    "Trial",
    "at_depth",
    "check_methods",
    "compare",
    "problem_from_csv",
    "problem_from_file",
    "with_block",
]

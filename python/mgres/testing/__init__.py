"""Checks for objectives, transfers, hierarchies and optimisers, one's own included.

Each check returns a report that prints readably, has ``ok``, ``failures`` and ``warnings``, and
becomes a test by ``report.raise_if_failed()``.
"""

from .gradient import DirectionCheck, GradientReport, check_gradient
from .hierarchy import HierarchyReport, check_hierarchy
from .levels import LevelCheck
from .optimizer import OptimizerReport, TrialResult, check_optimizer
from .quadratic import Quadratic
from .report import CheckError, Report
from .transfer import TransferReport, check_transfer

__all__ = [
    "CheckError",
    "DirectionCheck",
    "GradientReport",
    "HierarchyReport",
    "LevelCheck",
    "OptimizerReport",
    "Quadratic",
    "Report",
    "TransferReport",
    "TrialResult",
    "check_gradient",
    "check_hierarchy",
    "check_optimizer",
    "check_transfer",
]

"""Mini-batches: which samples a cycle sees, and which its coarse levels."""

from .augmented import Augmented
from .fresh_coarse import FreshCoarse
from .strategies import Batches, BatchStrategy, Growing, SameBatch
from .verified import Verified

__all__ = [
    "Augmented",
    "BatchStrategy",
    "Batches",
    "FreshCoarse",
    "Growing",
    "SameBatch",
    "Verified",
]

"""Mini-batches: which samples a cycle sees, and which its coarse levels."""

from .fresh_coarse import FreshCoarse
from .strategies import Batches, BatchStrategy, Growing, SameBatch
from .verified import Verified

__all__ = [
    "BatchStrategy",
    "Batches",
    "FreshCoarse",
    "Growing",
    "SameBatch",
    "Verified",
]

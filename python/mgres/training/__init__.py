"""Training: cycles, batches, validation, stopping."""

from .batches import Batches, BatchStrategy, Growing, SameBatch
from .fit import Callback, TrainingInterrupted, fit
from .fresh import FreshCoarse
from .history import History, Record
from .recommend import Recipe, recommended
from .run import DivergenceError, FitResult
from .verified import Verified

__all__ = [
    "BatchStrategy",
    "Batches",
    "Callback",
    "DivergenceError",
    "FitResult",
    "FreshCoarse",
    "Growing",
    "History",
    "Recipe",
    "Record",
    "SameBatch",
    "TrainingInterrupted",
    "Verified",
    "fit",
    "recommended",
]

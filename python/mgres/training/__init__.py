"""Training: cycles, batches, validation, stopping."""

from .fit import Callback, TrainingInterrupted, fit
from .history import History, Record
from .recommend import Recipe, recommended
from .run import DivergenceError, FitResult

__all__ = [
    "Callback",
    "DivergenceError",
    "FitResult",
    "History",
    "Recipe",
    "Record",
    "TrainingInterrupted",
    "fit",
    "recommended",
]

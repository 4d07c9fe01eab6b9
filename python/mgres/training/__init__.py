"""Training: cycles, batches, validation, stopping."""

from .fit import Callback, DivergenceError, FitResult, TrainingInterrupted, fit
from .history import History, Record

__all__ = [
    "Callback",
    "DivergenceError",
    "FitResult",
    "History",
    "Record",
    "TrainingInterrupted",
    "fit",
]

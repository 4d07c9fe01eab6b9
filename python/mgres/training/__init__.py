"""Training: cycles, batches, validation, stopping."""

from ..recipes import Recipe, recommended
from .batches import (
    Augmented,
    Batches,
    BatchStrategy,
    FreshCoarse,
    Growing,
    SameBatch,
    Verified,
)
from .checkpoints import Checkpoint, register_state
from .fit import Callback, TrainingInterrupted, fit
from .history import History, Record
from .loop import DivergenceError, FitResult
from .watch import TensorBoard

__all__ = [
    "Augmented",
    "BatchStrategy",
    "Batches",
    "Callback",
    "Checkpoint",
    "DivergenceError",
    "FitResult",
    "FreshCoarse",
    "Growing",
    "History",
    "Recipe",
    "Record",
    "SameBatch",
    "TensorBoard",
    "TrainingInterrupted",
    "Verified",
    "fit",
    "recommended",
    "register_state",
]

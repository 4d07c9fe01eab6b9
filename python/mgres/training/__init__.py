"""Training: cycles, batches, validation, stopping."""

from .batches import Batches, BatchStrategy, Growing, SameBatch
from .checkpoint import Checkpoint
from .fit import Callback, TrainingInterrupted, fit
from .fresh import FreshCoarse
from .history import History, Record
from .recommend import Recipe, recommended
from .run import DivergenceError, FitResult
from .storage import register_state
from .tensorboard import TensorBoard
from .verified import Verified

__all__ = [
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

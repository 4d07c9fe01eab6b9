"""Runs that can be continued: what is stored, when, and how it is read again."""

from .checkpoint import Checkpoint
from .storage import register_state

__all__ = [
    "Checkpoint",
    "register_state",
]

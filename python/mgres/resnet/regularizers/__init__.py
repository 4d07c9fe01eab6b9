"""Regularisers: what is added to the mean loss, and what it means at every depth."""

from .decay import DecayToStart
from .decay import start_of_layers as start_of_layers
from .lasso import Lasso
from .regularizer import Penalty, Regularizer, Tikhonov
from .smoothness import Smoothness

__all__ = ["DecayToStart", "Lasso", "Penalty", "Regularizer", "Smoothness", "Tikhonov"]

"""Data sets for training and testing: ``(X_train, y_train, X_val, y_val)``, ready to use."""

from .circles import circles
from .digits import digits
from .download import download_mnist
from .mnist import mnist

__all__ = ["circles", "digits", "download_mnist", "mnist"]

"""Data sets, ``(X_train, y_train, X_val, y_val)``, ready to use; tables and images of one's own."""

from .circles import circles
from .digits import digits, digits_pca
from .download import download_mnist
from .duffing import duffing
from .henon_heiles import henon_heiles
from .images import Images, read_images
from .mnist import mnist
from .spirals import spirals
from .table import Table, read_table

__all__ = [
    "Images",
    "Table",
    "circles",
    "digits",
    "digits_pca",
    "download_mnist",
    "duffing",
    "henon_heiles",
    "mnist",
    "read_images",
    "read_table",
    "spirals",
]

"""Samples for a model that has been trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.columns import suggestion
from ..datasets.table import KINDS, is_table, read_columns
from . import images
from .data import BUILT_IN, built_in_arrays
from .scaling import Scaling

Array = NDArray[Any]


def features(
    scaling: Scaling, name: str, delimiter: str | None = None, *, seed: int = 0
) -> tuple[Array, list[str]]:
    """Return the model's features in a file, shape (n, n_features), and columns that are none.

    A name of a set that mgres makes or knows stands for its validation samples.

    Raises
    ------
    ValueError, OSError, ImportError
        If there is no such file, or it has not what the model needs; the message says what to do.
    """
    if name in BUILT_IN:
        return _built_in(scaling, name, seed)[0], []
    _check_name(name)
    pixels = images.images_in(scaling, name)
    if pixels is not None:
        return pixels, []
    # the target of an archive of arrays is no feature, even where it is not needed
    return scaling.choose(read_columns(name, None, delimiter=delimiter))


def labelled(
    scaling: Scaling,
    name: str,
    target: str | None = None,
    delimiter: str | None = None,
    *,
    seed: int = 0,
) -> tuple[Array, Array, list[str]]:
    """Return features, targets (numbers of classes, or quantities), and columns that are neither.

    Raises
    ------
    ValueError, OSError, ImportError
        As :func:`features` does, or if the target is missing or has a class that is unknown.
    """
    if name in BUILT_IN:
        return *_built_in(scaling, name, seed), []
    _check_name(name)
    columns = read_columns(name, target, delimiter=delimiter)
    column = columns.target or target or scaling.target
    if column not in columns.cells and not columns.is_named:
        raise ValueError(f"{name}: its labels are needed: --target")
    X, extra = scaling.choose(columns)
    return X, scaling.labels(columns, column), [other for other in extra if other != column]


def _built_in(scaling: Scaling, name: str, seed: int) -> tuple[Array, Array]:
    _, _, X, y = built_in_arrays(name, seed)
    if X.shape[1] != len(scaling.features) or not set(np.unique(y)) <= set(
        range(len(scaling.classes))
    ):
        raise ValueError(
            f"{name}: has {X.shape[1]} features and {len(np.unique(y))} classes; the model has "
            f"{len(scaling.features)} and {len(scaling.classes)}"
        )
    return X, y


def _check_name(name: str) -> None:
    if not Path(name).exists() and not is_table(name):
        raise ValueError(
            f"{name}: there is no such file; expected a file {KINDS}{suggestion(name, BUILT_IN)}"
        )

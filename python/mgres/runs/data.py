"""The data of a run: a set that mgres makes or knows, or a file of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import spirals
from ..datasets.columns import suggestion
from ..datasets.table import (
    KINDS,
    Table,
    check_varied,
    is_array,
    is_idx,
    is_table,
    read_table,
)
from ..datasets.targets import TEXT
from . import images
from .scaling import Scaling
from .setups import SETUPS, Setup

Shape = tuple[int, int, int]
Arrays = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]

BUILT_IN = (*SETUPS, "spirals")
VALIDATION_FRACTION = 0.2


@dataclass(frozen=True)
class Data:
    """Samples as they are in a file, and how they become inputs.

    Attributes
    ----------
    name : str
        As it was given; the absolute path of a file.
    X, y : ndarray, shapes (n, n_features) and (n,)
        Training samples; labels by number or quantities.
    X_val, y_val : ndarray
        Samples that were held out, perhaps none.
    scaling : Scaling
        By the training samples; that of sets that come scaled changes nothing.
    target : str or None
        What names the target; the absolute path of a file of labels.
    setup : Setup or None
        Settings of the paper, of sets that it has.
    is_own : bool
        Whether it is a file.
    has_validation : bool
        Whether it says itself what is held out.
    shape : tuple of int or None
        Of images: channels, height and width.
    background : ndarray or None
        Of images: what one that is black all over becomes as the inputs of a network.
    said : tuple of str
        What was guessed.
    """

    name: str
    X: NDArray[Any]
    y: NDArray[Any]
    X_val: NDArray[Any]
    y_val: NDArray[Any]
    scaling: Scaling
    target: str | None = None
    setup: Setup | None = None
    is_own: bool = False
    has_validation: bool = False
    shape: Shape | None = None
    background: NDArray[Any] | None = None
    said: tuple[str, ...] = ()


def load_data(given: Mapping[str, Any]) -> Data:
    """Return the data that options name.

    Raises
    ------
    ValueError, OSError, ImportError
        If they name none; the message says what to do.
    """
    name = given["data"]
    if name in BUILT_IN:
        return _built_in(name, given)
    if not Path(name).exists() and not is_table(name):
        raise ValueError(
            f"{name}: there is no such data set or file; expected one of {', '.join(BUILT_IN)}, a "
            f"file {KINDS}, or a folder of classes{suggestion(name, BUILT_IN)}"
        )
    if images.are_images(name, given):
        return _images(name, given)
    _check_no_images(name, given)
    return _own(name, given)


def built_in_arrays(name: str, seed: int) -> Arrays:
    """Return training and validation arrays of a set that mgres makes or knows."""
    return SETUPS[name].load(seed) if name in SETUPS else spirals(seed)


def _built_in(name: str, given: Mapping[str, Any]) -> Data:
    for option in ("target", "ignore", "delimiter", "validation_fraction"):
        if given.get(option):
            raise ValueError(
                f"--{option.replace('_', '-')}: is for data of your own, and {name} is a set that "
                "mgres knows"
            )
    _check_no_images(name, given)
    if given.get("task") == "regression":
        raise ValueError(f"--task regression: {name} has classes")
    X, y, X_val, y_val = built_in_arrays(name, given.get("seed", 0))
    classes = tuple(range(1 + max(int(y.max()), int(y_val.max()))))
    q = X.shape[1]
    scaling = Scaling(
        tuple(f"x{j}" for j in range(q)), False, "label", classes, np.zeros(q), np.ones(q)
    )
    setup = SETUPS.get(name)
    shape = setup.shape if setup else None
    # every pixel is black in some image, whatever was taken off
    background = X.min(axis=0) if shape else None
    said: tuple[str, ...] = ()
    if Path(name).exists():
        said = (f"{name} is a set that mgres knows; what lies here is ./{name}",)
    return Data(
        name,
        X,
        y,
        X_val,
        y_val,
        scaling,
        setup=setup,
        shape=shape,
        background=background,
        said=said,
    )


def _images(name: str, given: Mapping[str, Any]) -> Data:
    found = images.load_images(name, given)
    X, y, X_val, y_val = found.X, found.y, found.X_val, found.y_val
    has_validation = len(X_val) > 0
    if not has_validation:
        fraction = given.get("validation_fraction", VALIDATION_FRACTION)
        held_out = hold_out(y, fraction, given.get("seed", 0))
        X, y, X_val, y_val = X[~held_out], y[~held_out], X[held_out], y[held_out]
    scaling = images.scaling_of(found, X, is_resized="size" in given)
    named = given.get("target")
    if named is not None and is_idx(name):
        named = str(Path(named).absolute())
    return Data(
        str(Path(name).absolute()),
        X,
        y,
        X_val,
        y_val,
        scaling,
        named,
        is_own=True,
        has_validation=has_validation,
        shape=found.shape,
        background=-scaling.mean / scaling.scale,
        said=images.told(found),
    )


def _check_no_images(name: str, given: Mapping[str, Any]) -> None:
    for option in images.OPTIONS:
        if given.get(option) is not None:
            raise ValueError(f"--{option}: is for images of your own, and {name} holds none")


def _own(name: str, given: Mapping[str, Any]) -> Data:
    table = read_table(
        name,
        given.get("target"),
        task=given.get("task"),
        ignore=given.get("ignore", ()),
        delimiter=given.get("delimiter"),
    )
    check_varied(name, table)
    target = table.target
    fraction = given.get("validation_fraction", VALIDATION_FRACTION)
    held_out = hold_out(
        target.values if target.classes else np.zeros(len(table.X), np.int64),
        fraction,
        given.get("seed", 0),
    )
    X, y = table.X[~held_out], target.values[~held_out]
    X_val, y_val = table.X[held_out], target.values[held_out]
    if len(X) < 2:
        raise ValueError(f"{name}: expected at least two rows for training, got {len(X)}")
    scaling = Scaling(
        table.features,
        not is_array(name),
        target.name,
        target.classes,
        np.zeros(len(table.features)),
        np.ones(len(table.features)),
    ).fit(X, y)
    named = given.get("target")
    if named is not None and is_idx(name):
        named = str(Path(named).absolute())
    path = str(Path(name).absolute())
    return Data(path, X, y, X_val, y_val, scaling, named, is_own=True, said=_said(name, table))


def _said(name: str, table: Table) -> tuple[str, ...]:
    """Return what was guessed, a line each, so that a wrong guess is noticed."""
    target = table.target
    said = []
    names = (*table.features, target.name)
    if not is_array(name) and all(name.replace(".", "", 1).isdecimal() for name in names):
        said.append(
            f"names of columns: {', '.join(names)}; if that is data, put a row of names before it"
        )
    if target.reason:
        other = "regression" if target.classes else "classification"
        what = f"{len(target.classes)} classes" if target.classes else "a quantity"
        hint = "" if target.reason == TEXT else f"; if that is wrong: --task {other}"
        said.append(f"target {target.name!r}: {what} ({target.reason}){hint}")
    return tuple(said)


def hold_out(groups: NDArray[np.int64], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Return which rows are held out: of every group a share, but never all of it.

    Parameters
    ----------
    groups : ndarray, shape (n,)
        Number of the group of each row.
    fraction : float
        Share, in [0, 1).
    seed : int
        Of the choice.
    """
    chosen = np.zeros(len(groups), bool)
    order = np.random.default_rng([seed, 1]).permutation(len(groups))
    for group in np.unique(groups):
        rows = order[groups[order] == group]
        chosen[rows[: min(round(fraction * len(rows)), len(rows) - 1)]] = True
    return chosen

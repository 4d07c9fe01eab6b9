"""Images in NumPy archives, by the names that Keras and scikit-learn use, and in idx files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import INPUTS, TARGET, archive_shapes, read_archive
from ..columns import listing, suggestion
from ..idx import idx_header, read_idx
from ..table import is_array, is_idx
from ..targets import Label
from .samples import Shape, is_images, to_samples

KERAS = ("x_train", "y_train", "x_test", "y_test")

Samples = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """Samples with numbers of classes."""

    X: Samples
    y: Labels
    shape: Shape
    classes: tuple[Label, ...]


def is_stored(path: Path) -> bool:
    """Return whether a file by its name holds arrays."""
    return is_array(path)


def holds_images(path: Path) -> bool:
    """Return whether a file holds arrays of images rather than rows of features.

    Those of idx files are images if they are bytes: other numbers need not be between black and
    white.  A file that cannot be read holds none.
    """
    try:
        if is_idx(path):
            dtype, shape = idx_header(path)
            return dtype == np.uint8 and is_images(len(shape))
        shapes = archive_shapes(path)
    except (ValueError, OSError):
        return False
    return any(is_images(len(shapes.get(name, ()))) for name in (INPUTS, KERAS[0], KERAS[2]))


def read_stored(
    path: Path, target: str | None = None, channels: int | None = None
) -> tuple[Stored, tuple[Samples, Labels] | None]:
    """Return images and their classes, and those for validation if the file has some.

    Raises
    ------
    ValueError
        If the file is damaged, or the arrays are not there or do not fit.
    OSError
        If it cannot be read.
    """
    if is_idx(path):
        if target is None:
            raise ValueError(f"{path}: no target was named; take labels by --target")
        X, shape = to_samples(str(path), read_idx(path), channels)
        y, classes = _classes(target, read_idx(target), len(X))
        return Stored(X, y, shape, classes), None
    x_name, y_name, names = _names(path, target)
    arrays = read_archive(path, {x_name, y_name})
    X, shape = to_samples(f"{path}: {x_name}", arrays.pop(x_name), channels)
    y, classes = _classes(f"{path}: {y_name}", arrays.pop(y_name), len(X))
    stored = Stored(X, y, shape, classes)
    if x_name != KERAS[0] or not {*KERAS[2:]} <= names:
        return stored, None
    return stored, _labelled(path, *KERAS[2:], classes, shape, "the training images")


def read_labelled_arrays(
    path: Path, target: str | None, classes: Sequence[Label], shape: Shape
) -> tuple[Samples, Labels]:
    """Return images of a file for a model; those for validation where the file tells them apart."""
    if is_idx(path):
        if target is None:
            raise ValueError(f"{path}: its labels are needed: --target")
        X, _ = to_samples(str(path), read_idx(path), shape[0], shape)
        return X, _encode(target, read_idx(target), len(X), classes, "the model")
    names = {*archive_shapes(path)}
    if target is None and {*KERAS[2:]} <= names:
        return _labelled(path, *KERAS[2:], classes, shape, "the model")
    x_name, y_name, _ = _names(path, target)
    return _labelled(path, x_name, y_name, classes, shape, "the model")


def read_unlabelled_arrays(path: Path, shape: Shape) -> Samples:
    """Return images of a file for a model; those for a test where the file tells them apart."""
    if is_idx(path):
        return to_samples(str(path), read_idx(path), shape[0], shape)[0]
    names = archive_shapes(path)
    name = next((name for name in (KERAS[2], INPUTS, KERAS[0]) if name in names), INPUTS)
    if name not in names:
        raise ValueError(f"{path}: expected an array {name!r} of images, got {listing(names)}")
    return to_samples(f"{path}: {name}", read_archive(path, {name})[name], shape[0], shape)[0]


def _labelled(
    path: Path, x_name: str, y_name: str, classes: Sequence[Label], shape: Shape, whose: str
) -> tuple[Samples, Labels]:
    arrays = read_archive(path, {x_name, y_name})
    X, _ = to_samples(f"{path}: {x_name}", arrays.pop(x_name), shape[0], shape)
    return X, _encode(f"{path}: {y_name}", arrays[y_name], len(X), classes, whose)


def _names(path: Path, target: str | None) -> tuple[str, str, set[str]]:
    """Return the names of images and labels in an archive, and of all arrays."""
    names = {*archive_shapes(path)}
    if INPUTS not in names and KERAS[0] in names:
        x_name, y_name = KERAS[0], target or KERAS[1]
    else:
        x_name, y_name = INPUTS, target or TARGET
    for name, what in ((x_name, "images"), (y_name, "labels")):
        if name not in names:
            raise ValueError(
                f"{path}: there is no array {name!r} of {what}; its arrays are "
                f"{listing(sorted(names)) or 'none'}{suggestion(name, names)}"
            )
    return x_name, y_name, names


def _classes(name: str, labels: NDArray[Any], rows: int) -> tuple[Labels, tuple[Label, ...]]:
    """Return numbers of classes, and the classes in their order."""
    found, numbers = np.unique(_checked(name, labels, rows), return_inverse=True)
    if len(found) < 2:
        raise ValueError(f"{name}: expected at least two classes, got one, {found.tolist()[0]!r}")
    return numbers.reshape(-1).astype(np.int64), tuple(found.tolist())


def _encode(
    name: str, labels: NDArray[Any], rows: int, classes: Sequence[Label], whose: str
) -> Labels:
    found, numbers = np.unique(_checked(name, labels, rows), return_inverse=True)
    known = {str(label): i for i, label in enumerate(classes)}
    for label in found.tolist():
        if str(label) not in known:
            raise ValueError(
                f"{name}: {label!r} is none of the classes of {whose}, {listing(known)}"
            )
    codes = np.array([known[str(label)] for label in found.tolist()], np.int64)
    return codes[numbers.reshape(-1)]


def _checked(name: str, labels: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return labels, shape (n,), integers or texts."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.shape != (rows,) or flat.dtype.kind not in "iubUf":
        raise ValueError(
            f"{name}: expected {rows} labels, one for each image, got shape {labels.shape} and "
            f"dtype {labels.dtype}"
        )
    if flat.dtype.kind == "f":
        whole = np.isfinite(flat) & (flat == np.floor(flat)) & (np.abs(flat) < 2**53)
        if not whole.all():
            row = int(np.argmin(whole))
            raise ValueError(
                f"{name}: expected labels, whole numbers or texts, got {flat[row]} in row {row}"
            )
        return flat.astype(np.int64)
    return flat.astype(str) if flat.dtype.kind == "b" else flat

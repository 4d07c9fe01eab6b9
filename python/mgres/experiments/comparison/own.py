"""A user's own problem: a small Python file, or a table in a CSV file."""

from __future__ import annotations

import csv
import hashlib
import math
import runpy
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from ...resnet import Tikhonov
from .problem import Data, Problem, Target

MOST_CLASSES = 20
"""Integers with more different values than this are quantities, not labels."""

VALIDATION_SHARE = 0.2


def problem_from_file(path: Path) -> Problem:
    """Return what the function ``problem()`` of a Python file returns.

    Parameters
    ----------
    path : Path
        A Python file with a function ``problem()`` that returns a :class:`Problem`, or a mapping of
        its fields; there a target may be a pair such as ``("loss", 0.01)``, and `name` may be
        missing.  The file is executed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError, TypeError
        If it defines no ``problem()``, or that returns something else.
    """
    checksum = hashlib.sha256(_read(path)).hexdigest()
    made = runpy.run_path(str(path)).get("problem")
    if not callable(made):
        raise ValueError(f"{path}: expected a function problem()")
    found = made()
    if isinstance(found, Mapping):
        known = {f.name for f in fields(Problem)}
        unknown = set(found) - known
        if unknown:
            raise ValueError(
                f"{path}: problem(): {', '.join(sorted(unknown))}: expected some of "
                f"{', '.join(sorted(known))}"
            )
        given = {"name": path.stem, **found}
        if "targets" in given:
            given["targets"] = tuple(_target(path, t) for t in given["targets"])
        try:
            found = Problem(**given)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{path}: problem(): {error}") from None
    if not isinstance(found, Problem):
        raise TypeError(
            f"{path}: problem(): expected a Problem or a mapping of its fields, got "
            f"{type(found).__name__}"
        )
    return replace(found, source=f"{path.name} {checksum}")


def _target(path: Path, given: object) -> Target:
    if isinstance(given, Target):
        return given
    if isinstance(given, (tuple, list)) and len(given) == 2:
        return Target(*given)
    raise TypeError(f"{path}: problem(): targets: expected pairs (kind, value), got {given!r}")


def problem_from_csv(path: Path, target: str) -> Problem:
    """Return a problem for a table: a header line, numbers, and the column to be predicted.

    Text, or integers of at most 20 different values, are classes; other numbers are regressed.
    Inputs, and targets of a regression, are standardised by the training rows; constant columns
    are left out.  A fifth of the rows, chosen by the seed, is kept for validation.

    The network has tanh layers, T = 5, depth 256 and a width of twice the inputs from 4 to 16.  The
    targets are, for classes, 50 % and 90 % less cross-entropy than that of the classes' shares; for
    a regression, the same shares of the variance (R^2 = 0.5 and 0.9), both on the training rows
    with a little regularisation.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table: no header, no such column, a cell that is no number, too few rows,
        a single class.
    """
    X, y, names = _table(path, target)
    classes = sorted(set(y), key=lambda v: (len(v), v)) if _are_labels(y) else None
    if classes is not None and len(classes) < 2:
        raise ValueError(f"{path}: column {target!r}: expected at least two classes, got one")
    if classes is not None:
        codes = {label: code for code, label in enumerate(classes)}
        values = np.array([codes[label] for label in y], np.int64)
        shares = np.bincount(values) / len(values)
        chance = -float(np.sum(shares * np.log(shares)))
    else:
        values = np.array([_number(path, target, i, cell) for i, cell in enumerate(y)])
        chance = 0.5
        if np.ptp(values) == 0:
            raise ValueError(f"{path}: column {target!r}: expected more than one value")
    varied = np.ptp(X, axis=0) > 0
    if not varied.any():
        raise ValueError(f"{path}: every column but {target!r} is constant: {', '.join(names)}")
    X = X[:, varied]

    def make(seed: int) -> Data:
        order = np.random.default_rng(seed).permutation(len(X))
        n_val = max(1, round(VALIDATION_SHARE * len(X)))
        train, val = order[n_val:], order[:n_val]
        inputs = _standardised(X, train)
        outputs = values if classes is not None else _standardised(values[:, None], train)
        return inputs[train], outputs[train], inputs[val], outputs[val]

    return Problem(
        name=path.stem,
        make=make,
        targets=tuple(Target("loss", float(f"{chance * left:.3g}")) for left in (0.5, 0.1)),
        width=min(max(2 * X.shape[1], 4), 16),
        depth=256,
        final_time=5.0,
        activation="tanh",
        loss="cross_entropy" if classes is not None else "squared_error",
        scale=0.1,
        regularizer=Tikhonov(1e-5, "time"),
        max_work_units=400,
        source=f"{path.name} {target} {hashlib.sha256(_read(path)).hexdigest()}",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise FileNotFoundError(f"{path}: expected a file, got a folder") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: there is no such file") from None


def _table(path: Path, target: str) -> tuple[np.ndarray, list[str], list[str]]:
    """Return inputs, the cells of the target column, and the names of the inputs."""
    try:
        text = _read(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected text in UTF-8") from None
    lines = [line for line in csv.reader(text.splitlines()) if line]
    if not lines:
        raise ValueError(f"{path}: expected a header line and rows, got an empty file")
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    if target not in header:
        raise ValueError(
            f"{path}: there is no column {target!r}; its columns are {', '.join(header)}"
        )
    if len(header) < 2:
        raise ValueError(f"{path}: expected columns besides {target!r}")
    if len(rows) < 10:
        raise ValueError(f"{path}: expected at least 10 rows, got {len(rows)}")
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"{path}: row {i + 1}: expected {len(header)} cells, got {len(row)}")
    column = header.index(target)
    y = [row[column].strip() for row in rows]
    if "" in y:
        raise ValueError(f"{path}: column {target!r}, row {y.index('') + 1}: the cell is empty")
    names = header[:column] + header[column + 1 :]
    X = np.array(
        [
            [
                _number(path, name, i, cell)
                for name, cell in zip(names, _without(row, column), strict=True)
            ]
            for i, row in enumerate(rows)
        ]
    )
    return X, y, names


def _without(row: list[str], column: int) -> list[str]:
    return row[:column] + row[column + 1 :]


def _number(path: Path, column: str, row: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(
            f"{path}: column {column!r}, row {row + 1}: expected a finite number, got {cell!r}"
        )
    return value


def _are_labels(cells: list[str]) -> bool:
    """Return whether a column holds classes: text, or few different integers."""
    try:
        values = {float(cell) for cell in cells}
    except ValueError:
        return True
    return len(values) <= MOST_CLASSES and all(value.is_integer() for value in values)


def _standardised(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    mean, deviation = values[train].mean(axis=0), values[train].std(axis=0)
    scaled: np.ndarray = (values - mean) / np.where(deviation > 0, deviation, 1.0)
    return scaled

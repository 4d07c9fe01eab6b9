"""A user's own problem: a small Python file, or a table in a CSV file."""

from __future__ import annotations

import hashlib
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from ...datasets.table import check_file, read_table
from ...resnet import Tikhonov
from .problem import Data, Problem, Target

LEAST_ROWS = 10

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


def problem_from_csv(path: Path, target: str, *, ignore: Sequence[str] = ()) -> Problem:
    """Return a problem for a table, of any kind that :func:`mgres.datasets.read_table` reads.

    Text, or integers of at most 20 different values, are classes; other numbers are regressed.
    Inputs, and targets of a regression, are standardised by the training rows; constant columns
    are left out.  A fifth of the rows, chosen by the seed, is kept for validation.

    The network has tanh layers, T = 5, depth 256 and a width of twice the inputs from 4 to 16.  The
    targets are, for classes, 50 % and 90 % less cross-entropy than that of the classes' shares; for
    a regression, the same shares of the variance (R^2 = 0.5 and 0.9), both on the training rows
    with a little regularisation.

    Parameters
    ----------
    path : Path
        The file.
    target : str
        The column to be predicted.
    ignore : sequence of str
        Columns to leave out.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such table, or has fewer than 10 rows.
    """
    table = read_table(path, target, ignore=ignore)
    X, values = table.X, table.target.values
    if len(X) < LEAST_ROWS:
        raise ValueError(f"{path}: expected at least {LEAST_ROWS} rows, got {len(X)}")
    varied = np.ptp(X, axis=0) > 0
    if not varied.any():
        raise ValueError(
            f"{path}: every column but {target!r} is constant: {', '.join(table.features)}"
        )
    X = X[:, varied]
    labelled = table.target.task == "classification"
    shares = np.bincount(values) / len(values) if labelled else None
    chance = 0.5 if shares is None else -float(np.sum(shares * np.log(shares)))

    def make(seed: int) -> Data:
        order = np.random.default_rng(seed).permutation(len(X))
        n_val = max(1, round(VALIDATION_SHARE * len(X)))
        train, val = order[n_val:], order[:n_val]
        inputs = _standardised(X, train)
        outputs = values if labelled else _standardised(values[:, None], train)
        return inputs[train], outputs[train], inputs[val], outputs[val]

    return Problem(
        name=path.stem,
        make=make,
        targets=tuple(Target("loss", float(f"{chance * left:.3g}")) for left in (0.5, 0.1)),
        width=min(max(2 * X.shape[1], 4), 16),
        depth=256,
        final_time=5.0,
        activation="tanh",
        loss="cross_entropy" if labelled else "squared_error",
        scale=0.1,
        regularizer=Tikhonov(1e-5, "time"),
        max_work_units=400,
        source=f"{path.name} {target} {hashlib.sha256(_read(path)).hexdigest()}"
        + "".join(f" without {name}" for name in ignore),
    )


def _read(path: Path) -> bytes:
    check_file(path)
    return path.read_bytes()


def _standardised(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    mean, deviation = values[train].mean(axis=0), values[train].std(axis=0)
    scaled: np.ndarray = (values - mean) / np.where(deviation > 0, deviation, 1.0)
    return scaled

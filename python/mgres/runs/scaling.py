"""From columns to what the network takes, and back: kept in the model's file."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..datasets.columns import Columns, listing
from ..datasets.targets import Label, encode
from ..files import Model

NOTE = "preparation"

CHUNK = 1 << 20
"""Numbers scaled at a time, in double precision."""

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """How features and targets become inputs and outputs.

    Attributes
    ----------
    features : tuple of str
        Names of the inputs, in their order.
    is_named : bool
        Whether the names are those of columns, and not made up for the columns of an array.
    target : str
        The name of what is predicted.
    classes : tuple of str or int
        Labels by number; empty for a regression.
    mean, scale : ndarray, shape (n_features,)
        Inputs are (feature - mean) / scale.
    target_mean, target_scale : float
        In a regression outputs are (target - mean) / scale.
    loss : str
        What was minimised.
    shape : tuple of int or None
        Of images: channels, height and width.
    is_resized : bool
        Whether pictures were resized to that.
    """

    features: tuple[str, ...]
    is_named: bool
    target: str
    classes: tuple[Label, ...]
    mean: Vector
    scale: Vector
    target_mean: float = 0.0
    target_scale: float = 1.0
    loss: str = "cross_entropy"
    shape: tuple[int, int, int] | None = None
    is_resized: bool = False

    @property
    def task(self) -> str:
        """Return "classification" or "regression"."""
        return "classification" if self.classes else "regression"

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Scaling:
        """Return a scaling by mean and standard deviation of training samples.

        A feature that is constant there becomes 0 everywhere near its value.

        Raises
        ------
        ValueError
            If the squares of a column overflow.
        """
        mean, deviation = _moments(np.asarray(X, np.float64), self.features)
        if self.classes:
            return replace(self, mean=mean, scale=deviation)
        target_mean, target_scale = _moments(np.asarray(y, np.float64)[:, None], (self.target,))
        return replace(
            self,
            mean=mean,
            scale=deviation,
            target_mean=float(target_mean[0]),
            target_scale=float(target_scale[0]),
        )

    def inputs(self, X: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return features as inputs of a network, shape (n, n_features)."""
        inputs = np.empty(X.shape, dtype)
        rows = max(1, CHUNK // max(1, X.shape[1]))
        with np.errstate(over="ignore"):  # whoever predicts from infinity tells it by the row
            for start in range(0, len(X), rows):
                part = np.asarray(X[start : start + rows], np.float64)
                inputs[start : start + rows] = (part - self.mean) / self.scale
        return inputs

    def targets(self, y: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return what a loss compares with: numbers of classes, or scaled targets, shape (n, 1)."""
        if self.classes:
            return np.asarray(y, np.int64)
        scaled = (np.asarray(y, np.float64) - self.target_mean) / self.target_scale
        return np.ascontiguousarray(scaled[:, None], dtype)

    def predictions(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return labels or quantities for outputs, shape (n, n_outputs), of the network."""
        if self.classes:
            labels: NDArray[Any] = np.array(self.classes, dtype=object)
            chosen: NDArray[Any] = labels[np.argmax(outputs, axis=1)]
            return chosen
        scaled: NDArray[np.float64] = outputs[:, 0].astype(np.float64)
        return scaled * self.target_scale + self.target_mean

    def choose(self, columns: Columns) -> tuple[NDArray[np.float64], list[str]]:
        """Return the features in a file, in the model's order, and columns that are none.

        Raises
        ------
        ValueError
            If a feature is missing or a cell is no number.
        """
        found = [name for name in columns.cells if name != columns.target]
        missing = [name for name in self.features if name not in columns.cells]
        if self.is_named and columns.is_named:
            if missing:
                raise ValueError(
                    f"{columns.path}: the model needs column{'s' if len(missing) > 1 else ''} "
                    f"{listing(map(repr, missing))}; its columns are {listing(columns.cells)}"
                )
        elif columns.is_named or found != [*self.features]:
            raise ValueError(
                f"{columns.path}: the model needs the {len(self.features)} features "
                f"{listing(self.features, 5)}; got {len(found)}: {listing(found, 5)}"
            )
        extra = [name for name in columns.cells if name not in self.features]
        return columns.matrix(self.features), extra

    def labels(self, columns: Columns, name: str) -> NDArray[Any]:
        """Return the targets in a file: numbers of classes, or quantities."""
        return encode(columns, name, self.classes) if self.classes else columns.numbers(name)

    # ---- in a model's file -----------------------------------------------------------------------

    def notes(self) -> dict[str, str]:
        """Return what :func:`mgres.save` keeps as notes."""
        said = {
            # those of images are as many as pixels, and need no names
            "features": () if self.shape else self.features,
            "is_named": self.is_named,
            "target": self.target,
            "classes": self.classes,
            "loss": self.loss,
        }
        if self.shape is not None:
            said |= {"shape": self.shape, "is_resized": self.is_resized}
        return {NOTE: json.dumps(said, ensure_ascii=False)}

    def extra(self) -> dict[str, NDArray[Any]]:
        """Return what :func:`mgres.save` keeps as extra arrays."""
        return {
            "feature_mean": self.mean,
            "feature_scale": self.scale,
            "target_mean_scale": np.array([self.target_mean, self.target_scale]),
        }

    @classmethod
    def of(cls, model: Model) -> Scaling:
        """Return the scaling of a model.

        Raises
        ------
        ValueError
            If its file has none, because ``mgres train`` did not write it, or a damaged one.
        """
        if NOTE not in model.notes:
            raise ValueError("it says nothing of columns: `mgres train` did not write it")
        try:
            said = json.loads(model.notes[NOTE])
            target_mean, target_scale = map(float, model.extra["target_mean_scale"])
            shape = _shape(said.get("shape"), model.net.n_inputs)
            names = pixel_names(shape) if shape else said["features"]
            scaling = cls(
                features=tuple(map(str, names)),
                is_named=bool(said["is_named"]),
                target=str(said["target"]),
                classes=tuple(said["classes"]),
                mean=np.asarray(model.extra["feature_mean"], np.float64),
                scale=np.asarray(model.extra["feature_scale"], np.float64),
                target_mean=target_mean,
                target_scale=target_scale,
                loss=str(said["loss"]),
                shape=shape,
                is_resized=bool(said.get("is_resized", False)),
            )
        except (KeyError, TypeError, ValueError, RecursionError, OverflowError) as error:
            raise ValueError(f"what it says of columns is damaged: {error!r}") from None
        outputs = len(scaling.classes) or 1
        sizes = (len(scaling.features), len(scaling.mean), len(scaling.scale), outputs)
        q = model.net.n_inputs
        if sizes != (q, q, q, model.net.n_outputs):
            raise ValueError("what it says of columns does not fit its network")
        return scaling


def pixel_names(shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Return the names of the features of images: x0, x1, ..."""
    return tuple(f"x{j}" for j in range(math.prod(shape)))


def _shape(said: Any, n_inputs: int) -> tuple[int, int, int] | None:
    """Return the shape of images that a file tells; None if it tells of none."""
    if said is None:
        return None
    channels, height, width = map(operator.index, said)
    if min(channels, height, width) < 1 or channels * height * width != n_inputs:
        raise ValueError(f"images of shape {said}")  # before names are made for all of them
    return channels, height, width


def _moments(values: Vector, names: Sequence[str]) -> tuple[Vector, Vector]:
    """Return means and standard deviations of columns, 1 for those that are constant."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.mean(axis=0)
        deviation = values.std(axis=0)
    finite = np.isfinite(deviation)
    if not finite.all():
        j = int(np.argmin(finite))
        raise ValueError(
            f"column {names[j]!r}: its values, up to {np.abs(values[:, j]).max():.3g} in size, are "
            "too large to be scaled; change its unit"
        )
    noise = 10 * np.finfo(np.float64).eps * np.abs(values).max(axis=0)
    return mean, np.where(deviation > noise, deviation, 1.0)

"""Classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .base import Array, ResNetEstimator
from .samples import WeightedSamples, merged


class ResNetClassifier(ClassifierMixin, ResNetEstimator):
    _loss = "cross_entropy"

    def __init__(
        self,
        *,
        depth: int = 64,
        width: int | None = None,
        levels: int | None = None,
        cycle: str = "cascade",
        schedule: str | None = None,
        activation: str = "tanh",
        final_time: float = 1.0,
        alpha: float = 1e-3,
        batch_size: int | None = None,
        learning_rate_init: float = 0.03,
        max_iter: int = 1000,
        tol: float = 0.01,
        n_iter_no_change: int = 20,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        class_weight: str | Mapping[Any, float] | None = None,
        warm_start: bool = False,
        random_state: Any = None,
        n_threads: int | None = None,
        dtype: Any = "float32",
        verbose: bool = False,
    ) -> None:
        super().__init__(
            depth=depth,
            width=width,
            levels=levels,
            cycle=cycle,
            schedule=schedule,
            activation=activation,
            final_time=final_time,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            random_state=random_state,
            n_threads=n_threads,
            dtype=dtype,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ResNetClassifier:
        X, y = self._checked(X, y, reset=True)
        samples = self._samples(X, y, sample_weight)
        classes, codes = np.unique(samples.y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y: expected at least two classes, got one class: {classes[0]!r}")
        theta = None
        if self._is_warm():
            if not np.array_equal(classes, self.classes_):
                raise ValueError(
                    f"y: with warm_start the classes must stay {self.classes_}, got {classes}"
                )
            theta = self.theta_
        self.classes_ = classes
        samples = merged(WeightedSamples(samples.X, codes, samples.weights))
        self._train(samples, len(classes), theta)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> ResNetClassifier:
        first = not hasattr(self, "theta_")
        X, y = self._checked(X, y, reset=first)
        if first and classes is None:
            raise ValueError("classes: all classes must be given in the first call of partial_fit")
        known = np.unique(classes) if first else self.classes_
        if classes is not None and not np.array_equal(np.unique(classes), known):
            raise ValueError(f"classes: expected those of the first call, {known}, got {classes}")
        unknown = np.setdiff1d(y, known)
        if unknown.size:
            raise ValueError(f"y: expected classes from {known}, got {unknown}")
        if len(known) < 2:
            raise ValueError(f"classes: expected at least two classes, got {known}")
        self.classes_ = known
        samples = merged(self._samples(X, np.searchsorted(known, y), sample_weight))
        self._partial(samples, len(known), None if first else self.theta_)
        return self

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: Any) -> Array:
        best = np.argmax(self._logits(X), axis=1)
        predicted: Array = self.classes_[best]
        return predicted

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        logits = self._logits(X)
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        probabilities: NDArray[np.float64] = np.exp(self.predict_log_proba(X))
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
        X, y = self._inputs(X, y, reset=reset)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return X, y

    def _objective_data(self, samples: WeightedSamples) -> WeightedSamples:
        if self.class_weight is None:
            return samples
        factors = self._class_factors(samples)
        return WeightedSamples(samples.X, samples.y, samples.weights * factors[samples.y])

    def _class_factors(self, samples: WeightedSamples) -> NDArray[np.float64]:
        """Return the weight of every class."""
        given = self.class_weight
        if isinstance(given, Mapping):
            unknown = set(given) - set(self.classes_.tolist())
            if unknown:
                raise ValueError(f"class_weight: expected classes from {self.classes_}, got {unknown}")
            factors = np.array([float(given.get(c, 1.0)) for c in self.classes_.tolist()])
            if not ((factors >= 0) & np.isfinite(factors)).all():
                raise ValueError(f"class_weight: expected finite numbers >= 0, got {given!r}")
            return factors
        if given != "balanced":
            raise ValueError(f"class_weight: expected 'balanced', a mapping or None, got {given!r}")
        totals = np.bincount(samples.y, weights=samples.weights, minlength=len(self.classes_))
        present = np.maximum(totals, totals[totals > 0].min())  # classes that do not occur: no 1/0
        return totals.sum() / (np.count_nonzero(totals) * present)

    def _score_of(self, logits: Array, samples: WeightedSamples) -> float:
        right = np.argmax(logits, axis=1) == samples.y
        return float(np.average(right, weights=samples.weights))

"""Regression."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from ..checks import check_predictions
from .base import Array, ResNetEstimator
from .samples import WeightedSamples, merged


class ResNetRegressor(RegressorMixin, ResNetEstimator):
    """A deep residual network for regression, with one or several targets.

    Half the squared error of the standardised targets, averaged with the samples' weights, plus a
    regulariser is minimised; network, method, parameters and attributes are those of
    :class:`ResNetClassifier`, without `class_weight` and `classes_`.  By default alpha is 100, for
    noisy targets: take 1 or less for exact ones.  Scores are R^2.

    Attributes
    ----------
    target_mean_, target_scale_ : ndarray, shape (n_targets,)
        Mean and standard deviation of the targets in training, in their units; the network predicts
        (y - mean) / scale.  With `warm_start` and :meth:`partial_fit` they are those of the first
        call.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-2, 2, 100).reshape(-1, 1)
    >>> model = ResNetRegressor(alpha=1.0, random_state=0).fit(x, np.sin(3 * x[:, 0]))
    >>> model.score(x, np.sin(3 * x[:, 0])) > 0.95
    True
    """

    _loss = "squared_error"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ResNetRegressor:
        """Train on samples and their targets.

        Parameters
        ----------
        X : array_like, shape (n, n_features)
            Samples.
        y : array_like, shape (n,) or (n, n_targets)
            Targets.
        sample_weight : array_like, shape (n,), optional
            Weights >= 0.

        Returns
        -------
        ResNetRegressor
            Itself.

        Raises
        ------
        ValueError
            If a parameter or an argument is not as described.
        DivergenceError
            If the loss is no longer finite.
        """
        X, y = self._checked(X, y, reset=True)
        samples = merged(self._samples(X, y, sample_weight))
        theta = None
        if self._is_warm():
            self._check_outputs(y)
            theta = self.theta_
        else:
            self._standardize(samples)
        self._train(samples, samples.y.shape[1], theta)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> ResNetRegressor:
        """Pass through samples once, in steps of Adam on the finest network; return `self`.

        The moments of Adam are kept from call to call, until :meth:`fit` is called; the samples of
        the first call set `target_mean_` and `target_scale_`.  Arguments and errors are those of
        :meth:`fit`.
        """
        first = not hasattr(self, "theta_")
        X, y = self._checked(X, y, reset=first)
        samples = merged(self._samples(X, y, sample_weight))
        if first:
            self._standardize(samples)
        else:
            self._check_outputs(y)
        self._partial(samples, samples.y.shape[1], None if first else self.theta_)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted targets, of the shape that they had in training."""
        outputs = self._logits(X)
        with np.errstate(over="ignore"):
            predicted: NDArray[np.float64] = outputs * self.target_scale_ + self.target_mean_
        check_predictions(predicted)
        return predicted[:, 0] if self._is_flat else predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
        X, y = self._inputs(X, y, reset=reset, multi_output=True, y_numeric=True)
        y = np.asarray(y, np.float64)
        if reset:
            self._is_flat = y.ndim == 1
        return X, y.reshape(len(y), -1)

    def _standardize(self, samples: WeightedSamples) -> None:
        """Set mean and standard deviation of the targets, by which they are standardised."""
        largest = np.maximum(np.abs(samples.y).max(axis=0), 1e-300)
        y = samples.y / largest  # squares of targets may overflow
        mean = np.average(y, axis=0, weights=samples.weights)
        variance = np.average((y - mean) ** 2, axis=0, weights=samples.weights)
        self.target_mean_ = mean * largest
        deviation = np.sqrt(variance) * largest
        # a constant target, to rounding: any scale will do
        noise = np.finfo(np.float64).eps * largest
        self.target_scale_ = np.where(deviation > 10 * noise, deviation, 1.0)

    def _check_outputs(self, y: Array) -> None:
        if y.shape[1] != self.net_.n_outputs:
            raise ValueError(f"y: expected {self.net_.n_outputs} outputs, got {y.shape[1]}")

    def _objective_data(self, samples: WeightedSamples) -> WeightedSamples:
        standard = (samples.y - self.target_mean_) / self.target_scale_
        return WeightedSamples(samples.X, standard, samples.weights)

    def _score_of(self, logits: Array, samples: WeightedSamples) -> float:
        predicted = logits.astype(np.float64) * self.target_scale_ + self.target_mean_
        return float(r2_score(samples.y, predicted, sample_weight=samples.weights))

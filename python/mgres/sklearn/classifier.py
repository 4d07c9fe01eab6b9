"""Classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..blocks import Block
from ..floats import quiet
from ..recipes import defaults
from ..stages import Network
from ..training import Augmented
from .base import Array, ResNetEstimator
from .samples import WeightedSamples, merged


class ResNetClassifier(ClassifierMixin, ResNetEstimator):
    r"""A deep residual network as a classifier, trained by multilevel minimisation.

    .. math::

        y_0 = Q x, \quad y_{k+1} = y_k + \Delta t\, \sigma(W_k y_k + b_k), \quad
        p = \mathrm{softmax}(W_{out} y_K + b_{out}), \quad \Delta t = T / K

    Softmax cross-entropy, averaged with the samples' weights, plus a regulariser is minimised on
    networks of K0, 2 K0, ..., K layers in turn (:func:`mgres.recommended`), by L-BFGS in the metric
    of L^2(0, T): there is no learning rate, unless `batch_size` asks for mini-batches.

    Inputs should be standardised, as for any network: put a
    :class:`sklearn.preprocessing.StandardScaler` in front.  Parameters that
    :class:`sklearn.neural_network.MLPClassifier` has too mean the same, or the nearest thing that a
    multilevel method has.

    Parameters
    ----------
    depth : int
        The number of layers K.
    width : int, optional
        Features of the state y, by default 64, or the number of outputs if it is larger.
    levels : int, optional
        The number of levels, each with half the layers of the one above; `depth` must be divisible
        by 2^(levels - 1).  By default as many as :func:`mgres.recommended` takes, or as `schedule`
        has.
    cycle : str
        "cascade" (from the coarsest network to the finest), "single" (the finest alone), "V", "W",
        "F" (cycles of MG/OPT), "fmg" (nested iteration with V-cycles), "recommended" (what
        :func:`mgres.fit` does by default) or "paper" (V-cycles of gradient descent with the rate
        0.1, which diverge where that is too much); the last two have optimisers of their own, which
        `learning_rate_init` does not concern.
    schedule : str, optional
        Steps of a V-, W- or F-cycle in the paper's notation, such as ``"[(1),1,{2}]"``; see
        :class:`mgres.Schedule`.
    block : str or Block
        What a layer computes: "dense", as above, "antisymmetric", "two_layer", "gradient" or
        "hamiltonian", with the hidden features that ``mgres.recipes.defaults`` gives them; or a
        block of ``mgres.blocks``, such as ``TwoLayer(128, norm="layer")``.
    network : Network, optional
        A network of several stages for such samples, in the place of `depth`, `width`, `block`,
        `activation` and `final_time`; see :func:`mgres.stages.convolutional`.
    activation : str, optional
        sigma, see :class:`mgres.ResNet`; by default that of the block, which is relu unless it says
        otherwise.
    final_time : float
        T, in the units of t.
    alpha : float
        Strength of the regulariser
        :math:`\frac{\alpha \gamma}{2 n} (\|Q\|^2 + \int_0^T \|W - W^0\|^2 + \|b - b^0\|^2 \, dt +
        \|W_{out}\|^2 + \|b_{out}\|^2)`, where n is the sum of the samples' weights, norms are
        Frobenius norms, and the superscript 0 denotes the random start.  :math:`\gamma` is 1, but
        0.4 for antisymmetric layers and potentials and 1/8 for gradients, whose flows spread inputs
        less, so that alpha means as much for all blocks: ``mgres.recipes.defaults.spread``.  Larger
        values help small and noisy data sets.
    batch_size : int or Augmented, optional
        Samples of a mini-batch; by default every step uses all samples.  The last batch of an epoch
        may be smaller.  :class:`mgres.Augmented` shifts and flips images of a batch.
    learning_rate_init : float
        Learning rate of Adam, which is used with mini-batches and by :meth:`partial_fit`.
    max_iter : int
        The most iterations, of all levels together: steps or cycles; with mini-batches epochs.
    tol : float
        Share in (0, 1).  A level has had enough when the objective has fallen by less than this
        share of itself over `n_iter_no_change` iterations.  With early stopping, also how much
        better a validation score must be to count.
    n_iter_no_change : int
        See `tol`; with early stopping, iterations without a better validation score.
    early_stopping : bool
        Hold out samples, stop when the score on them has ceased to improve, and keep the parameters
        whose score was best.
    validation_fraction : float
        Share of the samples held out, in (0, 1); every class keeps its share of them.
    class_weight : "balanced", dict or None
        Weights by class, 1 for classes that a dict leaves out; they multiply those of the samples.
        "balanced" gives each class the same total weight.
    warm_start : bool
        Whether :meth:`fit` starts from the parameters of the previous call, on the finest level,
        with the network of the first call.
    random_state : int, RandomState or None
        For initial parameters, the order of mini-batches and the samples held out.
    n_threads : int, optional
        Threads for training and prediction; results do not depend on it.  By default those of
        :func:`mgres.set_num_threads`, but one where the work is too small to share.
    dtype : dtype
        float32 or float64, of parameters and computation.
    verbose : bool
        Show progress on standard error.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    n_features_in_ : int
        The number of inputs.
    feature_names_in_ : ndarray of str
        Their names, if X had any.
    net_ : ResNet or Network
        The network.
    theta_ : ndarray, shape (n_parameters,)
        Its parameters, see :class:`mgres.ResNet`.
    start_ : ndarray, shape (depth, numbers of a layer)
        Parameters of the layers before training, which the regulariser refers to.
    n_iter_ : int
        Iterations of the last fit, or calls of :meth:`partial_fit`.
    loss_ : float
        The objective at `theta_`.
    loss_curve_ : list of float
        The objective before the first step and after each one, on the level that it was taken on;
        with mini-batches on the batch in use.
    validation_scores_ : list of float or None
        Accuracy on the samples held out after each step, with early stopping.
    best_validation_score_ : float or None
        The largest of them.
    history_ : History
        Everything that :func:`mgres.fit` recorded.
    work_units_ : float
        Work done, in gradients of the finest objective.

    Notes
    -----
    Equal samples are merged and the samples sorted before training, so that a weight of 2 means the
    same, to the last bit, as a sample given twice, and the order of the samples means nothing.
    Samples of weight 0 are left out, and so are classes that only they have.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), ResNetClassifier(random_state=0))
    >>> bool(cross_val_score(model, X, y).mean() > 0.95)
    True
    """

    _loss = "cross_entropy"
    classes_: Array

    def __init__(
        self,
        *,
        depth: int = defaults.DEPTH,
        width: int | None = None,
        levels: int | None = None,
        cycle: str = "cascade",
        schedule: str | None = None,
        block: str | Block = "dense",
        network: Network | None = None,
        activation: str | None = None,
        final_time: float = defaults.FINAL_TIME,
        alpha: float = defaults.CLASSIFIER_ALPHA,
        batch_size: int | Augmented | None = None,
        learning_rate_init: float = defaults.LEARNING_RATE,
        max_iter: int = defaults.MOST_ITERATIONS,
        tol: float = defaults.GAIN,
        n_iter_no_change: int = defaults.PATIENCE,
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
            block=block,
            network=network,
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
        """Train on samples and their labels.

        Parameters
        ----------
        X : array_like, shape (n, n_features)
            Samples.
        y : array_like, shape (n,)
            Labels: numbers or strings.
        sample_weight : array_like, shape (n,), optional
            Weights >= 0.

        Returns
        -------
        ResNetClassifier
            Itself.

        Raises
        ------
        ValueError
            If a parameter or an argument is not as described, or there is one class only.
        DivergenceError
            If the loss is no longer finite.
        """
        X, y = self._checked(X, y, reset=True)
        samples = self._samples(X, y, sample_weight)
        classes, codes = np.unique(samples.y, return_inverse=True)
        if len(classes) < 2:
            (only,) = classes.tolist()
            raise ValueError(f"y: expected at least two classes, got one class: {only!r}")
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
        """Pass through samples once, in steps of Adam on the finest network.

        The moments of Adam are kept from call to call, until :meth:`fit` is called.

        Parameters
        ----------
        X : array_like, shape (n, n_features)
            Samples.
        y : array_like, shape (n,)
            Labels.
        classes : array_like, optional
            All labels that will ever come; needed in the first call.
        sample_weight : array_like, shape (n,), optional
            Weights >= 0.

        Returns
        -------
        ResNetClassifier
            Itself.

        Raises
        ------
        ValueError
            If an argument is not as described, or does not fit the first call.
        """
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
        """Return the logits, shape (n, n_classes); for two classes their difference, shape (n,)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: Any) -> Array:
        """Return the most likely label of each sample, shape (n,)."""
        best = np.argmax(self._logits(X), axis=1)
        predicted: Array = self.classes_[best]
        return predicted

    @quiet("under")
    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the logarithms of the probabilities, shape (n, n_classes).

        Each is right to a few units in the last place, also where the probability is close to 1:
        log p of the most likely class is -log(1 + r), r being the sum of exp(z_j - max z) over the
        other classes, and log1p does not lose r beside the 1.
        """
        shifted = self._logits(X)
        shifted -= shifted.max(axis=1, keepdims=True)
        rest = np.exp(shifted)
        np.put_along_axis(rest, np.argmax(shifted, axis=1)[:, None], 0.0, axis=1)
        shifted -= np.log1p(rest.sum(axis=1, keepdims=True))
        return shifted

    @quiet("under")
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class, in the order of `classes_`, (n, n_classes)."""
        probabilities: NDArray[np.float64] = np.exp(self.predict_log_proba(X))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return probabilities

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
                raise ValueError(
                    f"class_weight: expected classes from {self.classes_}, got {unknown}"
                )
            factors = np.array([float(given.get(c, 1.0)) for c in self.classes_.tolist()], float)
            if not ((factors >= 0) & np.isfinite(factors)).all():
                raise ValueError(f"class_weight: expected finite numbers >= 0, got {given!r}")
            return factors
        if given != "balanced":
            raise ValueError(f"class_weight: expected 'balanced', a mapping or None, got {given!r}")
        totals = np.bincount(samples.y, weights=samples.weights, minlength=len(self.classes_))
        present = np.maximum(totals, totals[totals > 0].min())  # classes that do not occur: no 1/0
        factors = totals.sum() / (np.count_nonzero(totals) * present)
        return np.asarray(factors, np.float64)

    def _score_of(self, logits: Array, samples: WeightedSamples) -> float:
        right = np.argmax(logits, axis=1) == samples.y
        return float(np.average(right, weights=samples.weights))

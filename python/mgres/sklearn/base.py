"""What classifier and regressor share: parameters, and training by `mgres.fit`."""

from __future__ import annotations

import copy
import functools
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..blocks import Block
from ..checks import check_integer, check_number, check_plain, check_predictions
from ..exclusive import exclusive
from ..mgopt import Adam, Stall
from ..mgopt.optimizers.adam import AdamState
from ..parallel import MOST_THREADS, get_num_threads, threads
from ..recipes import defaults
from ..recipes.methods import METHODS, NESTED, WITHOUT_OPTIMIZER, Plan
from ..resnet import DecayToStart, ResNet, ResNetObjective, time_metric
from ..resnet.regularizers import start_of_layers
from ..stages import Network
from ..training import Augmented, FitResult, TrainingInterrupted, fit
from ..training.watch.stall import LossStall
from .samples import WeightedSamples, positive
from .settings import check_batch_size, check_dtype
from .watch import EarlyStopping

Array = NDArray[Any]
BATCH = 200
"""Samples of a batch of `partial_fit`, if `batch_size` does not say."""


def _alone(train: Callable[..., None]) -> Callable[..., None]:
    """Let one thread at a time train an estimator."""

    @functools.wraps(train)
    def alone(self: ResNetEstimator, *arguments: Any, **more: Any) -> None:
        with exclusive("fit", self, "another call of fit or partial_fit of this estimator"):
            train(self, *arguments, **more)

    return alone


class ResNetEstimator(BaseEstimator):
    """Parameters and training; :class:`ResNetClassifier` documents them."""

    _loss: str
    _optimizer_state: AdamState | None

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
        alpha: float = defaults.REGRESSOR_ALPHA,
        batch_size: int | Augmented | None = None,
        learning_rate_init: float = defaults.LEARNING_RATE,
        max_iter: int = defaults.MOST_ITERATIONS,
        tol: float = defaults.GAIN,
        n_iter_no_change: int = defaults.PATIENCE,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: Any = None,
        n_threads: int | None = None,
        dtype: Any = "float32",
        verbose: bool = False,
    ) -> None:
        self.depth = depth
        self.width = width
        self.levels = levels
        self.cycle = cycle
        self.schedule = schedule
        self.block = block
        self.network = network
        self.activation = activation
        self.final_time = final_time
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.n_threads = n_threads
        self.dtype = dtype
        self.verbose = verbose

    # ---- what the subclasses fill in -------------------------------------------------------------

    def _score_of(self, logits: Array, samples: WeightedSamples) -> float:
        raise NotImplementedError

    def _objective_data(self, samples: WeightedSamples) -> WeightedSamples:
        """Return the samples with targets and weights as the loss takes them."""
        return samples

    # ---- training --------------------------------------------------------------------------------

    def _inputs(self, X: Any, y: Any, *, reset: bool, **checks: Any) -> tuple[Array, Any]:
        self._check_parameters()
        check_plain("X", X)
        check_plain("y", y)
        with _large_numbers():
            checked: tuple[Array, Any] = validate_data(
                self, X, y, reset=reset, dtype=check_dtype(self.dtype), order="C", **checks
            )
        return checked

    def _samples(self, X: Array, y: Array, sample_weight: Any) -> WeightedSamples:
        if sample_weight is not None:
            check_plain("sample_weight", sample_weight)
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        return positive(X, y, sample_weight)

    @_alone
    def _train(self, samples: WeightedSamples, n_outputs: int, theta: Array | None) -> None:
        """Train from `theta`, or from a fresh start, and set the fitted attributes."""
        rng = check_random_state(self.random_state)
        seed, split = (int(rng.randint(2**31 - 1)) for _ in range(2))
        continued = theta is not None
        if theta is None:
            theta = self._start(samples.X.shape[1], n_outputs, seed)
        validation = None
        if self.early_stopping:
            samples, validation = self._split(samples, split)
        with self._threads(self._size(len(samples)) or len(samples)):
            self._run(samples, validation, theta, seed, continued=continued)
        self._optimizer_state = None

    def _run(
        self,
        samples: WeightedSamples,
        validation: WeightedSamples | None,
        theta: Array,
        seed: int,
        *,
        continued: bool,
    ) -> None:
        f = self._objective(samples, float(samples.weights.sum()))
        plan = self._plan(len(samples), continued=continued)
        hierarchy, method = plan.build(f)
        stopping, stall = None, None
        if validation is not None:
            stopping = EarlyStopping(
                self._scorer(validation), self.tol, self._patience(len(samples))
            )
        if not plan.is_nested:
            stall = LossStall(self._stall(len(samples)))
        result = _fit(
            f,
            theta,
            hierarchy=hierarchy,
            cycle=method,
            batch_size=self._batch(len(samples)),
            max_cycles=self.max_iter * self._batches(len(samples)),
            callbacks=[watch for watch in (stopping, stall) if watch is not None],
            progress=bool(self.verbose),
            label=type(self).__name__,
            seed=seed,
        )
        if result.stopped == "cycles":
            warnings.warn(
                f"max_iter={self.max_iter} was reached before training had converged: a larger "
                "max_iter or tol may help",
                ConvergenceWarning,
                stacklevel=4,
            )
        self._keep(f, result, stopping, len(samples))

    def _keep(
        self, f: ResNetObjective, result: FitResult, stopping: EarlyStopping | None, n: int
    ) -> None:
        self.theta_ = result.theta
        self.history_ = result.history
        self.loss_curve_ = result.history.column("loss")
        self.loss_ = self.loss_curve_[-1]
        self.n_iter_ = math.ceil(result.history.cycles / self._batches(n))
        self.work_units_ = result.work_units
        self.validation_scores_ = None
        self.best_validation_score_ = None
        if stopping is not None and stopping.theta is not None:
            self.theta_ = stopping.theta
            self.loss_ = float(f.value(self.theta_))
            self.validation_scores_ = stopping.scores
            self.best_validation_score_ = stopping.best

    @_alone
    def _partial(self, samples: WeightedSamples, n_outputs: int, theta: Array | None) -> None:
        """Pass through `samples` once, in steps of Adam on the finest network."""
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(2**31 - 1))
        if theta is None:
            self.theta_ = self._start(samples.X.shape[1], n_outputs, seed)
            self._optimizer_state = None
            self.n_iter_, self.work_units_, self.loss_curve_ = 0, 0.0, []
        optimizer = Adam(self.learning_rate_init)
        if self._optimizer_state is None:
            self._optimizer_state = optimizer.init(self.theta_, time_metric(self.net_))
        before = self.theta_.copy(), copy.deepcopy(self._optimizer_state)
        order = np.random.default_rng([seed, self.n_iter_]).permutation(len(samples))
        size = self._size(len(samples)) or min(BATCH, len(samples))
        moves = np.random.default_rng([seed, self.n_iter_, 1])
        losses = []
        total = float(samples.weights.sum())
        with self._threads(size), np.errstate(over="ignore", invalid="ignore", under="ignore"):
            for begin in range(0, len(samples), size):
                batch = samples[order[begin : begin + size]]
                if isinstance(self.batch_size, Augmented):
                    batch = replace(batch, X=self.batch_size.apply(batch.X, moves))
                f = self._objective(batch, total)
                losses.append(optimizer.step(f, self.theta_, self._optimizer_state))
            if not (np.isfinite(losses).all() and np.isfinite(self.theta_).all()):
                self.theta_, self._optimizer_state = before
                raise ArithmeticError(
                    f"partial_fit: the loss became {losses[-1]}: a smaller learning_rate_init "
                    f"than {self.learning_rate_init:g} may help; the model is as it was before"
                )
        self.loss_ = float(np.mean(losses))
        self.loss_curve_.append(self.loss_)
        self.n_iter_ += 1
        self.work_units_ += len(losses)

    def _objective(self, samples: WeightedSamples, total: float) -> ResNetObjective:
        """Return the objective on samples out of a set with this `total` weight."""
        data = self._objective_data(samples)
        beta = defaults.default_beta(self.alpha, total, defaults.last_block(self.net_))
        return ResNetObjective(
            self.net_,
            np.ascontiguousarray(data.X),
            data.y,
            loss=self._loss,
            regularizer=DecayToStart(beta, self.start_),
            sample_weight=data.sample_weight,
        )

    def _network(self, n_inputs: int, n_outputs: int) -> ResNet | Network:
        if self.network is not None:
            return self._given_network(self.network, n_inputs, n_outputs)
        width = defaults.default_width(n_outputs) if self.width is None else self.width
        return ResNet(
            n_inputs,
            width,
            n_outputs,
            self.depth,
            final_time=self.final_time,
            activation=self.activation,
            block=defaults.block_of(self.block, width),
            dtype=check_dtype(self.dtype),
        )

    def _given_network(self, net: Any, n_inputs: int, n_outputs: int) -> Network:
        if not isinstance(net, Network):
            raise TypeError(f"network: expected a mgres.Network, got {type(net).__name__}")
        if (net.n_inputs, net.n_outputs) != (n_inputs, n_outputs):
            raise ValueError(
                f"network: expected {n_inputs} inputs and {n_outputs} outputs, as the samples "
                f"have, got {net.n_inputs} and {net.n_outputs}"
            )
        return net.with_dtype(check_dtype(self.dtype))

    def _start(self, n_inputs: int, n_outputs: int, seed: int) -> Array:
        """Return parameters that are smooth in t, so that all levels see the same start."""
        net = self.net_ = self._network(n_inputs, n_outputs)
        theta = defaults.smooth_start(net, seed)
        self.start_ = start_of_layers(net, theta)
        return theta

    def _plan(self, n: int, *, continued: bool) -> Plan:
        """Return how to train; a model that was trained before is trained on its finest level."""
        on_finest = continued and self.cycle in NESTED
        batches = self.batch_size is not None
        cycle = "single" if on_finest else self.cycle
        optimizer = defaults.default_optimizer(self.learning_rate_init if batches else None)
        return Plan(
            cycle=cycle,
            optimizer=None if cycle in WITHOUT_OPTIMIZER else optimizer,
            levels=None if on_finest else self.levels,
            schedule=self.schedule,
            batches=batches,
            stall=self._stall(n),
        )

    def _stall(self, n: int) -> Stall:
        return Stall(self.tol, self._patience(n), smooth=self.batch_size is not None)

    def _patience(self, n: int) -> int:
        """Return `n_iter_no_change` in steps."""
        return self.n_iter_no_change * self._batches(n)

    def _size(self, n: int) -> int | None:
        """Return how many of `n` samples make a batch, None for all."""
        given = self.batch_size
        size = given.size if isinstance(given, Augmented) else given
        return None if size is None else min(size, n)

    def _batch(self, n: int) -> int | Augmented | None:
        if isinstance(self.batch_size, Augmented):
            return replace(self.batch_size, strategy=self._size(n))
        return self._size(n)

    def _batches(self, n: int) -> int:
        """Return how many steps one iteration is."""
        size = self._size(n)
        return 1 if size is None else math.ceil(n / size)

    def _split(
        self, samples: WeightedSamples, seed: int
    ) -> tuple[WeightedSamples, WeightedSamples]:
        stratify = samples.y if self._loss == "cross_entropy" else None
        train, held_out = train_test_split(
            np.arange(len(samples)),
            test_size=self.validation_fraction,
            random_state=seed,
            stratify=stratify,
        )
        return samples[train], samples[held_out]

    def _scorer(self, validation: WeightedSamples) -> Callable[[Array], float]:
        X = np.ascontiguousarray(validation.X)

        def score(theta: Array) -> float:
            return self._score_of(self.net_.logits(theta, X), validation)

        return score

    def _is_warm(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "theta_")

    # ---- use -------------------------------------------------------------------------------------

    def _logits(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self, "theta_")
        check_plain("X", X)
        with _large_numbers():
            X = validate_data(self, X, reset=False, dtype=self.net_.dtype, order="C")
        with self._threads(len(X)):
            outputs = self.net_.logits(self.theta_, X)
        check_predictions(outputs)
        return outputs.astype(np.float64)

    @contextmanager
    def _threads(self, n: int) -> Iterator[None]:
        """Use `n_threads` inside, or as many as pay for passes of `n` samples."""
        wanted = self.n_threads
        if wanted is None:
            wanted = defaults.useful_threads(self.net_, n, most=get_num_threads())
        with threads(wanted):
            yield

    def _check_parameters(self) -> None:
        """Raise a ValueError if a parameter is not as documented; `ResNet` checks its own."""
        for name in ("width", "levels"):
            check_integer(name, getattr(self, name), optional=True)
        check_batch_size(self.batch_size)
        for name in ("max_iter", "n_iter_no_change"):
            check_integer(name, getattr(self, name))
        check_integer("n_threads", self.n_threads, most=MOST_THREADS, optional=True)
        if self.cycle not in METHODS:
            raise ValueError(f"cycle: expected one of {METHODS}, got {self.cycle!r}")
        check_number("alpha", self.alpha, least=0)
        check_number("tol", self.tol, above=0, below=1)
        check_number("learning_rate_init", self.learning_rate_init, above=0)
        check_number("validation_fraction", self.validation_fraction, above=0, below=1)


def _fit(f: ResNetObjective, theta: Array, **arguments: Any) -> FitResult:
    """Train; after Ctrl-C, go on with what there is."""
    try:
        return fit(f, theta, **arguments)
    except TrainingInterrupted as interrupted:
        warnings.warn(f"{interrupted}: the model is the best of them", UserWarning, stacklevel=5)
        return interrupted.result


def _large_numbers() -> AbstractContextManager[None]:
    """Let scikit-learn tell a number that is too large for the dtype, not NumPy before it."""
    return np.errstate(over="ignore", invalid="ignore")

"""Compare the estimators with scikit-learn's, at their defaults, over 5 folds.

    python bench/estimators.py [--seed N] [--threads N] [--data NAME ...] [--block NAME]

Inputs are standardised on the training folds.  The verdict is on the mean score, accuracy or R^2:
"ok" if it is not below that of scikit-learn's multilayer perceptron by more than one standard error
of the difference over the folds, (s^2 + s_MLP^2)^(1/2), where s is the standard deviation over the
folds divided by the root of their number.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mgres.blocks import NAMES
from mgres.sklearn import ResNetClassifier, ResNetRegressor

FOLDS = 5


def houses(n: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return prices of houses, made up after the California data: 8 inputs, two centres, noise."""
    rng = np.random.default_rng(seed)
    income, age = rng.lognormal(1.2, 0.45, n), rng.uniform(1, 52, n)
    rooms, people = rng.lognormal(1.65, 0.25, n), rng.lognormal(7, 0.7, n)
    bedrooms, occupancy = rooms / 5 + rng.normal(0, 0.05, n), rng.lognormal(1, 0.2, n)
    latitude = rng.uniform(32.5, 42, n)
    longitude = -114 - 0.9 * (latitude - 32) + rng.normal(0, 1.5, n)
    south = np.hypot(latitude - 34, longitude + 118.3)
    north = np.hypot(latitude - 37.8, longitude + 122.4)
    price = 0.45 * income + 0.006 * age - 0.25 * (occupancy - 2.8)
    price += 1.2 * np.exp(-south) + 1.6 * np.exp(-north)
    price += 0.08 * (rooms - 5) * np.tanh(income - 3) + rng.normal(0, 0.35, n)
    inputs = [income, age, rooms, bedrooms, people, occupancy, latitude, longitude]
    return np.stack(inputs, axis=1), np.clip(price, 0.15, 5)


CLASSES = {
    "digits": datasets.load_digits,
    "breast cancer": datasets.load_breast_cancer,
    "wine": datasets.load_wine,
}
FURTHER = {"iris": datasets.load_iris}
"""Classes if asked for: few flowers, on which models differ by what they leave unlearnt."""
VALUES = {"diabetes": datasets.load_diabetes, "houses": None}


def contestants(name: str, seed: int, threads: int | None, block: str) -> dict[str, Any]:
    """Return the models for a data set, the multilayer perceptron second."""
    own: dict[str, Any] = {"random_state": seed, "n_threads": threads, "block": block}
    if name in (*CLASSES, *FURTHER):
        return {
            "ResNet": ResNetClassifier(**own),
            "MLP": MLPClassifier(random_state=seed),
            "logistic": LogisticRegression(),
        }
    return {
        "ResNet": ResNetRegressor(**own),
        "MLP": MLPRegressor(random_state=seed),
        "ridge": RidgeCV(np.logspace(-3, 3, 13)),
    }


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets."""
    if name == "houses":
        return houses()
    return {**CLASSES, **FURTHER, **VALUES}[name](return_X_y=True)


def measure(model: Any, X: Any, y: Any, folds: Any) -> tuple[list[float], float]:
    """Return the scores on the folds and the median of the seconds of a fit."""
    scores, seconds = [], []
    for train, test in folds.split(X, y):
        pipeline = make_pipeline(StandardScaler(), model)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            pipeline.fit(X[train], y[train])
        seconds.append(time.perf_counter() - start)
        scores.append(float(pipeline.score(X[test], y[test])))
    return scores, statistics.median(seconds)


def standard_error(scores: list[float]) -> float:
    """Return the standard error of the mean over the folds."""
    return statistics.stdev(scores) / math.sqrt(len(scores))


def verdict(own: list[float], peer: list[float]) -> str:
    """Return "ok" or "worse", by the rule above."""
    slack = math.hypot(standard_error(own), standard_error(peer))
    return "ok" if statistics.mean(own) >= statistics.mean(peer) - slack else "worse"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 0 if every verdict is "ok"."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=[*CLASSES, *FURTHER, *VALUES], default=None)
    parser.add_argument("--block", choices=NAMES, default="dense", help="of mgres (default dense)")
    parser.add_argument("--seed", type=int, default=0, help="of folds and models (default 0)")
    parser.add_argument("--threads", type=int, default=None, help="of mgres")
    options = parser.parse_args(arguments)
    worse = []
    print(f"{'data':14} {'model':9} {'score':>7} {'s.e.':>7} {'seconds':>8}")
    for name in options.data or [*CLASSES, *VALUES]:
        kind = KFold if name in VALUES else StratifiedKFold
        folds = kind(FOLDS, shuffle=True, random_state=options.seed)
        X, y = load(name)
        results = {
            label: measure(model, X, y, folds)
            for label, model in contestants(
                name, options.seed, options.threads, options.block
            ).items()
        }
        judged = verdict(results["ResNet"][0], results["MLP"][0])
        worse += [name] if judged == "worse" else []
        for label, (scores, seconds) in results.items():
            mean, error = statistics.mean(scores), standard_error(scores)
            remark = f"   {judged}" if label == "ResNet" else ""
            print(
                f"{name:14} {label:9} {mean:7.4f} {error:7.4f} {seconds:8.2f}{remark}", flush=True
            )
    print("not worse than the MLP on any" if not worse else f"worse than the MLP: {worse}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())

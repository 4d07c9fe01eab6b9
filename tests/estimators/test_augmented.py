"""Estimators whose batches are of images that are moved."""

from __future__ import annotations

import numpy as np
import pytest

import mgres

sklearn = pytest.importorskip("sklearn", reason="NOT TESTED: estimators (pip install scikit-learn)")


def bars(n=60):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = rng.uniform(0, 0.1, (n, 6, 6)).astype(np.float32)  # none is another's twin
    for image, label in zip(X, y, strict=True):
        at = rng.integers(1, 5)
        image[(slice(1, 5), at) if label else (at, slice(1, 5))] = 1
    return X.reshape(n, 36), np.array(["lies", "stands"])[y]


def classifier(**options):
    from mgres.sklearn import ResNetClassifier

    how = mgres.Augmented(200, (1, 6, 6), shift=1)  # more than there are: all of them
    return ResNetClassifier(width=8, depth=8, alpha=0.1, batch_size=how, random_state=0, **options)


@pytest.mark.filterwarnings("ignore:max_iter:sklearn.exceptions.ConvergenceWarning")
def test_batches_are_moved(monkeypatch):
    seen = []
    apply = mgres.Augmented.apply

    def spy(self, X, rng):
        seen.append(apply(self, X, rng))
        return seen[-1]

    monkeypatch.setattr(mgres.Augmented, "apply", spy)
    X, y = bars()
    model = sklearn.clone(classifier(max_iter=30)).fit(X, y)
    assert len(seen) == 30
    assert len(seen[0]) == 60
    assert model.score(X, y) > 0.9
    again = classifier(max_iter=30).fit(X, y)
    np.testing.assert_array_equal(again.theta_, model.theta_)


def test_partial_fit_moves_them_too():
    X, y = bars()
    moved, plain = classifier(), classifier()
    plain.set_params(batch_size=60)
    for model in (moved, plain):
        model.partial_fit(X, y, classes=["lies", "stands"])
    assert (moved.theta_ != plain.theta_).any()
    assert np.isfinite(moved.theta_).all()


def test_batches_of_no_fixed_size_are_refused():
    X, y = bars()
    model = classifier().set_params(batch_size=mgres.Augmented(mgres.Growing(8), (1, 6, 6)))
    with pytest.raises(ValueError, match="batch_size: expected Augmented with a number of samples"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="has 30 features, and the samples have 36"):
        model.set_params(batch_size=mgres.Augmented(8, (1, 5, 6))).fit(X, y)

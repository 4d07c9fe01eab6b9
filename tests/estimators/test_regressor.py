"""The regressor: one and several targets, in any units."""

import numpy as np
import pytest

from mgres.sklearn import ResNetRegressor

SETTINGS = {"random_state": 0, "alpha": 0.5, "depth": 32}


@pytest.fixture(scope="module")
def model(waves):
    return ResNetRegressor(**SETTINGS).fit(*waves)


def test_several_targets_are_fitted_in_their_own_units(model, waves):
    X, y = waves
    predicted = model.predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == np.float64
    residual = ((predicted - y) ** 2).mean(axis=0)
    assert (residual < 0.02 * y.var(axis=0)).all()


def test_one_target_keeps_its_shape(waves):
    X, y = waves
    flat = ResNetRegressor(**SETTINGS).fit(X, y[:, 0])
    column = ResNetRegressor(**SETTINGS).fit(X, y[:, :1])
    assert flat.predict(X).shape == (len(X),)
    np.testing.assert_array_equal(flat.predict(X), column.predict(X).ravel())


def test_targets_are_standardised_by_weight(waves):
    X, y = waves
    w = np.random.default_rng(0).integers(0, 3, len(X))
    model = ResNetRegressor(**SETTINGS).fit(X, y, w)
    repeated = y.repeat(w, axis=0)
    np.testing.assert_allclose(model.target_mean_, repeated.mean(axis=0))
    np.testing.assert_allclose(model.target_scale_, repeated.std(axis=0))
    np.testing.assert_array_equal(
        model.theta_, ResNetRegressor(**SETTINGS).fit(X.repeat(w, 0), repeated).theta_
    )


def test_units_do_not_matter(waves):
    X, y = waves
    plain = ResNetRegressor(**SETTINGS).fit(X, y[:, 0])
    scaled = ResNetRegressor(**SETTINGS).fit(X, 1024 * y[:, 0])  # exact in binary
    np.testing.assert_array_equal(scaled.predict(X), 1024 * plain.predict(X))


def test_a_constant_target_is_predicted(waves):
    X, _ = waves
    model = ResNetRegressor(**SETTINGS).fit(X, np.full(len(X), 0.1))
    np.testing.assert_allclose(model.predict(X), 0.1, atol=0.05)
    assert model.target_scale_.tolist() == [1.0]


def test_strong_regularisation_predicts_the_mean(waves):
    X, y = waves
    model = ResNetRegressor(random_state=0, alpha=1e7).fit(X, y[:, 0])
    np.testing.assert_allclose(model.predict(X), y[:, 0].mean(), atol=1e-2)


def test_early_stopping_scores_by_r2(waves):
    X, y = waves
    model = ResNetRegressor(**SETTINGS, early_stopping=True, n_iter_no_change=30).fit(X, y)
    assert 0.8 < model.best_validation_score_ <= 1


def test_warm_start_and_partial_fit_keep_scale_and_outputs(waves):
    X, y = waves
    model = ResNetRegressor(**SETTINGS, warm_start=True).fit(X, y)
    mean = model.target_mean_
    model.fit(X, y + 1)
    assert model.target_mean_ is mean
    model.partial_fit(X, y)
    assert model.target_mean_ is mean
    for again in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="y: expected 2 outputs, got 1"):
            again(X, y[:, 0])


def test_partial_fit_learns(waves):
    X, y = waves
    model = ResNetRegressor(random_state=0, alpha=0.1, batch_size=50)
    for _ in range(40):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.8
    assert model.n_iter_ == 40
    assert model.work_units_ == 120

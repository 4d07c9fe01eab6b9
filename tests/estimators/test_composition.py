"""Inside scikit-learn's own machinery."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mgres.sklearn import ResNetClassifier, ResNetRegressor

SMALL = {"depth": 16, "random_state": 0}


def test_pipeline_and_cross_validation(wine):
    model = make_pipeline(StandardScaler(), ResNetClassifier(**SMALL))
    assert cross_val_score(model, *wine, cv=3).min() > 0.9


def test_grid_search_in_two_processes(moons):
    grid = {"alpha": [0.1, 1e4], "width": [8]}
    search = GridSearchCV(ResNetClassifier(**SMALL), grid, n_jobs=2, cv=2).fit(*moons)
    assert search.best_params_ == {"alpha": 0.1, "width": 8}
    alone = GridSearchCV(ResNetClassifier(**SMALL), grid, cv=2).fit(*moons)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_calibration(moons):
    names = np.array(["no", "yes"])[moons[1]]
    model = CalibratedClassifierCV(ResNetClassifier(**SMALL, alpha=0.1), cv=2)
    assert model.fit(moons[0], names).score(moons[0], names) > 0.9


@pytest.mark.parametrize("cls", [ResNetClassifier, ResNetRegressor])
def test_a_clone_is_not_trained_and_trains_alike(moons, cls):
    model = cls(**SMALL, n_threads=1).fit(*moons)
    copy = clone(model)
    assert not hasattr(copy, "theta_")
    assert copy.get_params() == model.get_params()
    np.testing.assert_array_equal(copy.fit(*moons).theta_, model.theta_)


@pytest.mark.parametrize("cls", [ResNetClassifier, ResNetRegressor])
def test_stored_models_predict_and_learn_on(moons, cls, tmp_path):
    X, y = moons
    model = cls(**SMALL).fit(X, y)
    model.partial_fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        again.partial_fit(X, y)
        assert again._optimizer_state.steps == 2
    assert len(model.history_) == len(again.history_)


def test_scikit_learn_is_asked_for_by_name(run_python):
    run_python(
        """
        import sys
        sys.modules["sklearn"] = None
        import mgres
        try:
            import mgres.sklearn
        except ImportError as error:
            assert "pip install 'mgres[sklearn]'" in str(error), error
        else:
            raise AssertionError
        """
    )

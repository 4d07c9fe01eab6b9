"""scikit-learn's own checks, all of them, with no failure expected."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from mgres.sklearn import ResNetClassifier, ResNetRegressor


def ready_to_check(test):
    """Let scikit-learn's checks be as they are: its data overflow, and a few steps converge not."""
    test = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")(test)
    return pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")(test)


QUICK = {"depth": 16, "max_iter": 60}


@ready_to_check
@parametrize_with_checks([ResNetClassifier(**QUICK), ResNetRegressor(**QUICK)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@ready_to_check
@parametrize_with_checks([ResNetClassifier(), ResNetRegressor()])
def test_scikit_learn_checks_with_defaults(estimator, check):
    check(estimator)

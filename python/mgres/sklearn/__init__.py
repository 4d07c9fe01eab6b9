"""Estimators in the conventions of scikit-learn (extra ``sklearn``).

>>> from mgres.sklearn import ResNetClassifier
>>> from sklearn.datasets import make_moons
>>> X, y = make_moons(200, noise=0.1, random_state=0)
>>> model = ResNetClassifier(random_state=0).fit(X, y)
>>> model.score(X, y) > 0.98
True

``import mgres`` does not import this package, nor scikit-learn.
"""

try:
    from sklearn.utils.validation import validate_data as _validate_data  # noqa: F401
except ImportError as error:
    raise ImportError(
        "mgres.sklearn needs scikit-learn 1.6 or newer: pip install 'mgres[sklearn]'"
    ) from error

from .classifier import ResNetClassifier
from .regressor import ResNetRegressor

__all__ = ["ResNetClassifier", "ResNetRegressor"]

"""Small data sets, standardised."""

import numpy as np
import pytest
from sklearn.datasets import load_wine, make_moons


@pytest.fixture(scope="session")
def moons():
    return make_moons(120, noise=0.15, random_state=0)


@pytest.fixture(scope="session")
def wine():
    X, y = load_wine(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.fixture(scope="session")
def waves():
    """Two targets of very different units."""
    x = np.random.default_rng(0).uniform(-1, 1, (150, 2))
    return x, np.stack([np.sin(3 * x[:, 0]), 1e4 + 1e3 * x[:, 0] * x[:, 1]], axis=1)

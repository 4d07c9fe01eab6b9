"""Estimators of a network that is given."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import mgres
from mgres.sklearn import ResNetClassifier, ResNetRegressor
from mgres.stages import Linear, Stack, convolutional

NET = convolutional((1, 8, 8), 10, depth=16, channels=(4, 8))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, random_state=0, stratify=y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_convolutional_classifier(digits):
    train, test, labels, expected = digits
    one = ResNetClassifier(network=NET, alpha=1e-3, batch_size=50, max_iter=12, random_state=0)
    one.fit(train, labels)
    assert one.net_ == NET
    assert one.score(test, expected) > 0.9
    again = clone(one).fit(train, labels)
    np.testing.assert_array_equal(again.theta_, one.theta_)
    assert one.partial_fit(train[:100], labels[:100]).score(test, expected) > 0.85


def test_a_regressor_of_two_stacks(rng):
    X = rng.standard_normal((200, 3))
    stacks = [Stack(8, width=8), Stack(8, width=4)]
    net = mgres.Network(Linear(), stacks, inputs=3, outputs=1)
    model = ResNetRegressor(network=net, alpha=0.01, dtype="float64", random_state=0)
    model.fit(X, np.sin(X[:, 0]) + X[:, 1])
    assert model.net_ == net.with_dtype("float64")
    assert model.score(X, np.sin(X[:, 0]) + X[:, 1]) > 0.98


def test_a_network_that_does_not_fit(digits):
    train, _, labels, _ = digits
    with pytest.raises(ValueError, match="network: expected 63 inputs and 10 outputs, as the"):
        ResNetClassifier(network=NET).fit(train[:, 1:], labels)
    with pytest.raises(TypeError, match=r"network: expected a mgres\.Network, got ResNet"):
        ResNetClassifier(network=mgres.ResNet(64, 8, 10, 4)).fit(train, labels)

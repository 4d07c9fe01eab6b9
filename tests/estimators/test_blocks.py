"""Estimators with every block."""

import numpy as np
import pytest

from mgres import blocks

pytest.importorskip("sklearn", reason="NOT TESTED: needs scikit-learn")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from mgres.sklearn import ResNetClassifier, ResNetRegressor

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"depth": 16, "width": 8, "random_state": 0}


@pytest.mark.parametrize(
    ("block", "made"),
    [
        ("dense", blocks.Dense()),
        ("antisymmetric", blocks.Antisymmetric()),
        ("two_layer", blocks.TwoLayer(16)),
        ("gradient", blocks.Gradient(8)),
        ("hamiltonian", blocks.Hamiltonian()),
        (blocks.TwoLayer(5, norm="layer", activation="silu"),) * 2,
        (blocks.Hamiltonian(5, activation="tanh"),) * 2,
        (blocks.Dense(norm="rms", paced=True),) * 2,
    ],
)
def test_estimators_fit(block, made):
    model = ResNetClassifier(block=block, **SMALL).fit(X, Y)
    assert model.net_.block == made
    assert model.start_.shape == (16, model.net_.layer_size)
    assert model.score(X, Y) > (0.75 if block == "gradient" else 0.9)  # it forgets
    target = X @ [1.0, -1.0, 0.5, 0.2] + np.sin(2 * X[:, 0])
    regressor = ResNetRegressor(block=block, alpha=1.0, **SMALL).fit(X, target)
    assert regressor.score(X, target) > 0.9


def test_the_activation_is_the_blocks_unless_given():
    block = blocks.TwoLayer(5, activation="silu")
    short = {"max_iter": 2, "block": block, **SMALL}
    with pytest.warns(Warning, match="max_iter"):
        assert ResNetClassifier(**short).fit(X, Y).net_.activation == "silu"
    with pytest.warns(Warning, match="max_iter"):
        given = ResNetClassifier(activation="tanh", **short).fit(X, Y)
    assert given.net_.block == blocks.TwoLayer(5, activation="tanh")


def test_a_clone_has_the_same_block():
    model = ResNetClassifier(block=blocks.Gradient(7))
    assert clone(model).block == model.block
    assert model.set_params(block="two_layer").block == "two_layer"


@pytest.mark.parametrize(
    ("block", "message"),
    [("sparse", "block: expected one of"), (blocks.Dense, "block: expected one of")],
)
def test_what_is_no_block(block, message):
    with pytest.raises(ValueError, match=message):
        ResNetClassifier(block=block).fit(X, Y)


def test_a_width_that_a_block_cannot_have():
    with pytest.raises(ValueError, match="width: expected an even number"):
        ResNetClassifier(block="hamiltonian", depth=16, width=5).fit(X, Y)


def test_partial_fit_and_warm_start():
    model = ResNetClassifier(block=blocks.TwoLayer(9, norm="layer"), **SMALL)
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    model = ResNetClassifier(block="two_layer", warm_start=True, **SMALL).fit(X, Y)
    assert model.fit(X, Y).score(X, Y) > 0.9

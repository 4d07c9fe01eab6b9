"""Estimators with every block."""

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.recipes import defaults

pytest.importorskip("sklearn", reason="NOT TESTED: needs scikit-learn")

from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import StratifiedKFold, cross_val_score
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
        (blocks.Sparse(blocks.Banded(2)),) * 2,
    ],
)
def test_estimators_fit(block, made):
    model = ResNetClassifier(block=block, **SMALL).fit(X, Y)
    assert model.net_.block == made
    assert model.start_.shape == (16, model.net_.layer_size)
    assert model.score(X, Y) > 0.9
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
    [
        ("mixer", "block: expected one of"),
        (blocks.Dense, "block: expected one of"),
        ("conv1d", r"conv1d needs channels and length: .* take mgres\.blocks\.Conv1d"),
        ("sparse", r"sparse needs pattern: .* take mgres\.blocks\.Sparse"),
    ],
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


# ---- alpha means as much for all blocks ----------------------------------------------------------


def spread(block, data, seeds=range(5)):
    """How many times further apart samples are behind the flow of a start than before it."""
    found = []
    for seed in seeds:
        net = mgres.ResNet(data.shape[1], 64, 3, 32, defaults.FINAL_TIME, block=block)
        states = net.states(defaults.smooth_start(net, seed), data, [0, 32]).astype(float)
        before, after = (np.linalg.norm(y - y.mean(axis=0)) for y in states)
        found.append(after / before)
    return np.median(found)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_flows_spread_inputs_as_the_defaults_say(load):
    data = StandardScaler().fit_transform(load().data).astype(np.float32)
    dense = spread(blocks.Dense(), data)
    for block in (
        blocks.Antisymmetric(),
        blocks.TwoLayer(128),
        blocks.Gradient(64),
        blocks.Gradient(64, sign=1),
        blocks.Hamiltonian(),
        blocks.Hamiltonian(64),
    ):
        ratio = spread(block, data) / dense / defaults.spread(block)
        assert 0.6 < ratio < 1.3, block


def test_alpha_enters_as_documented():
    short = {"max_iter": 2, "depth": 16, "width": 8, "random_state": 0, "dtype": "float64"}
    for block, share in (("dense", 1), ("gradient", 1 / 8), (blocks.Gradient(8, sign=1), 0.4)):
        with pytest.warns(Warning, match="max_iter"):
            model = ResNetClassifier(block=block, alpha=2.0, **short).fit(X, Y)
        loss = mgres.ResNetObjective(model.net_, X, Y).value(model.theta_)
        p = model.net_.views(model.theta_)
        layers = model.theta_[model.net_.part("blocks")] - model.start_.ravel()
        squares = sum((a**2).sum() for a in (p.Q, p.W_out, p.b_out))
        squares += model.net_.dt * (layers**2).sum()
        assert model.loss_ == pytest.approx(loss + share * 2.0 / (2 * len(X)) * squares, rel=1e-6)


def test_gradient_blocks_tell_flowers_apart():
    """With the strength that suits dense layers they got 0.81 of them right."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = ResNetClassifier(block="gradient", random_state=0)
    assert cross_val_score(model, X, Y, cv=folds).mean() > 0.93

"""From options to data, settings and the objects of the engine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgres
from mgres.mgopt import Stall
from mgres.recipes import defaults
from mgres.resnet import DecayToStart
from mgres.runs.data import hold_out, load_data
from mgres.runs.optimizers import OPTIMIZERS, make_optimizer
from mgres.runs.problem import prepare
from mgres.runs.resolve import resolve


def training(**given):
    data = load_data(given)
    return prepare(resolve(given, data), data)


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=80),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 1000),
)
def test_every_class_keeps_its_share(groups, fraction, seed):
    groups = np.array(groups)
    chosen = hold_out(groups, fraction, seed)
    for group in np.unique(groups):
        n = (groups == group).sum()
        assert chosen[groups == group].sum() == min(round(fraction * n), n - 1)
    assert np.array_equal(chosen, hold_out(groups, fraction, seed))


def test_rows_are_held_out_at_random():
    groups = np.zeros(1000, np.int64)
    masks = [hold_out(groups, 0.3, seed) for seed in (0, 1)]
    assert (masks[0] & masks[1]).sum() == pytest.approx(90, abs=40)
    assert np.flatnonzero(masks[0]).mean() == pytest.approx(500, abs=60)


@pytest.fixture
def table(tmp_path):
    def write(n, target):
        rows = [f"{i % 17},{i % 5},{target(i)}" for i in range(n)]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(["a,b,y", *rows]))
        return str(path)

    return write


def test_classes_are_held_out_by_class_and_quantities_are_not(table):
    path = table(100, lambda i: "ab"[i < 20])
    for seed in range(4):
        data = load_data({"data": path, "target": "y", "seed": seed})
        assert np.bincount(data.y_val).tolist() == [16, 4]
    data = load_data({"data": table(100, lambda i: i + 0.5), "target": "y"})
    assert len(data.y_val) == 20


def test_scaling_is_that_of_the_training_rows(table):
    data = load_data({"data": table(100, lambda i: i + 0.5), "target": "y"})
    X = data.scaling.inputs(data.X, np.float64)
    assert X.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    assert X.std(axis=0) == pytest.approx([1, 1])
    y = data.scaling.targets(data.y, np.float64)
    assert (y.shape, y.mean(), y.std()) == ((80, 1), pytest.approx(0, abs=1e-12), pytest.approx(1))
    assert data.scaling.predictions(y) == pytest.approx(data.y)


def test_settings_of_the_paper_for_its_sets():
    t = training(data="circles", seed=1)
    assert (t.f.net.depth, t.f.net.width, t.f.net.activation) == (2048, 3, "relu")
    assert t.f.regularizer == mgres.Tikhonov(1e-4, "time")
    assert np.array_equal(t.f.samples.X, mgres.datasets.circles(1)[0])
    # the recipe as it is for `mgres.fit`, but for when a level has had enough
    recipe = mgres.recommended(t.f)
    assert len(t.hierarchy) == len(recipe.hierarchy)
    assert t.method.judge == recipe.method.judge
    assert t.method.judge is not None
    assert np.array_equal(t.theta, recipe.start(1))


def test_own_data_decay_to_their_start(table):
    path = table(100, lambda i: "ab"[i % 2])
    t = training(data=path, target="y", depth=1024, width=4)
    assert isinstance(t.f.regularizer, DecayToStart)
    assert t.f.regularizer.beta == defaults.CLASSIFIER_ALPHA / (2 * 80)
    assert np.array_equal(t.f.regularizer.blocks.ravel(), t.theta[t.f.net.part("blocks")])


@pytest.mark.parametrize(
    ("n", "batch_size", "every"), [(1000, None, 1), (1000, 50, 2), (1000, 4, 17), (1000, 400, 1)]
)
def test_validation_costs_no_more_than_training(table, n, batch_size, every):
    given = {"data": table(n, lambda i: "ab"[i % 2]), "target": "y"}
    t = training(**given, **({"batch_size": batch_size} if batch_size else {}))
    assert t.validate_every == every
    # a forward pass is a third of a gradient
    assert every * (batch_size or 800) >= 200 / 3


def test_patience_counts_epochs_of_batches(table):
    given = {"data": table(100, lambda i: "ab"[i % 2]), "target": "y", "method": "cascade"}
    assert training(**given, patience=7).method.stop == Stall(0.01, 7)
    t = training(**given, patience=7, batch_size=20)
    assert t.method.stop == Stall(0.01, 28, smooth=True)


def test_optimizers_are_what_they_are_called():
    made = {name: make_optimizer(name, 0.125) for name in OPTIMIZERS}
    assert made == {
        "lbfgs": mgres.LBFGS(),
        "lsr1": mgres.LSR1(),
        "adam": mgres.Adam(0.125),
        "adamw": mgres.AdamW(0.125),
        "rmsprop": mgres.RMSprop(0.125),
        "gd": mgres.GradientDescent(0.125),
        "momentum": mgres.Momentum(0.125),
        "nesterov": mgres.Nesterov(0.125),
    }


def test_resolving_again_changes_nothing(table):
    given = {"data": table(100, lambda i: "ab"[i % 2]), "target": "y"}
    for more in ({}, {"batch_size": 10}, {"levels": 3, "optimizer": "gd"}, {"method": "fmg"}):
        data = load_data({**given, **more})
        settings = resolve({**given, **more}, data)
        again = settings.given()
        assert resolve(again, load_data(again)) == settings

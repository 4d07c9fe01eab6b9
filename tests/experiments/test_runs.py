"""Single runs: what a specification means."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres.experiments import runs
from mgres.experiments.runs import CASCADE_DEPTH, RunSpec, load, run
from mgres.mgopt import Schedule
from mgres.runs import SETUPS

REAL_DATA = os.environ.get("MGRES_DATA")


def spec(levels=1, **changes) -> RunSpec:
    base = RunSpec("circles", 128, str(Schedule.paper(levels)), 0.1, 1e-4, 0)
    return replace(base, **changes)


def test_run_is_the_fit_that_the_specification_says(tiny):
    X, y, X_val, y_val = tiny.load(3)
    net = mgres.ResNet(2, 3, 2, 128)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(2e-4))
    h = mgres.resnet_hierarchy(f, 4, optimizer=mgres.GradientDescent(0.2))
    expected = mgres.fit(
        f, net.init(3), hierarchy=h, validation=(X_val, y_val), target_accuracy=1.0
    )
    result = run(spec(4, learning_rate=0.2, beta=2e-4, seed=3))
    assert result.stopped == expected.stopped == "accuracy"
    assert result.loss == expected.history.column("loss")
    assert result.accuracy == expected.history.column("accuracy")
    assert result.v_cycles == len(expected.history) - 1
    assert result.work_units == expected.work_units == 5 * result.v_cycles
    assert result.seconds > 0
    assert result.rejected == 0


@pytest.mark.parametrize("schedule", ["[1, 1, {5}]", "[3/1, 1, {1}]", "[{2}]"])
def test_schedule_is_the_one_of_the_specification(tiny, schedule):
    result = run(spec(schedule=schedule))
    assert result.stopped == "accuracy"
    assert result.work_units == result.v_cycles * Schedule.parse(schedule).work_units()


def test_same_specification_same_result(tiny):
    first, second = run(spec(8)), run(spec(8))
    assert replace(first, seconds=0) == replace(second, seconds=0)
    assert run(spec(8, seed=1)).loss != first.loss


def test_frozen_blocks_do_not_move(tiny, monkeypatch):
    ends = []
    fit = runs.fit

    def spy(f, theta, **more):
        result = fit(f, theta, **more)
        ends.append((f.net.part("blocks"), theta, result.theta))
        return result

    monkeypatch.setattr(runs, "fit", spy)
    run(spec(frozen=True))
    run(spec(frozen=False))
    (blocks, start, end), (_, start2, end2) = ends
    np.testing.assert_array_equal(end[blocks], start[blocks])
    assert not np.array_equal(end[: blocks.start], start[: blocks.start])
    assert not np.array_equal(end2[blocks], start2[blocks])


def test_cascade_counts_the_work_of_the_shallow_network(tiny, monkeypatch):
    parts = []
    fit = runs.fit

    def spy(f, theta, **more):
        parts.append((f.net.depth, theta.copy(), fit(f, theta, **more)))
        return parts[-1][2]

    monkeypatch.setattr(runs, "fit", spy)
    result = run(spec(cascade=True))
    (shallow, _, coarse), (deep, start, fine) = parts
    assert (shallow, deep) == (CASCADE_DEPTH, 128) == (16, 128)
    assert result.v_cycles == len(fine.history) - 1
    assert result.work_units == coarse.work_units * 16 / 128 + fine.work_units
    assert result.seconds == coarse.history[-1].seconds + fine.history[-1].seconds
    # piecewise constant in t: eight equal layers for each of the sixteen
    views = mgres.ResNet(2, 3, 2, 128).views(start)
    W = views.W.reshape(16, 8, 3, 3)
    np.testing.assert_array_equal(W, np.broadcast_to(W[:, :1], W.shape))
    np.testing.assert_array_equal(W[:, 0], mgres.ResNet(2, 3, 2, 16).views(coarse.theta).W)


def test_miss_has_no_counts(tiny, monkeypatch):
    monkeypatch.setitem(SETUPS, "circles", replace(tiny, max_work_units=9))
    result = run(spec(2))
    assert (result.v_cycles, result.work_units, result.seconds) == (None, None, None)
    assert result.stopped == "work_units"
    assert len(result.loss) == len(result.accuracy) == 4


def test_divergence_is_a_miss(tiny):
    result = run(spec(8, learning_rate=1e30))
    assert result.stopped == "divergence"
    assert result.work_units is None
    assert np.isfinite(result.loss).all()


def test_adam(tiny):
    result = run(spec(optimizer="adam", learning_rate=0.1))
    assert result.stopped == "accuracy"
    assert result.loss != run(spec(learning_rate=0.1)).loss


def test_setups_name_themselves_and_can_be_halved():
    for name, setup in SETUPS.items():
        assert setup.name == name
        for depth in (setup.depth, setup.depth // 4, 128):
            assert depth % 2 ** (setup.figure5_levels - 1) == 0
        for levels, (cycles, per_cycle, total) in setup.paper_levels.items():
            assert round(Schedule.paper(levels).work_units(), 2) == per_cycle
            assert abs(cycles * per_cycle - total) <= 1


# ---- MNIST --------------------------------------------------------------------------------------


def test_small_mnist(tiny_mnist):
    X, _, X_val, _ = load("mnist", 0)
    assert X.shape == (80, 784)
    assert X_val.shape == (40, 784)
    assert load("mnist", 5)[0] is X  # the same for every seed
    result = run(replace(spec(4), problem="mnist", learning_rate=0.2, beta=1e-5))
    assert result.stopped == "accuracy"
    assert result.accuracy[-1] >= 0.9
    assert result.work_units == 5 * result.v_cycles


def test_classes_of_both_sets_count(tiny_mnist, monkeypatch):
    X, y, X_val, y_val = load("mnist", 0)
    some = y < 3
    data = (X[some].copy(), y[some], X_val, y_val)
    runs._load.cache_clear()
    monkeypatch.setitem(SETUPS, "mnist", replace(tiny_mnist, load=lambda seed: data))
    outputs = []
    fit = runs.fit
    monkeypatch.setattr(runs, "fit", lambda f, *a, **k: outputs.append(f.net) or fit(f, *a, **k))
    run(replace(spec(2), problem="mnist"))
    assert [net.n_outputs for net in outputs] == [4]


def test_missing_mnist_says_what_to_do_in_one_line():
    with pytest.raises(FileNotFoundError) as info:
        load("mnist", 0)
    message = str(info.value)
    assert "\n" not in message
    assert "MGRES_DATA" in message
    assert "download_mnist" in message
    assert "train-images-idx3-ubyte" in str(info.value.__cause__)


def test_real_mnist(monkeypatch):
    if not REAL_DATA:
        pytest.skip(
            "NOT TESTED on the real MNIST: set MGRES_DATA to the folder that holds the four files "
            "(mgres.datasets.download_mnist() fetches them)"
        )
    monkeypatch.setenv("MGRES_DATA", REAL_DATA)
    setup = SETUPS["mnist"]
    monkeypatch.setitem(SETUPS, "mnist", replace(setup, target=0.6, max_work_units=400))
    result = run(RunSpec("mnist", 64, str(Schedule.paper(4)), setup.learning_rate, setup.beta, 0))
    assert result.stopped == "accuracy"
    assert result.work_units == 5 * result.v_cycles

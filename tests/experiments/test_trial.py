"""What a run costs until it reaches a target, against loops that count by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres.experiments.comparison import Enough, Trial, multilevel, single
from mgres.experiments.comparison.trial import run_trial

GD = {"learning_rate": 1.0, "metric": "time", "start": "smooth"}
LBFGS = {"memory": 10, "metric": "time", "start": "independent"}
NESTED = {"optimizer": "lbfgs", "memory": 30}


def train(problem, optimizer, settings, seed=100, **more):
    trial = Trial(problem, seed, **more)
    return run_trial(trial, lambda t, s: single.train(t, optimizer, s), settings)


def objective(problem, seed):
    X, y, X_val, y_val = problem.data(seed)
    net = problem.net(seed)
    f = mgres.ResNetObjective(net, X, y, problem.loss, problem.regularizer, fixed=problem.fixed)
    return net, f, X_val, y_val


def weights(problem, net):
    w = np.ones(net.size, net.dtype)
    w[net.part("blocks")] = net.dt
    return w


def test_a_loss_costs_the_evaluation_that_finds_it(bend):
    _, f, _, _ = objective(bend, 100)
    theta, g = bend.start(100, "smooth"), np.empty(f.size, f.dtype)
    expected: dict[str, float | None] = dict.fromkeys(map(str, bend.targets))
    for gradients in range(1, 151):
        value = f.value_and_grad(theta, g)
        for target in bend.targets:
            if expected[str(target)] is None and value <= target.value:
                expected[str(target)] = gradients
        theta -= g / weights(bend, f.net)
    result = train(bend, "gd", GD)
    assert expected["loss 0.015"] is not None
    assert {t: r and r[0] for t, r in result.reached.items()} == expected


def test_an_accuracy_costs_the_steps_before_it(discs):
    net, f, X_val, y_val = objective(discs, 101)
    theta, g = discs.start(101, "smooth"), np.empty(f.size, f.dtype)
    expected: dict[str, float | None] = dict.fromkeys(map(str, discs.targets))
    for steps in range(1, 121):
        f.value_and_grad(theta, g)
        theta -= g / weights(discs, net)
        accuracy = net.accuracy(theta, X_val, y_val)
        for target in discs.targets:
            if expected[str(target)] is None and accuracy >= target.value:
                expected[str(target)] = steps
    result = train(discs, "gd", GD, seed=101)
    assert None not in expected.values()
    assert {t: r and r[0] for t, r in result.reached.items()} == expected
    assert result.stopped == "targets"
    assert result.validations == expected["accuracy 1"]
    assert result.best["accuracy"] == 1.0
    last = result.points[-1]
    assert last[0] == expected["accuracy 1"]
    assert last[3] == 1.0


def test_line_search_trials_are_counted(bend):
    result = train(bend, "lbfgs", LBFGS)
    _, f, _, _ = objective(bend, 100)
    evaluations = []

    class Counting:
        size, dtype = f.size, f.dtype

        def value_and_grad(self, x, out):
            evaluations.append(f.value_and_grad(x, out))
            return evaluations[-1]

    optimizer, memo = mgres.mgopt.LBFGS(10), mgres.mgopt.Memo(Counting())
    theta = bend.start(100)
    state = optimizer.init(theta, mgres.resnet.time_metric(f.net))
    while not evaluations or min(evaluations) > bend.targets[1].value:
        optimizer.step(memo, theta, state)
    first = next(i for i, v in enumerate(evaluations) if v <= bend.targets[0].value)
    last = next(i for i, v in enumerate(evaluations) if v <= bend.targets[1].value)
    assert result.reached["loss 0.015"][0] == first + 1
    assert result.reached["loss 0.002"][0] == last + 1


def test_mini_batches_are_those_of_fit(discs):
    """The same start, batches and steps as the library's own training."""
    problem = replace(discs, batch_size=60, validate_every=3, targets=discs.targets[1:])
    result = train(problem, "gd", GD, seed=102)
    _, f, X_val, y_val = objective(problem, 102)
    hierarchy = mgres.resnet_hierarchy(f, 1, optimizer=mgres.GradientDescent(1.0), metric="time")
    fitted = mgres.fit(
        f,
        problem.start(102, "smooth"),
        hierarchy=hierarchy,
        batch_size=60,
        validation=(X_val, y_val),
        max_work_units=120,
        seed=102,
    )
    accuracy = fitted.history.column("accuracy")
    expected = next((k for k in range(1, 120, 3) if accuracy[k] == 1.0), None)
    assert expected is not None
    assert result.reached["accuracy 1"][0] == expected


def test_loss_targets_of_mini_batches_are_checked_on_all_samples(discs):
    problem = replace(discs, batch_size=50, targets=(mgres.experiments.Target("loss", 0.3),))
    trial = Trial(problem, 100)
    result = run_trial(trial, lambda t, s: single.train(t, "gd", s), GD)
    assert result.reached["loss 0.3"] is not None
    assert result.best["loss"] <= 0.3
    # no batch of its own has been taken for the whole: a batch below the bound came before
    full = [p for p in result.points if p[2] is not None and p[2] <= 0.3]
    assert full[0][0] <= result.reached["loss 0.3"][0]


def test_a_batch_is_not_taken_for_all_samples(discs):
    problem = replace(discs, batch_size=50, targets=(mgres.experiments.Target("loss", 0.3),))
    trial = Trial(problem, 100)
    trial.know(0.0)
    assert trial.reached == {"loss 0.3": None}


def test_validation_takes_no_time_of_the_run(discs, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("mgres.experiments.comparison.trial.time.perf_counter", lambda: clock[0])
    trial = Trial(replace(discs, batch_size=50), 100)

    def validate(theta, X, y):
        clock[0] += 100
        return 0.5

    trial._nets[32].__dict__["accuracy"] = validate
    next(trial.batches())
    clock[0] += 3
    trial.at(discs.start(100))
    clock[0] += 4
    result = trial.result("finished")
    assert (result.seconds, result.validation_seconds, result.validations) == (7, 100, 1)


def test_coarse_levels_reach_no_target(bend):
    trial = Trial(bend, 100)
    trial.below(0.0, trial.net.with_depth(32).init(0))
    assert set(trial.reached.values()) == {None}
    coarse = trial.f.coarsen(2)
    coarse.value(bend.net(100).with_depth(32).init(0))
    assert trial.result("finished").points == [[0.0, 0.0, 0.0, None]]
    with pytest.raises(Enough, match="targets"):
        trial.know(0.0)


@pytest.mark.parametrize("method", [multilevel.cascade, multilevel.recommended, multilevel.fmg])
def test_nested_iteration_is_charged_for_coarse_levels_and_the_evaluation_at_the_end(bend, method):
    target = str(bend.targets[1])
    result = run_trial(Trial(bend, 100, (target,)), method, NESTED)
    assert result.stopped == "targets"
    work = result.reached[target][0]
    assert work > 1
    if method is not multilevel.fmg:
        assert work < train(bend, "lbfgs", LBFGS).reached[target][0]
    assert result.points[0][0] < 1  # the first ones are coarse


def test_a_network_that_holds_the_target_is_prolonged_for_nothing(discs):
    """Validation is free: the first network has the accuracy, and so have the finer ones."""
    easy = replace(discs, depth=256, targets=(mgres.experiments.Target("accuracy", 0.0),))
    result = run_trial(Trial(easy, 100), multilevel.recommended, NESTED)
    assert result.reached["accuracy 0"][0] == 2 * 16 / 256  # a step of L-BFGS on 16 layers


def test_trying_a_coarse_point_on_the_finest_level_is_charged(bend):
    """Any loss will do: a step on 16 layers, two gradients, and a value on all 64."""
    any_loss = replace(bend, targets=(mgres.experiments.Target("loss", 100.0),))
    result = run_trial(Trial(any_loss, 100), multilevel.recommended, NESTED)
    assert result.reached["loss 100"][0] == pytest.approx(2 * 16 / 64 + 1 / 3)


def test_a_coarse_point_is_tried_on_the_finest_level_before_the_next_one(discs, monkeypatch):
    def ascend(*arguments):
        raise AssertionError("went up although the target was reached")

    monkeypatch.setattr(mgres.mgopt.Cascade, "ascend", ascend)
    easy = replace(discs, targets=(mgres.experiments.Target("accuracy", 0.0),))
    assert run_trial(Trial(easy, 100), multilevel.recommended, NESTED).stopped == "targets"


def test_the_plain_cascade_forgets_and_jumps_once(bend, monkeypatch):
    seen = []
    init = mgres.mgopt.Cascade.init

    def note(self, hierarchy, x):
        seen.append((self.state, [level.details["layers"] for level in hierarchy]))
        return init(self, hierarchy, x)

    monkeypatch.setattr(mgres.mgopt.Cascade, "init", note)
    run_trial(Trial(bend, 100), multilevel.cascade, NESTED)
    run_trial(Trial(bend, 100), multilevel.recommended, NESTED)
    assert seen == [("reset", [64, 16]), ("transfer", [64, 32, 16])]


@pytest.mark.parametrize("target", [0, 1])
def test_targets_can_be_waited_for_alone(discs, target):
    label = str(discs.targets[target])
    result = train(discs, "gd", GD, targets=(label,))
    assert list(result.reached) == [label]
    both = train(discs, "gd", GD)
    assert result.reached[label][0] == both.reached[label][0]


def test_budgets(bend):
    result = train(bend, "gd", {**GD, "learning_rate": 1e-4}, max_work_units=7.5)
    assert result.stopped == "work_units"
    assert set(result.reached.values()) == {None}
    assert result.work_units == 8
    assert 1.5e-2 < result.best["loss"] < 1
    result = train(bend, "gd", {**GD, "learning_rate": 1e-4}, max_seconds=0.0)
    assert result.stopped == "seconds"
    assert result.work_units <= 1


def test_divergence_is_a_miss(bend):
    linear = replace(bend, activation="relu")
    result = train(linear, "gd", {**GD, "learning_rate": 1e9})
    assert result.stopped == "diverged"
    assert set(result.reached.values()) == {None}
    assert all(p[2] is None or math.isfinite(p[2]) for p in result.points)


def test_frozen_blocks_stay(discs, monkeypatch):
    seen = []
    at = Trial.at
    monkeypatch.setattr(
        Trial, "at", lambda self, theta: (seen.append(theta.copy()), at(self, theta))
    )
    settings = {"optimizer": "adam", "learning_rate": 0.1, "metric": "time", "start": "smooth"}
    run_trial(Trial(discs, 100), single.train_frozen, settings)
    net, start = discs.net(100), discs.start(100, "smooth")
    blocks, opening = net.part("blocks"), net.part("opening")
    assert len(seen) > 1
    assert np.array_equal(seen[-1][blocks], start[blocks])
    assert not np.array_equal(seen[-1][opening], start[opening])


def test_paper_cycles_cost_what_formula_10_says(discs):
    settings = {"levels": 4, "learning_rate": 0.5, "metric": "euclidean", "start": "independent"}
    result = run_trial(Trial(discs, 100), multilevel.paper, settings)
    work = result.reached["accuracy 0.9"][0]
    assert work % mgres.Schedule.paper(4).work_units() == 0


@pytest.mark.parametrize("optimizer", single.OPTIMIZERS)
def test_fixed_parts_stay(bend, monkeypatch, optimizer):
    seen = []
    at = Trial.at
    monkeypatch.setattr(
        Trial, "at", lambda self, theta: (seen.append(theta.copy()), at(self, theta))
    )
    settings = single.grid(bend, optimizer, True)[0]
    train(bend, optimizer, settings, max_work_units=10)
    net, start = bend.net(100), bend.start(100, "smooth")
    for part in ("opening", "closing"):
        assert np.array_equal(seen[-1][net.part(part)], start[net.part(part)])
    assert not np.array_equal(seen[-1], start)

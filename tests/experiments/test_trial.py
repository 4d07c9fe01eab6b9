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

    vars(trial.net)["accuracy"] = validate
    next(trial.batches())
    clock[0] += 3
    trial.at(discs.start(100))
    clock[0] += 4
    result = trial.result("finished")
    assert (result.seconds, result.validation_seconds, result.validations) == (7, 100, 1)


def test_coarse_levels_reach_no_target(bend):
    trial = Trial(bend, 100)
    trial.below(0.0, bend.start(100))
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


def recommended_fit(problem, seed, **goal):
    """Train as `mgres.fit` does by itself, but from the problem's start."""
    _, f, X_val, y_val = objective(problem, seed)
    recipe = mgres.recommended(f, batches=problem.batch_size is not None)
    coarsest = recipe.hierarchy[len(recipe.hierarchy) - 1]
    return mgres.fit(
        f,
        problem.start(seed, "smooth", coarsest.details["layers"]),
        hierarchy=recipe.hierarchy,
        cycle=recipe.method,
        batch_size=problem.batch_size,
        validation=(X_val, y_val) if "target_accuracy" in goal else None,
        validate_every=problem.validate_every,
        seed=seed,
        **goal,
    )


@pytest.mark.parametrize("batch_size", [None, 50])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("seed", [100, 101])
def test_an_accuracy_costs_nested_iteration_what_fit_says(discs, batch_size, every, seed):
    problem = replace(discs, batch_size=batch_size, validate_every=every, targets=discs.targets[1:])
    fitted = recommended_fit(problem, seed, target_accuracy=1.0)
    result = run_trial(Trial(problem, seed), multilevel.recommended, NESTED)
    assert fitted.stopped == "accuracy"
    assert result.stopped == "targets"
    assert result.reached["accuracy 1"][0] == result.work_units == fitted.work_units


@pytest.mark.parametrize("target", [0, 1])
def test_a_loss_costs_nested_iteration_what_fit_says_up_to_the_evaluation(bend, target):
    goal = bend.targets[target]
    fitted = recommended_fit(bend, 100, target_loss=goal.value)
    result = run_trial(Trial(bend, 100, (str(goal),)), multilevel.recommended, NESTED)
    assert fitted.stopped == "loss"
    cycles = [r for r in fitted.history if r.cycle < fitted.history.cycles]
    assert cycles[-1].work_units < result.reached[str(goal)][0] <= fitted.work_units


def test_a_start_that_is_good_enough_costs_its_evaluation(bend, discs):
    any_loss = replace(bend, targets=(mgres.experiments.Target("loss", 100.0),))
    result = run_trial(Trial(any_loss, 100), multilevel.recommended, NESTED)
    assert result.reached["loss 100"][0] == pytest.approx(1 / 3)
    any_accuracy = replace(discs, targets=(mgres.experiments.Target("accuracy", 0.0),))
    result = run_trial(Trial(any_accuracy, 100), multilevel.recommended, NESTED)
    assert result.reached["accuracy 0"][0] == 0  # validation is free


def test_what_nobody_has_paid_for_reaches_no_target(bend):
    trial = Trial(replace(bend, targets=(mgres.experiments.Target("loss", 100.0),)), 100)
    hierarchy = trial.follow(mgres.resnet_hierarchy(trial.f, 2))
    theta = bend.start(100)
    hierarchy.finest.value(theta)
    hierarchy[1].objective.value(trial.net.with_depth(32).init(0))
    hierarchy.finest.value(theta)
    assert trial.reached == {"loss 100": None}
    with pytest.raises(Enough, match="targets"):
        hierarchy[0].objective.value(theta)


def test_a_loss_that_fit_sees_for_nothing_on_the_way_up_is_paid_for(bend, monkeypatch):
    """The coarse network stalls above the bound, and prolonged it is below."""
    stall = mgres.mgopt.Stall(0.01, 10)
    monkeypatch.setattr(multilevel, "_stall", lambda problem: stall)
    _, f, _, _ = objective(bend, 101)
    hierarchy = mgres.resnet_hierarchy(f, 2, factor=4, optimizer=mgres.LBFGS(30), metric="time")
    fitted = mgres.fit(
        f,
        bend.start(101, "smooth", 16),
        hierarchy=hierarchy,
        cycle=mgres.Cascade(stall, "reset"),
        max_work_units=100,
    )
    first = next(k for k, r in enumerate(fitted.history) if r.cycle > 0 and r.level == 0)
    below, arrived = fitted.history[first - 1 : first + 1]
    assert arrived.loss < below.loss
    between = mgres.experiments.Target("loss", (arrived.loss + below.loss) / 2)
    trial = Trial(replace(bend, targets=(between,)), 101)
    result = run_trial(trial, multilevel.cascade, NESTED)
    assert result.reached[str(between)][0] == pytest.approx(arrived.work_units + 1 / 3)


def test_fit_does_not_validate_on_the_time_of_the_run(discs, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("mgres.experiments.comparison.trial.time.perf_counter", lambda: clock[0])
    accuracy = mgres.ResNet.accuracy
    step = mgres.Cascade.step

    def validate(*arguments):
        clock[0] += 1000
        return accuracy(*arguments)

    def work(*arguments):
        clock[0] += 1
        return step(*arguments)

    monkeypatch.setattr(mgres.ResNet, "accuracy", validate)
    monkeypatch.setattr(mgres.Cascade, "step", work)
    trial = Trial(replace(discs, targets=discs.targets[1:], max_seconds=1e6), 100)
    result = run_trial(trial, multilevel.recommended, NESTED)
    cycles = recommended_fit(discs, 100, target_accuracy=1.0).history.cycles
    assert result.reached["accuracy 1"][1] == result.seconds == cycles
    assert all(point[1] <= cycles for point in result.points)


def test_nested_iteration_works_towards_one_target(bend):
    with pytest.raises(ValueError, match="too many"):
        run_trial(Trial(bend, 100), multilevel.recommended, NESTED)


@pytest.mark.parametrize("method", [multilevel.cascade, multilevel.fmg])
def test_on_the_finest_level_nested_iteration_goes_on_to_the_end_of_its_budget(bend, method):
    never = replace(bend, targets=(mgres.experiments.Target("loss", 0.0),))
    result = run_trial(Trial(never, 100), method, NESTED)
    assert result.stopped == "work_units"


def test_the_plain_cascade_forgets_and_jumps_once(bend, monkeypatch):
    seen = []
    init = mgres.mgopt.Cascade.init

    def note(self, hierarchy, x):
        seen.append((self.state, [level.details["layers"] for level in hierarchy]))
        return init(self, hierarchy, x)

    monkeypatch.setattr(mgres.mgopt.Cascade, "init", note)
    target = (str(bend.targets[0]),)
    run_trial(Trial(bend, 100, target), multilevel.cascade, NESTED)
    run_trial(Trial(bend, 100, target), multilevel.recommended, NESTED)
    assert seen == [("reset", [64, 16]), ("reset", [64, 16, 16])]


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
    target = (str(bend.targets[0]),)
    for batch_size in (None, 20):
        wild = replace(linear, batch_size=batch_size)
        settings = {"optimizer": "adam", "learning_rate": 1e30}
        result = run_trial(Trial(wild, 100, target), multilevel.cascade, settings)
        assert result.stopped == "diverged"
        assert set(result.reached.values()) == {None}


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

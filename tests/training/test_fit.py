"""What `fit` computes, when it stops, and what it counts."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import mgres
from mgres.mgopt import Armijo, Level
from mgres.resnet import reference

RUN = importlib.import_module("mgres.training.loop")


def plain_gradient_descent(f, theta, rate, beta, batches):
    """Algorithm 2 or 3 of the paper with one level, in NumPy alone."""
    net = f.net
    theta = theta.copy()
    losses = []
    for X, y in batches:
        targets = np.eye(net.n_outputs)[y]
        loss, gradient = reference.value_and_grad(net, f.loss, theta, X, targets)
        p, g = net.views(theta), net.views(gradient)
        for name in ("W", "b", "W_out", "b_out"):  # Q is not penalised
            part = getattr(p, name)
            loss += beta * (part**2).sum()
            getattr(g, name)[...] += 2 * beta * part
        losses.append(loss)
        theta -= rate * gradient
    return theta, losses


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_single_level_is_gradient_descent(make_problem, activation):
    problem = make_problem(depth=8, dtype=np.float64, activation=activation)
    f, X, y = problem.f, problem.f.samples.X, problem.f.samples.y
    h = mgres.resnet_hierarchy(f, 1, optimizer=mgres.GradientDescent(0.3))
    result = mgres.fit(f, problem.theta, hierarchy=h, max_cycles=25)
    theta, losses = plain_gradient_descent(f, problem.theta, 0.3, 1e-3, [(X, y)] * 25)
    np.testing.assert_allclose(result.theta, theta, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(result.history.column("loss")[:-1], losses, rtol=1e-12)
    assert losses[-1] < 0.9 * losses[0]


def test_single_level_with_batches_is_stochastic_gradient_descent(make_problem, evaluations):
    problem = make_problem(depth=8, dtype=np.float64)
    f = problem.f
    result = mgres.fit(f, problem.theta, levels=1, batch_size=13, max_cycles=12)
    batches = [(e.X, e.y) for e in evaluations if e.kind == "value_and_grad"]
    theta, _ = plain_gradient_descent(f, problem.theta, 0.1, 1e-3, batches)
    np.testing.assert_allclose(result.theta, theta, rtol=1e-10, atol=1e-13)


def test_a_cycle_of_fit_is_a_cycle_of_the_engine(problem):
    h = mgres.resnet_hierarchy(problem.f, 3)
    cycle = mgres.VCycle(mgres.Schedule.parse("[2/1, 1, {3}]"))
    theta = problem.theta.copy()
    state = cycle.init(h, theta)
    for _ in range(4):
        cycle.step(h, theta, state)
    result = mgres.fit(problem.f, problem.theta, hierarchy=h, cycle=cycle, max_cycles=4)
    np.testing.assert_array_equal(result.theta, theta)


def test_optimizer_state_lives_from_cycle_to_cycle(problem):
    h = mgres.resnet_hierarchy(problem.f, 1, optimizer=mgres.Momentum(0.1))
    together = mgres.fit(problem.f, problem.theta, hierarchy=h, max_cycles=2)
    first = mgres.fit(problem.f, problem.theta, hierarchy=h, max_cycles=1)
    apart = mgres.fit(problem.f, first.theta, hierarchy=h, max_cycles=1)
    assert not np.array_equal(together.theta, apart.theta)


@pytest.mark.parametrize("batch_size", [None, 20])
def test_start_is_not_changed(problem, batch_size):
    theta = problem.theta
    before = theta.copy()
    theta.flags.writeable = False
    result = mgres.fit(problem.f, theta, levels=3, batch_size=batch_size, max_cycles=3)
    np.testing.assert_array_equal(theta, before)
    assert not np.shares_memory(result.theta, theta)
    assert not np.array_equal(result.theta, theta)
    assert not np.shares_memory(mgres.fit(problem.f, theta, max_cycles=0).theta, theta)


def test_default_start_is_that_of_the_seed(problem):
    for seed in (0, 7):
        result = mgres.fit(problem.f, max_cycles=0, seed=seed)
        np.testing.assert_array_equal(result.theta, problem.net.init(seed))


@pytest.mark.parametrize("batch_size", [None, 64])
def test_same_seed_same_bits_for_any_number_of_threads(make_problem, batch_size):
    problem = make_problem(depth=32, n=300)
    results = []
    for threads in (1, 2, 4, 1):
        mgres.set_num_threads(threads)
        results.append(
            mgres.fit(
                problem.f,
                levels=3,
                batch_size=batch_size,
                max_cycles=4,
                validation=problem.validation,
                seed=11,
            )
        )
    for result in results[1:]:
        np.testing.assert_array_equal(result.theta, results[0].theta)
        for name in ("loss", "accuracy", "work_units", "epoch", "corrections"):
            assert result.history.column(name) == results[0].history.column(name)
    assert not np.array_equal(results[0].theta, mgres.fit(problem.f, max_cycles=4, seed=12).theta)


# ---- stopping ------------------------------------------------------------------------------------


def test_stops_at_the_accuracy(make_problem):
    problem = make_problem(n=400)
    result = mgres.fit(problem.f, levels=3, validation=problem.validation, target_accuracy=0.9)
    accuracy = result.history.column("accuracy")
    assert result.stopped == "accuracy"
    assert accuracy[-1] >= 0.9 > max(accuracy[:-1])
    assert accuracy[-1] == problem.net.accuracy(result.theta, *problem.validation)


def test_accuracy_is_asked_for_every_so_many_cycles(make_problem):
    problem = make_problem(n=400)
    result = mgres.fit(
        problem.f,
        levels=3,
        validation=problem.validation,
        validate_every=4,
        target_accuracy=0.9,
    )
    accuracy = result.history.column("accuracy")
    assert result.stopped == "accuracy"
    assert [a is not None for a in accuracy] == [i % 4 == 0 for i in range(len(accuracy))]
    assert (len(accuracy) - 1) % 4 == 0


def test_stops_at_the_loss(problem):
    result = mgres.fit(problem.f, problem.theta, levels=2, target_loss=0.5)
    loss = result.history.column("loss")
    assert result.stopped == "loss"
    assert loss[-1] <= 0.5 < min(loss[:-1])
    assert loss[-1] == problem.f.value(result.theta)


def test_loss_is_that_of_the_batch_in_use(problem, evaluations):
    result = mgres.fit(problem.f, problem.theta, levels=1, batch_size=20, max_cycles=3)
    last = evaluations[-2]  # before that of the result, on all samples
    f = mgres.ResNetObjective(problem.net, last.X, last.y, regularizer=problem.f.regularizer)
    assert len(last.X) == 20
    assert result.history[-2].loss == f.value(result.theta)
    assert result.history[-1].loss == problem.f.value(result.theta)
    assert result.history[0].loss == problem.f.value(problem.theta)


def test_stops_at_the_work_units(problem):
    result = mgres.fit(problem.f, levels=2, max_work_units=10)  # 3 a cycle
    assert result.stopped == "work_units"
    assert result.history.column("work_units") == [0, 3, 6, 9, 12]
    assert mgres.fit(problem.f, levels=2, max_work_units=9).work_units == 9


def test_stops_at_the_seconds(problem, monkeypatch):
    ticks = iter(range(0, 1000, 2))
    monkeypatch.setattr(RUN.time, "perf_counter", lambda: next(ticks))
    result = mgres.fit(problem.f, max_seconds=5)
    assert result.stopped == "seconds"
    assert result.history.column("seconds") == [0, 2, 4, 6]


def test_seconds_are_real(problem):
    result = mgres.fit(problem.f, max_seconds=1e-9)
    assert result.stopped == "seconds"
    assert len(result.history) == 2
    assert 0 < result.history[-1].seconds < 10


def test_stops_at_the_cycles(problem):
    result = mgres.fit(problem.f, max_cycles=3)
    assert result.stopped == "cycles"
    assert result.history.column("cycle") == [0, 1, 2, 3]


def test_stops_when_a_callback_wishes(problem):
    calls = []

    def third(record, theta):
        calls.append("third")
        return record.cycle == 3

    def witness(record, theta):
        calls.append("witness")

    result = mgres.fit(problem.f, callbacks=[third, witness])
    assert result.stopped == "callback"
    assert len(result.history) == 4
    assert calls == ["third", "witness"] * 3  # all callbacks see every cycle


def test_a_limit_takes_precedence_over_a_callback(problem):
    result = mgres.fit(problem.f, max_cycles=2, callbacks=[lambda record, theta: record.cycle == 2])
    assert result.stopped == "cycles"


def test_limits_have_an_order(problem):
    everything = {
        "target_accuracy": 0.0,
        "target_loss": 1e9,
        "max_work_units": 0,
        "max_seconds": 0,
        "max_cycles": 0,
    }
    reasons = ["accuracy", "loss", "work_units", "seconds", "cycles"]
    for reason in reasons:
        result = mgres.fit(problem.f, validation=problem.validation, **everything)
        assert result.stopped == reason
        assert len(result.history) == 1  # reached before the first cycle
        assert result.work_units == 0
        del everything[next(iter(everything))]


def test_callback_gets_record_and_parameters_of_the_cycle(problem, diary):
    result = mgres.fit(problem.f, levels=2, max_cycles=4, callbacks=[diary])
    assert [record for record, _ in diary] == list(result.history[1:])
    np.testing.assert_array_equal(diary[-1][1], result.theta)
    for record, theta in diary:
        assert record.loss == problem.f.value(theta)


# ---- work ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("batch_size", [None, 20])
def test_work_units_are_those_of_the_formula(problem, levels, batch_size):
    schedule = mgres.Schedule.paper(levels)
    h = mgres.resnet_hierarchy(problem.f, levels)
    result = mgres.fit(
        problem.f,
        hierarchy=h,
        batch_size=batch_size,
        max_cycles=6,
        validation=problem.validation,
        callbacks=[lambda record, theta: None],
    )
    per_cycle = schedule.work_units()
    assert result.history.column("work_units")[:7] == [i * per_cycle for i in range(7)]
    assert result.work_units == 6 * per_cycle
    assert h.work.values == [0] * levels  # validation and the loss of the records are not work


def test_fit_makes_no_other_evaluations_than_it_says(problem, evaluations):
    mgres.fit(problem.f, levels=2, max_cycles=5, validation=problem.validation)
    gradients = [e.depth for e in evaluations if e.kind == "value_and_grad"]
    # (1) on 16 layers: a step and the coupling; {2} on 8: the coupling serves as the first step
    assert sorted(gradients) == [8] * 10 + [16] * 10
    assert all(e.depth == 16 for e in evaluations if e.kind == "value")


def test_line_searches_are_work(problem):
    h = mgres.resnet_hierarchy(problem.f, 3)
    cycle = mgres.VCycle(mgres.Schedule.paper(3), line_search=Armijo())
    result = mgres.fit(problem.f, hierarchy=h, cycle=cycle, max_cycles=3)
    work = h.work
    assert work.values[0] >= 3
    assert work.values[1] >= 3
    costs = [1, 0.5, 0.25]
    spent = zip(costs, work.gradients, work.values, strict=True)
    assert result.work_units == pytest.approx(sum(c * (g + v / 3) for c, g, v in spent))


def test_work_of_earlier_runs_does_not_count(problem):
    h = mgres.resnet_hierarchy(problem.f, 2)
    first = mgres.fit(problem.f, hierarchy=h, max_cycles=2)
    second = mgres.fit(problem.f, hierarchy=h, max_work_units=6)
    assert first.work_units == second.work_units == 6
    assert h.work.total == 12


def test_seconds_are_those_of_the_cycles(problem, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(RUN.time, "perf_counter", lambda: clock[0])
    accuracy = type(problem.net).accuracy

    def slow_accuracy(*args):
        clock[0] += 1000
        return accuracy(*args)

    gradient = type(problem.f).value_and_grad

    def slow_gradient(*args):
        clock[0] += 1
        return gradient(*args)

    monkeypatch.setattr(type(problem.net), "accuracy", slow_accuracy)
    monkeypatch.setattr(type(problem.f), "value_and_grad", slow_gradient)
    result = mgres.fit(problem.f, levels=1, max_cycles=3, validation=problem.validation)
    assert result.history.column("seconds") == [0, 1, 2, 3]


# ---- hierarchies ---------------------------------------------------------------------------------


def test_levels_follow_the_schedule(problem):
    cycle = mgres.VCycle(mgres.Schedule.parse("[1, 1, {4}]"))
    result = mgres.fit(problem.f, cycle=cycle, max_cycles=1)
    assert result.work_units == cycle.schedule.work_units()
    assert len(result.history[-1].corrections) == 2


def test_default_is_the_recommended_recipe(problem):
    recipe = mgres.recommended(problem.f)
    by_hand = mgres.fit(
        problem.f, recipe.start(0), hierarchy=recipe.hierarchy, cycle=recipe.method, max_cycles=7
    )
    result = mgres.fit(problem.f, max_cycles=7)
    np.testing.assert_array_equal(result.theta, by_hand.theta)
    assert result.history[-1].corrections == ()


def test_corrections_are_reported(problem):
    result = mgres.fit(problem.f, levels=3, max_cycles=2)
    assert result.history[0].corrections == ()
    for record in result.history[1:]:
        assert [c.level for c in record.corrections] == [1, 0]
        assert all(c.accepted and c.alpha == 1 and c.slope < 0 for c in record.corrections)


def test_finest_objective_must_be_f(make_problem):
    problem, other = make_problem(), make_problem()
    h = mgres.resnet_hierarchy(other.f, 2)
    with pytest.raises(ValueError, match="hierarchy: its finest objective must be f itself"):
        mgres.fit(problem.f, hierarchy=h)
    # a hierarchy made of another one's levels is as good as that
    again = mgres.Hierarchy(Level(l.objective, l.optimizer, l.transfer, l.metric) for l in h)
    assert mgres.fit(other.f, hierarchy=again, max_cycles=1).stopped == "cycles"


def test_double_precision(make_problem):
    problem = make_problem(dtype=np.float64)
    result = mgres.fit(problem.f, levels=3, max_cycles=2)
    assert result.theta.dtype == np.float64
    single = make_problem()
    theta = problem.theta.astype(np.float32)
    double = mgres.fit(problem.f, theta.astype(np.float64), levels=3, max_cycles=2)
    np.testing.assert_allclose(
        mgres.fit(single.f, theta, levels=3, max_cycles=2).theta, double.theta, rtol=2e-4, atol=2e-6
    )

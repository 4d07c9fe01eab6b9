"""What comes back is the best that was paid for, and what is reported is what comes back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import mgres
from mgres.mgopt import MaxSteps, Stall
from mgres.training.loop import Run

BUDGETS = (0.1, 0.7, 1.5, 3.0, 6.0, 12.0, 25.0, 50.0)


@pytest.fixture(scope="module")
def f():
    """Spirals by 256 layers: coarse networks fit their own discretisation error."""
    X, y, *_ = mgres.datasets.spirals(3, 150, 10)
    net = mgres.ResNet(2, 4, 2, 256, final_time=10.0, activation="tanh", dtype=np.float64)
    return mgres.ResNetObjective(net, X.astype(np.float64), y)


def stop_at(cycle, how):
    def callback(record, theta):
        if record.cycle == cycle:
            return how()
        return False

    return callback


def interrupt():
    raise KeyboardInterrupt


def fail():
    raise RuntimeError("a callback's own")


def ended(f, **arguments):
    """Return the result, however the run ended."""
    try:
        return mgres.fit(f, seed=1, **arguments)
    except (mgres.DivergenceError, mgres.TrainingInterrupted, RuntimeError) as error:
        return error.result


WAYS = {
    "work units": {"max_work_units": 3.1},
    "cycles": {"max_cycles": 70},
    "seconds": {"max_seconds": 0.02},
    "callback": {"callbacks": [stop_at(70, lambda: True)]},
    "interrupt": {"callbacks": [stop_at(70, interrupt)]},
    "error": {"callbacks": [stop_at(70, fail)]},
    "one cycle": {"max_cycles": 1},
    "loss": {"target_loss": 0.3},
}
METHODS = {
    "recommended": {},
    "cascade": {"method": "cascade"},
    "fmg": {"method": "fmg", "levels": 3},
    "V": {"method": "V", "levels": 3},
    "Adam": {"method": "single", "optimizer": mgres.Adam(1.0)},  # whose loss goes up and down
    "plain cascade": {"cycle": mgres.Cascade(Stall(0.5, 10))},
}


def assert_honest(f, result):
    """What comes back is the best that is known, and the last record is about it."""
    last = result.history[-1]
    assert f.value(result.theta) == last.loss == last.finest
    assert last.level == 0
    assert last.loss <= result.history[0].loss
    assert last.work_units == result.work_units
    if result.stopped != "loss":
        assert last.loss == min(r.finest for r in result.history if r.finest is not None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
def test_what_comes_back_is_what_is_reported_and_no_worse_than_the_start(f, method, way):
    assert_honest(f, ended(f, **METHODS[method], **WAYS[way]))


def hand_back_the_coarse_point(run, reason):
    return run.theta, run._best.value


def report_the_coarse_loss(run, reason):
    theta, _ = ANSWER(run, reason)
    return theta, run.history[-1].loss


def hand_back_the_first_point(run, reason):
    return run._start.point, ANSWER(run, reason)[1]


ANSWER = Run._answer


class Drifts(mgres.GradientDescent):
    """An optimiser that leads away."""

    def step(self, f, x, state):
        value = super().step(f, x, state)
        x += 1
        return value


@pytest.mark.parametrize("way", ["cycles", "callback", "interrupt", "error"])
@pytest.mark.parametrize(
    "mutant", [None, hand_back_the_coarse_point, report_the_coarse_loss, hand_back_the_first_point]
)
def test_other_answers_are_noticed(f, monkeypatch, mutant, way):
    optimizers = [mgres.LBFGS(), mgres.LBFGS(), Drifts(1e-3)]
    hierarchy = mgres.resnet_hierarchy(f, 3, optimizer=optimizers, metric="time")
    how = {"callback": lambda: True, "interrupt": interrupt, "error": fail}.get(way)
    ends = {"max_cycles": 5} if how is None else {"callbacks": [stop_at(5, how)]}
    if mutant is hand_back_the_first_point:  # which is noticed where training helps
        hierarchy = mgres.resnet_hierarchy(f, 3, optimizer=mgres.LBFGS(), metric="time")
    if mutant is not None:
        monkeypatch.setattr(Run, "_answer", mutant)
    result = ended(f, hierarchy=hierarchy, cycle=mgres.Cascade(MaxSteps(1000)), **ends)
    assert result.history[-2].level == 2
    if mutant is None:
        assert_honest(f, result)
        assert result.history[-2].loss != result.history[-1].loss
    else:
        with pytest.raises(AssertionError):
            assert_honest(f, result)


# without a judge nobody asks the finest network on the way
@pytest.mark.parametrize("method", [name for name in METHODS if name != "plain cascade"])
@pytest.mark.parametrize("limit", ["max_work_units", "max_cycles"])
def test_a_larger_budget_never_gives_a_worse_answer(f, method, limit):
    budgets = BUDGETS if limit == "max_work_units" else (0, 1, 2, 3, 5, 10, 20, 40, 80, 160)
    losses = [ended(f, **METHODS[method], **{limit: b}).history[-1].loss for b in budgets]
    for smaller, larger in itertools.pairwise(losses):
        assert larger <= smaller


@pytest.mark.parametrize("final_time", [2.0, 5.0, 10.0])
def test_the_smallest_budgets_are_no_exception(final_time):
    # coarse layers of a long time may lead away before they lead anywhere
    X, y, *_ = mgres.datasets.spirals(2, 40, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 128, final_time), X, y)
    for seed in range(4):
        losses = [mgres.fit(f, max_cycles=b, seed=seed).history[-1].loss for b in range(1, 60, 4)]
        assert losses == sorted(losses, reverse=True)


def test_a_start_that_meets_the_goal_is_handed_back(f):
    theta = f.net.init(7)  # independent layers: no coarse network is like it
    for goal in ({"target_loss": f.value(theta) + 0.1}, {"target_accuracy": 0.0}):
        result = mgres.fit(f, theta, validation=(f.samples.X, f.samples.y), **goal)
        np.testing.assert_array_equal(result.theta, theta)
        assert (result.work_units, len(result.history)) == (0, 1)


@pytest.fixture(scope="module")
def easy():
    """Circles, where the coarsest network has nothing to leave to the finest."""
    X, y, *_ = mgres.datasets.circles(1, 400, 10)
    return mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 256), X, y)


@pytest.mark.parametrize("goal", [{"target_loss": 0.1}, {"target_accuracy": 0.98}], ids=str)
@pytest.mark.parametrize("method", ["recommended", "cascade", "fmg"])
def test_a_goal_that_a_coarse_network_meets_ends_training_there(easy, method, goal):
    data = easy.samples.X, easy.samples.y
    options = {**METHODS[method], **goal, "seed": 1, "max_work_units": 50}
    result = mgres.fit(easy, validation=data, **options)
    assert result.stopped == next(iter(goal)).removeprefix("target_")
    *before, last = result.history
    assert min(record.level for record in before[1:]) > 0
    assert last.level == 0
    assert last.loss == easy.value(result.theta)
    assert last.loss <= goal.get("target_loss", np.inf)
    assert last.accuracy == easy.net.accuracy(result.theta, *data)
    assert last.accuracy >= goal.get("target_accuracy", 0)
    assert [record.cycle for record in result.history] == [*range(result.history.cycles + 1)]
    assert len(result.history) < 20  # and no step more than the goal needs


def test_looking_for_a_goal_on_the_finest_network_is_work(easy):
    h = mgres.resnet_hierarchy(easy, 3, optimizer=mgres.LBFGS(), metric="time")
    cascade = mgres.Cascade(MaxSteps(1000))  # has no judge that would ask as well
    result = mgres.fit(easy, hierarchy=h, cycle=cascade, seed=1, target_loss=0.1)
    assert result.history[-2].level == 2
    assert h.work.counts["gradients"][0] == 0
    assert h.work.counts["values"][0] >= 1


def test_where_nothing_is_left_to_gain_training_ends():
    X = np.random.default_rng(0).standard_normal((30, 2)).astype(np.float32)
    net = mgres.ResNet(2, 4, 1, 128, final_time=10.0, activation="tanh")
    f = mgres.ResNetObjective(net, X, np.zeros((30, 1), np.float32), "squared_error")
    result = mgres.fit(f, seed=0)  # all is rounding in the end
    assert result.stopped == "stalled"
    assert result.history[-1].loss < 1e-7
    assert result.work_units < 400  # and not 1,000 in line searches that fail


def test_a_lucky_batch_is_no_goal(f):
    rough = {"method": "single", "optimizer": mgres.Adam(0.3), "batch_size": 1}
    for seed in range(5):
        result = mgres.fit(f, seed=seed, target_loss=0.05, max_cycles=30, **rough)
        assert f.value(result.theta) == result.history[-1].loss <= result.history[0].loss


def test_a_goal_that_never_holds_above_does_not_blind_the_judge(f):
    free = mgres.fit(f, seed=1, max_work_units=40.0)
    goal = 0.999 * free.history[-1].loss
    bound = mgres.fit(f, seed=1, max_work_units=40.0, target_loss=goal)
    asked = sum(r.finest is not None and r.level > 0 for r in bound.history)
    assert asked <= 60  # a third of a work unit each, with as much work in between
    assert bound.history[-1].loss <= 10 * free.history[-1].loss


def test_an_interruption_on_the_way_up_keeps_the_coarse_point(f, monkeypatch):
    steps = 20  # the last of them ends on the finest level
    h = mgres.resnet_hierarchy(f, 2, optimizer=mgres.Adam(0.01), metric="time")
    options = {"hierarchy": h, "cycle": mgres.Cascade(MaxSteps(steps)), "batch_size": 50, "seed": 1}
    start = f.net.init(1, coarse_depth=128)
    expected = mgres.fit(f, start, max_cycles=steps - 1, **options)
    assert expected.history[-1].loss < expected.history[0].loss
    original = Run._record

    def press(self, number, epoch, report, level, point, *args, **options):
        if number == steps and level == 0:
            raise KeyboardInterrupt
        return original(self, number, epoch, report, level, point, *args, **options)

    monkeypatch.setattr(Run, "_record", press)
    with pytest.raises(mgres.TrainingInterrupted) as info:
        mgres.fit(f, start, **options)
    np.testing.assert_array_equal(info.value.result.theta, expected.theta)


def test_records_say_which_network_a_loss_belongs_to(f):
    result = mgres.fit(f, seed=1, max_work_units=5.0)
    recipe = mgres.recommended(f)
    seen = []

    def check(record, theta):
        objective = recipe.hierarchy.coarser(record.level).finest
        seen.append(record.level)
        assert objective.size < f.size or record.level == 0
        if record.level == 0:
            assert f.value(theta) == record.loss

    mgres.fit(f, seed=1, max_work_units=5.0, callbacks=[check])
    assert max(seen) == len(recipe.hierarchy) - 1
    coarse = [r for r in result.history if r.level > 0]
    assert any(r.finest is None for r in coarse)
    assert any(r.finest is not None for r in coarse)


def test_on_batches_the_last_record_is_about_all_samples(f):
    for budget in (1.0, 30.0):
        result = mgres.fit(f, seed=1, batch_size=50, max_work_units=budget)
        assert f.value(result.theta) == result.history[-1].loss
        assert result.history[-1].loss <= result.history[0].loss


def test_the_progress_display_ends_with_the_answer(f, capsys):
    result = mgres.fit(f, seed=1, max_work_units=3.0, progress=True, label="run")
    lines = capsys.readouterr().err.splitlines()
    assert f"loss {result.history[-1].loss:.4g}" in lines[-1]
    assert "level" not in lines[-1]


def test_a_plan_is_printed_with_its_expected_work(f):
    text = str(mgres.recommended(f))
    assert "expected work: level 4" in text
    assert "before level 0 takes over" in text


def test_methods_have_one_meaning_by_name(f):
    result = mgres.fit(f, seed=1, method="V", levels=3, optimizer=mgres.LBFGS(), max_cycles=3)
    h = mgres.resnet_hierarchy(f, 3, optimizer=mgres.LBFGS(), metric="time")
    cycle = mgres.VCycle(mgres.Schedule.paper(3), mgres.Armijo())
    start = f.net.init(1, coarse_depth=64)
    expected = mgres.fit(f, start, hierarchy=h, cycle=cycle, max_cycles=3)
    np.testing.assert_array_equal(result.theta, expected.theta)
    paper = mgres.fit(f, seed=1, method="paper", levels=3, max_cycles=3)
    np.testing.assert_array_equal(paper.theta, mgres.fit(f, seed=1, levels=3, max_cycles=3).theta)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "Z"}, "cycle: expected one of"),
        ({"method": "recommended", "levels": 3}, "cycle: 'recommended' chooses levels"),
        ({"optimizer": mgres.LBFGS(), "levels": 3}, "optimizer: expected with method"),
        ({"method": "V", "cycle": mgres.Cascade()}, "method: expected without hierarchy and cycle"),
        ({"method": "paper", "optimizer": mgres.LBFGS()}, "cycle: 'paper' has the paper's"),
    ],
)
def test_methods_that_do_not_fit_are_named(f, arguments, message):
    with pytest.raises(ValueError, match=message):
        mgres.fit(f, **arguments)

"""Runs that do not end as planned keep what they have reached."""

from __future__ import annotations

import json
import math
import signal

import numpy as np
import pytest

import mgres
from mgres.training.checkpoints.resume import stored_history
from mgres.training.checkpoints.writer import Keeper


def blow_up(x):
    x[0] = np.inf


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("harm", [blow_up, lambda x: x.fill(np.nan)], ids=["inf", "nan"])
def test_divergence_keeps_the_last_finite_state(problem, broken_cycle, diary, levels, harm):
    cycle = broken_cycle(levels, at=4, harm=harm)
    with pytest.raises(mgres.DivergenceError, match=r"in cycle 4 \(it was 0\.\d+ before\)") as info:
        mgres.fit(problem.f, cycle=cycle, callbacks=[diary], validation=problem.validation)
    result = info.value.result
    assert isinstance(info.value, ArithmeticError)
    assert result.stopped == "divergence"
    assert "smaller learning rate" in str(info.value)
    assert result.history.column("cycle") == [0, 1, 2, 3]
    np.testing.assert_array_equal(result.theta, diary[-1][1])
    assert problem.f.value(result.theta) == result.history[-1].loss
    assert result.work_units == 3 * cycle.schedule.work_units()


@pytest.mark.parametrize("metric", ["euclidean", "time"])
@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("rate", [1e30, 1e300])
@pytest.mark.parametrize("optimizer", [mgres.GradientDescent, mgres.Momentum, mgres.Adam])
def test_real_divergence_is_told_once_and_without_warnings(
    problem, metric, levels, rate, optimizer
):
    h = mgres.resnet_hierarchy(problem.f, levels, optimizer=optimizer(rate), metric=metric)
    with pytest.raises(mgres.DivergenceError) as info:
        mgres.fit(problem.f, problem.theta, hierarchy=h)
    result = info.value.result
    assert np.isfinite(result.theta).all()
    assert math.isfinite(result.history[-1].loss)
    json.dumps(result.history.to_dicts(), allow_nan=False)


def test_divergence_before_the_end_of_the_first_cycle_keeps_the_start(problem, broken_cycle):
    with pytest.raises(mgres.DivergenceError, match="in cycle 1") as info:
        mgres.fit(problem.f, problem.theta, cycle=broken_cycle(1, at=1, harm=blow_up))
    np.testing.assert_array_equal(info.value.result.theta, problem.theta)


@pytest.mark.parametrize("at", [1, 3, 5])
@pytest.mark.parametrize("optimizer", [mgres.LBFGS(), mgres.Adam(0.01)], ids=["lbfgs", "adam"])
def test_divergence_on_a_coarse_level_keeps_its_last_finite_point(problem, optimizer, at):
    class Explodes:
        """The optimiser of the coarsest level, which leaves the finite numbers in step `at`."""

        steps = 0

        def __getattr__(self, name):
            return getattr(optimizer, name)

        def step(self, f, x, state):
            self.steps += 1
            value = optimizer.step(f, x, state)
            if self.steps == at:
                x.fill(np.nan)
            return value

    points = []
    h = mgres.resnet_hierarchy(problem.f, 3, optimizer=[optimizer, optimizer, Explodes()])
    cascade = mgres.Cascade(stop=mgres.mgopt.MaxSteps(20))
    with pytest.raises(mgres.DivergenceError, match=f"in cycle {at}") as info:
        mgres.fit(
            problem.f,
            problem.theta,
            hierarchy=h,
            cycle=cascade,
            callbacks=[lambda record, theta: points.append(theta.copy())],
        )
    result = info.value.result
    assert result.history.column("cycle")[:at] == [*range(at)]
    assert result.history.column("level")[1:at] == [2] * (at - 1)
    # the last finite point of the coarse network, if it is better in the deep one than the start
    candidates = [problem.theta, [problem.theta, *points][-1]]
    best = min(candidates, key=problem.f.value)
    np.testing.assert_array_equal(result.theta, best)
    assert result.history[-1].loss == problem.f.value(best)
    assert result.history[-1].level == 0


def interrupt(x):
    x.fill(7)
    raise KeyboardInterrupt


@pytest.mark.parametrize("batch_size", [None, 20])
def test_interrupt_inside_a_cycle_keeps_the_last_complete_one(
    problem, broken_cycle, diary, batch_size
):
    cycle = broken_cycle(2, at=4, harm=interrupt)
    with pytest.raises(mgres.TrainingInterrupted) as info:
        mgres.fit(problem.f, cycle=cycle, batch_size=batch_size, callbacks=[diary])
    result = info.value.result
    assert result.stopped == "interrupted"
    assert result.history.column("cycle")[:4] == [0, 1, 2, 3]
    assert result.history.cycles == 3
    np.testing.assert_array_equal(result.theta, diary[-1][1])
    assert str(info.value) == "training interrupted after 3 complete cycles"


@pytest.mark.parametrize("arguments", [{"levels": 2}, {"batch_size": 20}, {}], ids=str)
def test_interrupt_before_a_complete_cycle_is_kept_still_keeps_it(
    problem, tmp_path, monkeypatch, arguments
):
    def note(self):
        if self._run.history[-1].cycle == 3:
            raise KeyboardInterrupt
        original(self)

    original = Keeper.note
    checkpoint = mgres.Checkpoint(tmp_path)
    whole = mgres.fit(problem.f, problem.theta, max_cycles=6, **arguments)
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "note", note)
        with pytest.raises(mgres.TrainingInterrupted) as info:
            mgres.fit(problem.f, problem.theta, checkpoint=checkpoint, **arguments)
    assert info.value.result.history[-1].cycle == 3
    assert stored_history(tmp_path)[-1].cycle == 3
    rest = mgres.fit(problem.f, problem.theta, max_cycles=6, resume=tmp_path, **arguments)
    np.testing.assert_array_equal(rest.theta, whole.theta)


def test_interrupt_is_a_keyboard_interrupt(problem):
    def press(record, theta):
        if record.cycle == 2:
            signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt) as info:
            mgres.fit(problem.f, levels=2, callbacks=[press])
    finally:
        signal.signal(signal.SIGINT, before)
    assert isinstance(info.value, mgres.TrainingInterrupted)
    result = info.value.result
    assert len(result.history) == 3
    assert problem.f.value(result.theta) == result.history[-1].loss


def test_training_goes_on_where_it_was_interrupted(problem, broken_cycle):
    with pytest.raises(mgres.TrainingInterrupted) as info:
        mgres.fit(problem.f, problem.theta, cycle=broken_cycle(2, at=4, harm=interrupt))
    rest = mgres.fit(problem.f, info.value.result.theta, levels=2, max_cycles=2)
    whole = mgres.fit(problem.f, problem.theta, levels=2, max_cycles=5)
    np.testing.assert_array_equal(rest.theta, whole.theta)


def test_other_errors_pass_through(problem):
    def fail(record, theta):
        raise RuntimeError("the callback's own")

    with pytest.raises(RuntimeError, match="the callback's own"):
        mgres.fit(problem.f, callbacks=[fail])


def test_an_error_in_a_callback_keeps_the_result(problem, tmp_path):
    def fail(record, theta):
        if record.cycle == 3:
            raise RuntimeError("the callback's own")

    whole = mgres.fit(problem.f, problem.theta, levels=2, max_cycles=3)
    with pytest.raises(RuntimeError) as info:
        mgres.fit(
            problem.f,
            problem.theta,
            levels=2,
            callbacks=[fail],
            checkpoint=mgres.Checkpoint(tmp_path),
        )
    np.testing.assert_array_equal(info.value.result.theta, whole.theta)
    assert info.value.result.stopped == "error"
    assert stored_history(tmp_path)[-1].cycle == 3

"""A run that goes on from a checkpoint is the run that was never stopped, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres.training.limits import Limits
from mgres.training.loop import Run

from .resumable import CYCLES, RUNS, assert_same, names


@pytest.mark.parametrize("name", RUNS)
def test_resumed_run_is_the_uninterrupted_one(tmp_path, start, whole, name):
    expected = whole(name)
    last = len(expected.history) - 1
    for cycles in {1, last // 2, last - 1}:
        folder = tmp_path / str(cycles)
        start(name, cycles, checkpoint=mgres.Checkpoint(folder))
        resumed = start(name, resume=folder)
        assert_same(resumed, expected)


@pytest.mark.parametrize("name", ["adam", "batches-fresh", "cascade-lbfgs", "cascade-adam"])
def test_run_that_stops_after_every_cycle_is_the_uninterrupted_one(tmp_path, start, whole, name):
    checkpoint = mgres.Checkpoint(tmp_path / "run")
    start(name, 0, checkpoint=checkpoint)
    for cycle in range(1, CYCLES + 1):
        result = start(name, cycle, checkpoint=checkpoint, resume=checkpoint.folder)
    assert_same(result, whole(name))


@pytest.fixture
def coarse_goals(monkeypatch):
    """Let coarse levels meet their goals now and then, but never the finest level.

    Points are then tried on the finest level, at a moment between two cycles.
    """
    tried = []
    original = Run._try_finest

    def spy(self, *args):
        tried.append(self.history[-1].cycle)
        original(self, *args)

    def goal(self, record):
        return record.level > 0 and (record.level + record.cycle) % 3 == 1

    monkeypatch.setattr(Run, "_try_finest", spy)
    monkeypatch.setattr(Limits, "goal", goal)
    return tried


NESTED = ["cascade-lbfgs", "cascade-judge", "cascade-adam", "cascade-fresh", "full-multigrid-lbfgs"]


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("goal", [{}, {"target_loss": 0.0}], ids=["accuracy", "loss"])
def test_goals_on_coarse_levels_are_met_alike(tmp_path, start, coarse_goals, name, goal):
    expected = start(name, **goal)
    assert coarse_goals
    for cycles in range(7):
        folder = tmp_path / str(cycles)
        checkpoint = mgres.Checkpoint(folder, every_cycles=1)
        start(name, cycles, checkpoint=checkpoint, **goal)
        assert_same(start(name, resume=folder, **goal), expected)


@pytest.mark.parametrize("name", NESTED)
def test_ctrl_c_at_any_evaluation_loses_no_complete_cycle(
    tmp_path, start, coarse_goals, monkeypatch, name
):
    expected = start(name, target_loss=0.0)
    for at in range(3, 12):
        folder = tmp_path / str(at)
        calls = []
        with monkeypatch.context() as patch:
            for kind in ("value", "value_and_grad"):
                original = getattr(mgres.ResNetObjective, kind)

                def press(self, *args, original=original, calls=calls, at=at):
                    calls.append(1)
                    if len(calls) == at:  # after two looks at the start
                        raise KeyboardInterrupt
                    return original(self, *args)

                patch.setattr(mgres.ResNetObjective, kind, press)
            with pytest.raises(mgres.TrainingInterrupted) as info:
                start(name, checkpoint=mgres.Checkpoint(folder), target_loss=0.0)
        assert names(folder) == [info.value.result.history.cycles]
        assert_same(start(name, resume=folder, target_loss=0.0), expected)


def test_resuming_in_another_process_is_bitwise_the_same(tmp_path, run_python):
    program = """
        import sys, mgres
        X, y, *_ = mgres.datasets.circles(3, 60, 40)
        f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 16), X, y)
        folder, cycles = sys.argv[1], int(sys.argv[2])
        checkpoint = mgres.Checkpoint(folder)
        resume = folder if checkpoint.exists else None
        options = {"batch_size": 17, "checkpoint": checkpoint, "resume": resume}
        result = mgres.fit(f, max_cycles=cycles, **options)
        print(result.theta.tobytes().hex(), result.work_units)
    """
    run_python(program, tmp_path / "parts", 5)
    parts = run_python(program, tmp_path / "parts", 9)
    whole = run_python(program, tmp_path / "whole", 9)
    assert parts.stdout == whole.stdout


def test_work_goes_on_from_the_ledger_of_the_checkpoint(tmp_path, make_problem):
    problem = make_problem()
    h = mgres.resnet_hierarchy(problem.f, 2)
    options = {"hierarchy": h, "checkpoint": mgres.Checkpoint(tmp_path / "run")}
    mgres.fit(problem.f, problem.theta, max_cycles=3, **options)
    before = h.work.counts
    mgres.fit(problem.f, problem.theta, hierarchy=h, max_cycles=4)  # work of something else
    again = mgres.fit(problem.f, problem.theta, max_cycles=3, resume=tmp_path / "run", hierarchy=h)
    assert h.work.counts == before
    assert again.work_units == again.history[-1].work_units == h.work.total


def test_work_before_training_does_not_count(tmp_path, make_problem):
    problem = make_problem()
    h = mgres.resnet_hierarchy(problem.f, 2)
    h.work.values[0] += 7
    first = mgres.fit(
        problem.f, hierarchy=h, max_cycles=3, seed=1, checkpoint=mgres.Checkpoint(tmp_path)
    )
    again = mgres.fit(problem.f, levels=2, max_cycles=3, seed=1, resume=tmp_path)
    assert again.work_units == first.work_units == again.history[-1].work_units
    longer = mgres.fit(problem.f, levels=2, max_cycles=4, seed=1, resume=tmp_path)
    whole = mgres.fit(problem.f, levels=2, max_cycles=4, seed=1)
    np.testing.assert_allclose(longer.work_units, whole.work_units, rtol=1e-12)


def test_seconds_go_on(tmp_path, start):
    first = start("gd", 3, checkpoint=mgres.Checkpoint(tmp_path))
    second = start("gd", 6, resume=tmp_path)
    assert second.history[3] == first.history[3]
    assert second.history[4].seconds > first.history[3].seconds


def test_limits_and_callbacks_may_change(tmp_path, start, diary):
    start("gd", 3, checkpoint=mgres.Checkpoint(tmp_path))
    result = start("gd", 50, resume=tmp_path, callbacks=[diary], max_work_units=40, validation=None)
    assert result.stopped == "work_units"
    assert diary[0][0].cycle == 4


def test_finished_run_does_no_more_work(tmp_path, start, evaluations):
    start("gd", 3, checkpoint=mgres.Checkpoint(tmp_path))
    evaluations.clear()
    result = start("gd", 3, resume=tmp_path)
    assert result.stopped == "cycles"
    assert {e.kind for e in evaluations} == {"value"}  # the usual look at the start

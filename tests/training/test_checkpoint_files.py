"""Which files a run leaves behind, however it ends."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import mgres
from mgres.training.checkpoints import writer as module

from .resumable import assert_same, names, v_cycle


@pytest.mark.parametrize(
    ("options", "cycles", "expected"),
    [
        ({"every_cycles": 3}, 10, [9, 10]),
        ({"every_cycles": 3, "keep": 10}, 10, [3, 6, 9, 10]),
        ({"every_cycles": 5, "keep": 1}, 10, [10]),
        ({"every_minutes": 0.0, "keep": 3}, 5, [3, 4, 5]),
        ({}, 5, [5]),
        ({"every_minutes": None}, 5, [5]),
        ({}, 0, [0]),
    ],
)
def test_the_last_files_are_kept(tmp_path, start, options, cycles, expected):
    folder = tmp_path / "new" / "run"
    start("gd", cycles, checkpoint=mgres.Checkpoint(folder, **options))
    assert names(folder) == expected


def test_files_are_written_when_minutes_have_passed(tmp_path, start, monkeypatch):
    now = [0.0]

    class Clock:
        monotonic = staticmethod(lambda: now[0])

    def tick(record, theta):
        now[0] += 25.0

    monkeypatch.setattr(module, "time", Clock)
    checkpoint = mgres.Checkpoint(tmp_path, every_minutes=1.0, keep=9)
    start("gd", 9, checkpoint=checkpoint, callbacks=[tick])
    assert names(tmp_path) == [4, 7, 9]


def test_going_on_keeps_the_last_files_of_both_runs(tmp_path, start):
    checkpoint = mgres.Checkpoint(tmp_path, every_cycles=2)
    start("gd", 4, checkpoint=checkpoint)
    start("gd", 5, checkpoint=checkpoint, resume=tmp_path)
    assert names(tmp_path) == [4, 5]


def test_single_file_may_be_resumed_and_newer_ones_go(tmp_path, start, whole):
    checkpoint = mgres.Checkpoint(tmp_path, every_cycles=1, keep=9)
    start("gd", 8, checkpoint=checkpoint)
    once = dataclasses.replace(checkpoint, every_cycles=None)
    start("gd", 5, checkpoint=once, resume=tmp_path / "checkpoint-00000003.safetensors")
    assert names(tmp_path) == [1, 2, 3, 4, 5]
    assert_same(start("gd", resume=tmp_path), whole("gd"))


def test_folder_of_another_run_is_not_mixed_up(tmp_path, start):
    checkpoint = mgres.Checkpoint(tmp_path / "a")
    start("gd", 2, checkpoint=checkpoint)
    with pytest.raises(ValueError, match="holds the checkpoints of another run: go on with it by"):
        start("gd", 2, checkpoint=checkpoint)
    start("gd", 2, checkpoint=mgres.Checkpoint(tmp_path / "b"))
    with pytest.raises(ValueError, match="another run"):
        start("gd", 2, checkpoint=checkpoint, resume=tmp_path / "b")


def test_what_a_killed_process_has_left_is_removed(tmp_path, start):
    litter = tmp_path / ".checkpoint-00000003.safetensors.abcd"
    litter.write_bytes(b"half")
    (tmp_path / "notes.txt").touch()
    checkpoint = mgres.Checkpoint(tmp_path)
    assert not checkpoint.exists
    start("gd", 1, checkpoint=checkpoint)
    assert checkpoint.exists
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"notes.txt", "checkpoint-00000001.safetensors"}


def test_the_safetensors_package_reads_a_checkpoint(tmp_path, start):
    safetensors = pytest.importorskip("safetensors")
    start("cascade-lbfgs", 5, checkpoint=mgres.Checkpoint(tmp_path))
    (path,) = tmp_path.iterdir()
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
        assert "history" in file.keys()  # noqa: SIM118
    assert (metadata["kind"], metadata["cycle"]) == ("checkpoint", "5")


# ---- interruptions -------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 17])
@pytest.mark.parametrize("optimizer", [mgres.Adam(0.01), mgres.LBFGS()], ids=["adam", "lbfgs"])
def test_ctrl_c_inside_a_cycle_keeps_the_last_complete_one(
    tmp_path, make_problem, monkeypatch, batch_size, optimizer
):
    def run(cycles=8, **options):
        problem = make_problem(n=40)
        h = mgres.resnet_hierarchy(problem.f, 2, optimizer=optimizer)
        arguments = {"hierarchy": h, "cycle": v_cycle(2, state="keep"), "max_cycles": cycles}
        return mgres.fit(problem.f, seed=2, batch_size=batch_size, **arguments, **options)

    calls = []
    original = mgres.ResNetObjective.value_and_grad

    def press(self, *args):
        calls.append(1)
        if len(calls) == 12:  # in the middle of a cycle: optimisers have moved on already
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(mgres.ResNetObjective, "value_and_grad", press)
        with pytest.raises(mgres.TrainingInterrupted) as info:
            run(checkpoint=mgres.Checkpoint(tmp_path))
    done = info.value.result.history.cycles
    assert 0 < done < 8
    assert names(tmp_path) == [done]
    assert info.value.folder == tmp_path
    assert str(info.value) == (
        f"training interrupted after {done} complete cycles; go on by the same call with "
        f"resume={str(tmp_path)!r}"
    )
    resumed = run(resume=tmp_path)
    assert_same(resumed, run())

    calls.clear()
    with monkeypatch.context() as patch:
        patch.setattr(mgres.ResNetObjective, "value_and_grad", press)
        with pytest.raises(mgres.TrainingInterrupted) as info:
            run(resume=tmp_path)
    again = info.value.result
    assert info.value.folder is None
    np.testing.assert_array_equal(again.theta, run(again.history.cycles).theta)


def test_ctrl_c_while_a_file_is_written_keeps_the_cycle(tmp_path, start, whole, monkeypatch):
    import os

    sync = os.fsync
    calls = []

    def press(descriptor):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", press)
        with pytest.raises(mgres.TrainingInterrupted, match="after 3 complete cycles; go on"):
            start("adam", checkpoint=mgres.Checkpoint(tmp_path, every_cycles=1))
    assert names(tmp_path) == [2, 3]
    assert_same(start("adam", resume=tmp_path), whole("adam"))


def test_ctrl_c_before_the_first_cycle_keeps_the_start(tmp_path, start, whole):
    def press(self, *args):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mgres.ResNetObjective, "value_and_grad", press)
        with pytest.raises(mgres.TrainingInterrupted):
            start("adam", checkpoint=mgres.Checkpoint(tmp_path))
    assert names(tmp_path) == [0]
    assert_same(start("adam", resume=tmp_path), whole("adam"))


def test_full_disk_does_not_end_training_but_is_told(tmp_path, start, whole, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_tensors", fail)
    with pytest.warns(UserWarning, match=r"checkpoint: not written: .*No space left") as told:
        result = start("gd", checkpoint=mgres.Checkpoint(tmp_path, every_cycles=6))
    assert_same(result, whole("gd"))
    assert len(told) == 1  # not for every cycle


def test_each_spell_without_room_is_told(tmp_path, start, monkeypatch):
    write, tried = module.write_tensors, []

    def fail_sometimes(*args):
        tried.append(None)
        if len(tried) in (1, 2, 4):
            raise OSError(28, "No space left on device")
        write(*args)

    monkeypatch.setattr(module, "write_tensors", fail_sometimes)
    with pytest.warns(UserWarning, match="checkpoint: not written") as told:
        start("gd", checkpoint=mgres.Checkpoint(tmp_path, every_cycles=2))
    assert len(tried) > 4
    assert len(told) == 2


def test_divergence_leaves_the_last_file(tmp_path, make_problem):
    problem = make_problem()
    h = mgres.resnet_hierarchy(problem.f, 2, optimizer=mgres.GradientDescent(1e30))
    with pytest.raises(mgres.DivergenceError):
        mgres.fit(problem.f, hierarchy=h, checkpoint=mgres.Checkpoint(tmp_path, every_cycles=1))

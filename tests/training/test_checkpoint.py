"""A run that goes on from a checkpoint is the run that was never stopped, bit for bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import mgres
from mgres.files import FormatError, read_tensors, write_tensors
from mgres.mgopt import (
    L1,
    AnyOf,
    GaussNewton,
    GradientReduction,
    MaxSteps,
    Race,
    Stall,
    TruncatedNewton,
)
from mgres.training import keeper as module
from mgres.training.arguments import Limits
from mgres.training.run import Run

ARMIJO = mgres.Armijo()


def v_cycle(levels=3, **options):
    return mgres.VCycle(mgres.Schedule.paper(levels), **options)


def hierarchy(optimizer, levels=3, **options):
    return lambda f: {
        "hierarchy": mgres.resnet_hierarchy(f, levels, optimizer=optimizer, **options)
    }


def cascade(optimizer, batch_size=None, **options):
    rule = AnyOf(Stall(0.05, 3), MaxSteps(4), GradientReduction(1e-6))
    return lambda f: {
        **hierarchy(optimizer, metric="time")(f),
        "cycle": mgres.Cascade(rule, **options),
        "batch_size": batch_size,
    }


def with_cycle(optimizer, cycle, batch_size=None, **options):
    return lambda f: {
        **hierarchy(optimizer, **options)(f),
        "cycle": cycle,
        "batch_size": batch_size,
    }


def proximal(f):
    h = mgres.resnet_hierarchy(f, 2)
    weights = [np.full(level.objective.size, 1e-3, f.dtype) for level in h]
    optimizers = [mgres.ProximalGradient(0.1, L1(w)) for w in weights]
    return hierarchy(optimizers, 2)(f)


RUNS = {
    "gd": hierarchy(mgres.GradientDescent(0.1)),
    "schedule": hierarchy(mgres.GradientDescent(mgres.StepDecay(0.2, 2, 0.5))),
    "momentum": hierarchy(mgres.Momentum(0.05)),
    "adam": hierarchy(mgres.Adam(0.01), metric="time"),
    "rmsprop": hierarchy(mgres.RMSprop(0.01)),
    "lbfgs": hierarchy(mgres.LBFGS(memory=3)),
    "lsr1": hierarchy(mgres.LSR1(memory=3)),
    "newton": hierarchy(TruncatedNewton(max_products=4), 2),
    "gauss-newton": hierarchy(GaussNewton(max_products=4), 2),
    "scipy": lambda f: hierarchy(mgres.SciPyMinimize("CG", iterations=2), 2)(f),
    "proximal": proximal,
    "batches": lambda f: {"levels": 3, "batch_size": 17},
    "batches-adam-keep": with_cycle(mgres.Adam(0.01), v_cycle(state="keep"), 17),
    "batches-fresh": lambda f: {"levels": 3, "batch_size": mgres.FreshCoarse(17)},
    "batches-growing": lambda f: {"levels": 3, "batch_size": mgres.Growing(10, 2.0, 2)},
    "batches-verified": lambda f: {
        "cycle": v_cycle(line_search=ARMIJO),
        "batch_size": mgres.Verified(17),
    },
    "transfer": with_cycle(mgres.LBFGS(), v_cycle(state="transfer", line_search=ARMIJO)),
    "trust": with_cycle(mgres.Momentum(0.1), v_cycle(state="keep", trust=mgres.TrustRegion(0.05))),
    "w-cycle": with_cycle(mgres.Adam(0.02), mgres.WCycle(mgres.Schedule.paper(3), state="down")),
    "additive": with_cycle(
        mgres.Momentum(0.02), mgres.AdditiveCycle(mgres.Schedule.paper(3), ARMIJO, state="keep")
    ),
    "defect": with_cycle(mgres.LBFGS(), v_cycle(coupling=mgres.StateDefect(), line_search=ARMIJO)),
    "recommended": lambda f: {},
    "recommended-batches": lambda f: {"batch_size": 17},
    "cascade-lbfgs": cascade(mgres.LBFGS(memory=3)),
    "cascade-reset": cascade(mgres.LBFGS(memory=3), state="reset"),
    "cascade-adam": cascade(mgres.Adam(0.03), 17),
    "cascade-fresh": cascade(mgres.Adam(0.03), mgres.FreshCoarse(17)),
    "cascade-race": cascade(mgres.LBFGS(memory=3), race=Race(3, 2, slice(6, -8))),
    "full-multigrid": with_cycle(
        mgres.Adam(0.02), mgres.FullMultigrid(lambda n: v_cycle(n, state="keep"), MaxSteps(3))
    ),
    "full-multigrid-lbfgs": with_cycle(
        mgres.LBFGS(), mgres.FullMultigrid(stop=Stall(0.3, 3)), metric="time"
    ),
}
CYCLES = 12


@pytest.fixture
def start(make_problem):
    """Return a function that starts a run by its name, on a new problem."""

    def go(name, cycles=CYCLES, **options):
        problem = make_problem(n=40)
        arguments = {"validation": problem.validation, "seed": 5, "max_cycles": cycles}
        return mgres.fit(problem.f, **{**arguments, **RUNS[name](problem.f), **options})

    return go


@pytest.fixture
def whole(start, tmp_path_factory):
    """Return a function that runs without a stop, once for each name."""
    known = {}

    def run(name):
        if name not in known:
            known[name] = start(name)
        return known[name]

    return run


def assert_same(resumed, expected):
    np.testing.assert_array_equal(resumed.theta, expected.theta)
    assert resumed.work_units == expected.work_units
    assert resumed.stopped == expected.stopped
    assert len(resumed.history) == len(expected.history)
    for ours, theirs in zip(resumed.history, expected.history, strict=True):
        # as text, because nan is not nan
        assert repr(dataclasses.replace(ours, seconds=0.0)) == repr(
            dataclasses.replace(theirs, seconds=0.0)
        )


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


NESTED = ["cascade-lbfgs", "cascade-race", "cascade-adam", "cascade-fresh", "full-multigrid-lbfgs"]


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
        assert names(folder) == [len(info.value.result.history) - 1]
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


# ---- which files there are -----------------------------------------------------------------------


def names(folder):
    return sorted(int(path.stem.removeprefix("checkpoint-")) for path in Path(folder).iterdir())


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
    done = len(info.value.result.history) - 1
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
    np.testing.assert_array_equal(again.theta, run(len(again.history) - 1).theta)


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
    assert len(told) == 3  # cycles 6 and 12, and the end


def test_divergence_leaves_the_last_file(tmp_path, make_problem):
    problem = make_problem()
    h = mgres.resnet_hierarchy(problem.f, 2, optimizer=mgres.GradientDescent(1e30))
    with pytest.raises(mgres.DivergenceError):
        mgres.fit(problem.f, hierarchy=h, checkpoint=mgres.Checkpoint(tmp_path, every_cycles=1))


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every_cycles": 0}, ValueError, "every_cycles: expected an integer of at least 1"),
        ({"every_minutes": -1}, ValueError, "every_minutes: expected a number from 0"),
        ({"every_minutes": float("nan")}, ValueError, "every_minutes"),
        ({"every_minutes": float("inf")}, ValueError, "every_minutes"),
        ({"keep": 0}, ValueError, "keep: expected an integer of at least 1"),
        ({"folder": 3}, TypeError, "folder: expected a path"),
    ],
)
def test_wrong_checkpoints_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        mgres.Checkpoint(**{"folder": "x", **options})


def test_wrong_arguments_of_fit_are_refused(start, tmp_path):
    with pytest.raises(TypeError, match="checkpoint: expected a Checkpoint, got str"):
        start("gd", checkpoint=str(tmp_path))
    with pytest.raises(TypeError, match="resume: expected the path of a folder, got bool"):
        start("gd", resume=True)
    with pytest.raises(ValueError, match="resume: expected a folder with checkpoints"):
        start("gd", resume=tmp_path)
    with pytest.raises(FileNotFoundError):
        start("gd", resume=tmp_path / "none")


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"levels": 2}, "hierarchy"),
        ({"batch_size": 18}, "batch size"),
        ({"cycle": v_cycle(line_search=ARMIJO)}, "cycle"),
    ],
)
def test_another_run_is_told_by_its_difference(tmp_path, start, other, what):
    start("batches", 2, checkpoint=mgres.Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=f"belongs to a run with another {what}: expected .* got"):
        start("batches", resume=tmp_path, **other)


def test_other_networks_losses_and_samples_are_told(tmp_path, make_problem):
    problem = make_problem()
    mgres.fit(problem.f, levels=2, max_cycles=1, checkpoint=mgres.Checkpoint(tmp_path))
    net, X, y = problem.net, problem.f.samples.X, problem.f.samples.y
    same = {"regularizer": mgres.Tikhonov(1e-3)}
    X_other = X.copy()
    X_other[len(X) // 2, 0] += 1e-3
    others = {
        "network": mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 32), X, y, **same),
        "loss": mgres.ResNetObjective(net, X, y, "squared_error", **same),
        "regularizer": mgres.ResNetObjective(net, X, y),
        "fixed": mgres.ResNetObjective(net, X, y, fixed=["opening"], **same),
        "samples": mgres.ResNetObjective(net, X_other, y, **same),
    }
    for what, f in others.items():
        with pytest.raises(ValueError, match=f"with another {what}"):
            mgres.fit(f, levels=2, resume=tmp_path)


def test_damaged_file_gives_way_to_the_one_before(tmp_path, start, whole):
    start("adam", 6, checkpoint=mgres.Checkpoint(tmp_path, every_cycles=2))
    newest = tmp_path / "checkpoint-00000006.safetensors"
    contents = newest.read_bytes()
    newest.write_bytes(contents[: len(contents) // 2])
    with pytest.warns(UserWarning, match=r"00000006.* going on from .*00000004"):
        resumed = start("adam", resume=tmp_path)
    assert_same(resumed, whole("adam"))


def test_only_damaged_files_are_an_error(tmp_path, start):
    start("adam", 6, checkpoint=mgres.Checkpoint(tmp_path, every_cycles=2))
    for path in tmp_path.iterdir():
        path.write_bytes(b"no")
    with pytest.raises(FormatError, match="00000006"):
        start("adam", resume=tmp_path)


@pytest.fixture
def change(tmp_path, start):
    """Return a function that changes the metadata of a checkpoint, checksum included."""

    def changed(**metadata):
        start("cascade-lbfgs", 5, checkpoint=mgres.Checkpoint(tmp_path))
        (path,) = tmp_path.iterdir()
        arrays, facts = read_tensors(path)
        edits = {name: edit(facts[name]) for name, edit in metadata.items()}
        write_tensors(path, arrays, {**facts, **edits})
        return path

    return changed


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("format_version", lambda text: "2", "written by a newer mgres"),
        ("kind", lambda text: "model", "expected a checkpoint of mgres, got a model"),
        ("settings", lambda text: "[]", "settings are damaged"),
        ("settings", lambda text: "{", "settings are damaged"),
        ("state", lambda text: "{", "does not fit"),
        ("state", lambda text: "[" * 100_000, "does not fit"),
        ("state", lambda text: "{}", "does not fit"),
        ("state", lambda text: text.replace("NestedState", "Popen"), "does not fit"),
        ("state", lambda text: text.replace('"LBFGSState"', '"AdamState"'), "does not fit"),
        ("state", lambda text: text.replace("state.1", "state.1000"), "does not fit"),
        ("state", lambda text: text.replace('"slope"', '"slant"'), "does not fit"),
        ("state", lambda text: text.replace('{"memo"', '{"__reduce__"'), "does not fit"),
        ("state", lambda text: text.replace("objective.1", "objective.9"), "does not fit"),
    ],
)
def test_damaged_state_is_an_error_and_never_code(change, start, name, edit, message):
    path = change(**{name: edit})
    with pytest.raises(FormatError, match=message):
        start("cascade-lbfgs", resume=path)


def test_unchanged_state_is_resumed(change, start, whole):
    assert_same(start("cascade-lbfgs", resume=change()), whole("cascade-lbfgs"))


def test_model_is_no_checkpoint(tmp_path, problem):
    mgres.save(tmp_path / "m", problem.net, problem.theta)
    with pytest.raises(FormatError, match="expected a checkpoint of mgres, got a model"):
        mgres.fit(problem.f, levels=2, resume=tmp_path / "m")


# ---- classes of one's own ------------------------------------------------------------------------


@dataclasses.dataclass
class OwnState:
    metric: object
    last: np.ndarray
    taken: int = 0


class OwnOptimizer:
    def __repr__(self):
        return "OwnOptimizer()"

    def init(self, x, metric):
        return OwnState(metric, np.zeros_like(x))

    def step(self, f, x, state):
        value = f.value_and_grad(x, state.last)
        x -= np.float32(0.1 / (1 + state.taken)) * state.last
        state.taken += 1
        return value


def test_own_optimiser_needs_a_registered_state(tmp_path, make_problem):
    def run(cycles, **options):
        problem = make_problem()
        h = mgres.resnet_hierarchy(problem.f, 1, optimizer=OwnOptimizer())
        return mgres.fit(problem.f, hierarchy=h, max_cycles=cycles, **options)

    with pytest.raises(TypeError, match=r"class OwnState.*mgres\.training\.register_state"):
        run(2, checkpoint=mgres.Checkpoint(tmp_path))
    assert mgres.training.register_state(OwnState) is OwnState
    run(2, checkpoint=mgres.Checkpoint(tmp_path))
    assert_same(run(5, resume=tmp_path), run(5))


def test_wrong_classes_are_not_registered():
    with pytest.raises(TypeError, match="expected a dataclass"):
        mgres.training.register_state(OwnOptimizer)

    @dataclasses.dataclass
    class Pair:
        x: int

    with pytest.raises(ValueError, match="another class is called Pair"):
        mgres.training.register_state(Pair)


def test_own_batches_must_be_resumable(tmp_path, problem):
    class Bare:
        def __init__(self, inner):
            self._inner = inner
            self.method, self.indices = inner.method, None

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def next(self):
            return self._inner.next()

    class Strategy:
        def begin(self, *args):
            return Bare(mgres.SameBatch(10).begin(*args))

    mgres.fit(problem.f, levels=2, batch_size=Strategy(), max_cycles=2)
    with pytest.raises(TypeError, match=r"expected batches with export\(\) and restore\(\)"):
        mgres.fit(problem.f, levels=2, batch_size=Strategy(), checkpoint=mgres.Checkpoint(tmp_path))

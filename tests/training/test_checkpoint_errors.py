"""What cannot be stored or resumed is refused, and says why."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import mgres
from mgres.files import FormatError, read_tensors, write_tensors

from .resumable import ARMIJO, assert_same, v_cycle


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"every_cycles": 0}, ValueError, "every_cycles: expected an integer from 1"),
        ({"every_minutes": -1}, ValueError, "every_minutes: expected a number from 0"),
        ({"every_minutes": float("nan")}, ValueError, "every_minutes"),
        ({"every_minutes": float("inf")}, ValueError, "every_minutes"),
        ({"keep": 0}, ValueError, "keep: expected an integer from 1"),
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
    with pytest.raises(ValueError, match=f"belongs to another run, by its {what}: expected .* got"):
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
        with pytest.raises(ValueError, match=f"by its {what}"):
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
        ("format_version", lambda text: "3", "written by a newer mgres"),
        ("format_version", lambda text: "1", "written by an older mgres"),
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

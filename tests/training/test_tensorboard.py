"""What the TensorBoard callback writes, read back from its files."""

from __future__ import annotations

import importlib
import struct
import sys

import pytest

import mgres
from mgres.training import Record

pytest.importorskip(
    "tensorboardX", reason='NOT TESTED: needs tensorboardX (pip install "mgres[tensorboard]")'
)


def events(path):
    """Yield the events of a file: a length, its checksum, the event, its checksum, and so on."""
    from tensorboardX.proto.event_pb2 import Event

    contents = path.read_bytes()
    while contents:
        (length,) = struct.unpack("<Q", contents[:8])
        event = Event()
        event.ParseFromString(contents[12 : 12 + length])
        yield event
        contents = contents[16 + length :]


def read_scalars(folder):
    """Return what the event files of a folder hold: steps and values by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        for event in events(path):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_writes_the_history(problem, tmp_path):
    board = mgres.TensorBoard(tmp_path / "runs")
    run = mgres.fit(
        problem.f,
        levels=3,
        max_cycles=5,
        validation=problem.validation,
        validate_every=2,
        callbacks=[board],
    )
    found = read_scalars(tmp_path / "runs")
    cycles = run.history[1:]
    for name in ("loss", "work_units", "seconds", "level"):
        assert [step for step, _ in found[name]] == [1, 2, 3, 4, 5]
        expected = [getattr(record, name) for record in cycles]
        assert [value for _, value in found[name]] == pytest.approx(expected, rel=1e-6)
    assert found["accuracy"] == [
        (r.cycle, pytest.approx(r.accuracy)) for r in cycles if r.accuracy is not None
    ]
    assert [step for step, _ in found["accuracy"]] == [2, 4]
    for level in (0, 1):
        expected = [c.alpha for r in cycles for c in r.corrections if c.level == level]
        assert [value for _, value in found[f"alpha/level_{level}"]] == expected


def test_the_loss_of_the_finest_network_is_told_apart(tmp_path):
    X, y, *_ = mgres.datasets.spirals(3, 150, 10)
    net = mgres.ResNet(2, 4, 2, 256, final_time=10.0, activation="tanh")
    f = mgres.ResNetObjective(net, X, y)
    run = mgres.fit(f, seed=1, max_work_units=3.0, callbacks=[mgres.TensorBoard(tmp_path)])
    cycles = [record for record in run.history[1:-1] if record.level > 0]
    found = read_scalars(tmp_path)
    asked = [record.cycle for record in cycles if record.finest is not None]
    assert [step for step, _ in found["finest"]] == asked
    assert 0 < len(asked) < len(found["loss"])
    assert min(value for _, value in found["finest"]) == pytest.approx(f.value(run.theta), rel=1e-6)
    assert found["loss"][-1][1] < run.history[-1].loss  # that of a coarse network


def test_fit_closes_the_writer_however_it_ends(problem, tmp_path):
    def harm(record, theta):
        raise RuntimeError("harm")

    board = mgres.TensorBoard(tmp_path)
    with pytest.raises(RuntimeError, match="harm"):
        mgres.fit(problem.f, levels=2, max_cycles=3, callbacks=[board, harm])
    assert [step for step, _ in read_scalars(tmp_path)["loss"]] == [1]
    assert board._writer is None


def test_a_second_run_goes_on_in_the_same_folder(tmp_path):
    record = Record(1, 0, 0.5, None, 1.0, 0.1)
    with mgres.TensorBoard(str(tmp_path)) as board:
        board(record, None)
    board(Record(2, 0, 0.25, 0.75, 2.0, 0.2), None)
    board.close()
    board.close()
    found = read_scalars(tmp_path)
    assert found["loss"] == [(1, 0.5), (2, 0.25)]
    assert found["accuracy"] == [(2, 0.75)]


def test_nothing_is_written_before_the_first_cycle(tmp_path):
    mgres.TensorBoard(tmp_path / "runs").close()
    assert not (tmp_path / "runs").exists()


def test_returns_nothing_that_would_stop_training(tmp_path):
    with mgres.TensorBoard(tmp_path) as board:
        assert board(Record(1, 0, 0.5, None, 1.0, 0.1), None) is None


def test_without_a_writer_the_way_out_is_named(monkeypatch, tmp_path):
    module = importlib.import_module("mgres.training.watch.tensorboard")
    for name in ("tensorboardX", "torch.utils.tensorboard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"pip install .mgres\[tensorboard\]"):
        module.TensorBoard(tmp_path)

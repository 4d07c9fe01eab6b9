"""What a person sees during training."""

from __future__ import annotations

import re
import sys

import pytest

import mgres
from mgres.training import Record
from mgres.training.watch import progress
from mgres.training.watch.progress import Lines, describe, make_progress

LINE = re.compile(r"run: cycle (\d+), loss [\d.]+, accuracy [01]\.\d{4}, [\d.]+ WU, \d+\.\d s")


def record(cycle: int, accuracy: float | None = 0.5) -> Record:
    return Record(cycle, cycle, 0.123456, accuracy, 5.1875 * cycle, 0.25)


def test_silent_by_default(problem, capfd):
    mgres.fit(problem.f, max_cycles=2, label="run")
    assert capfd.readouterr() == ("", "")


def test_plain_lines_on_standard_error(problem, capsys):
    mgres.fit(problem.f, max_cycles=7, progress=True, label="run", validation=problem.validation)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert all(LINE.fullmatch(line) for line in lines)
    assert LINE.fullmatch(lines[0])[1] == "0"
    assert LINE.fullmatch(lines[-1])[1] == "7"


def test_lines_come_once_a_second(monkeypatch, capsys):
    clock = iter([100.0, 100.0, 100.3, 100.9, 101.1, 101.1, 101.2, 101.2])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Lines("") as lines:
        for cycle in range(5):
            lines.show(record(cycle))
    shown = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["cycle 0", "cycle 3", "cycle 4"]  # the last state always


def test_last_line_comes_once(capsys):
    with Lines("a", every_seconds=0) as lines:
        lines.show(record(1))
    assert capsys.readouterr().err == "a: cycle 1, loss 0.1235, accuracy 0.5000, 5.2 WU, 0.2 s\n"


def test_last_state_is_shown_when_interrupted(problem, capsys):
    def press(record, theta):
        if record.cycle == 5:
            raise KeyboardInterrupt

    with pytest.raises(mgres.TrainingInterrupted):
        mgres.fit(problem.f, progress=True, callbacks=[press])
    assert "cycle 5, loss" in capsys.readouterr().err.splitlines()[-1]


def test_description():
    assert describe(record(2)) == "cycle 2, loss 0.1235, accuracy 0.5000, 10.4 WU, 0.2 s"
    assert describe(record(2, None), with_cycle=False) == "loss 0.1235, 10.4 WU, 0.2 s"


def test_bar_where_a_person_watches(problem, capsys, monkeypatch):
    pytest.importorskip("tqdm", reason="NOT TESTED: the bar needs tqdm (pip install tqdm)")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    mgres.fit(problem.f, levels=2, max_cycles=6, progress=True, label="run")
    out, err = capsys.readouterr()
    last = err.replace("\r", "\n").rstrip().splitlines()[-1]
    assert out == ""
    assert last.startswith("run: 100%")
    assert "6/6" in last
    assert "18.0 WU" in last
    assert re.search(r"loss 0\.\d+", last)


def test_bar_without_a_total_counts(problem, capsys, monkeypatch):
    pytest.importorskip("tqdm", reason="NOT TESTED: the bar needs tqdm (pip install tqdm)")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    mgres.fit(problem.f, levels=1, max_work_units=4, progress=True)
    last = capsys.readouterr().err.replace("\r", "\n").rstrip().splitlines()[-1]
    assert last.startswith("4cycle")
    assert "4.0 WU" in last


def test_plain_lines_without_tqdm(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with make_progress(True, "run", None) as display:
        display.show(record(1))
    assert capsys.readouterr().err.startswith("run: cycle 1, loss")

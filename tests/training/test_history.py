"""The record of a training run."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

import mgres
from mgres.training import History, Record
from mgres.training.history import LevelGain


def record(cycle: int, loss: float = 0.5, **more) -> Record:
    return Record(cycle, cycle, loss, None, 3.0 * cycle, 0.1 * cycle, **more)


def test_is_a_sequence():
    history = History([record(0), record(1)])
    history.append(record(2))
    assert len(history) == 3
    assert history[-1] == record(2)
    assert list(history[1:]) == [record(1), record(2)]
    assert record(1) in history
    assert [r.cycle for r in history] == [0, 1, 2]
    assert repr(history) == "<History of 2 cycles>"
    assert repr(History()) == "<History of 0 cycles>"


def test_does_not_share_the_list_it_was_made_from():
    records = [record(0)]
    history = History(records)
    records.append(record(1))
    assert len(history) == 1


def test_column():
    history = History([record(0, 2.0), record(1, 1.0)])
    assert history.column("loss") == [2.0, 1.0]
    assert history.column("accuracy") == [None, None]
    with pytest.raises(AttributeError, match="losses"):
        history.column("losses")


def test_dictionaries_survive_json(problem):
    history = mgres.fit(
        problem.f, levels=3, max_cycles=3, validation=problem.validation, validate_every=2
    ).history
    dicts = history.to_dicts()
    assert json.loads(json.dumps(dicts, allow_nan=False)) == dicts
    assert [d["accuracy"] is None for d in dicts] == [False, True, False, True]
    assert list(dicts[0]) == [
        "cycle",
        "epoch",
        "loss",
        "accuracy",
        "work_units",
        "seconds",
        "corrections",
        "level",
        "finest",
    ]
    assert dicts[0]["corrections"] == []
    assert [c["level"] for c in dicts[1]["corrections"]] == [1, 0]
    assert dicts[-1]["loss"] == history[-1].loss


def test_what_is_not_finite_becomes_null(problem):
    (correction,) = mgres.fit(problem.f, levels=2, max_cycles=1).history[-1].corrections
    rejected = replace(
        correction, value=1.0, coupling=math.inf, slope=math.nan, alpha=-math.inf, accepted=False
    )
    history = History([record(0, math.nan, corrections=(rejected,))])
    (d,) = history.to_dicts()
    json.dumps(d, allow_nan=False)
    assert d["loss"] is None
    assert [d["corrections"][0][name] for name in ("coupling", "slope", "alpha")] == [None] * 3
    assert d["corrections"][0]["value"] == 1.0
    assert d["corrections"][0]["accepted"] is False


def test_save_writes_a_line_for_each_record(tmp_path):
    history = History([record(0), replace(record(1), accuracy=0.75)])
    for path in (tmp_path / "history.jsonl", str(tmp_path / "again.jsonl")):
        history.save(path)
    text = (tmp_path / "history.jsonl").read_text()
    assert text == (tmp_path / "again.jsonl").read_text()
    assert text.endswith("}\n")
    assert [json.loads(line) for line in text.splitlines()] == history.to_dicts()


# ---- tables --------------------------------------------------------------------------------------


def test_csv_keeps_every_digit(tmp_path):
    history = History(
        [
            Record(0, 0, 1 / 3, None, 0.0, 0.0, level=2),
            Record(1, 0, 1e-300, 0.1, 2 / 3, 1e-9),
            Record(12, 3, math.inf, 1.0, 1e22, 123456.789, level=1, finest=0.25),
        ]
    )
    for path in (tmp_path / "history.csv", str(tmp_path / "again.csv")):
        history.to_csv(path)
        assert History.from_csv(path) == history
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == "cycle,epoch,loss,accuracy,work_units,seconds,level,finest"
    assert lines[1] == "0,0,0.3333333333333333,,0.0,0.0,2,"
    assert lines[2] == "1,0,1e-300,0.1,0.6666666666666666,1e-09,0,1e-300"
    assert len(lines) == 4


def test_tables_of_older_versions_are_read(tmp_path):
    (tmp_path / "old.csv").write_text(
        "cycle,epoch,loss,accuracy,work_units,seconds,level\n1,0,0.5,,2.0,0.1,0\n"
    )
    assert History.from_csv(tmp_path / "old.csv") == History([Record(1, 0, 0.5, None, 2.0, 0.1)])


def test_what_levels_gave_for_what_they_cost():
    history = History(
        [
            Record(0, 0, 2.0, None, 0.0, 0.0),
            Record(1, 0, 1.0, None, 0.5, 1.0, level=2),
            Record(2, 0, 0.1, None, 1.0, 2.0, level=1, finest=1.5),  # that stay ends here
            Record(3, 0, 0.4, None, 3.0, 4.0, level=1, finest=1.75),
            Record(4, 0, 0.3, None, 4.0, 5.0, level=0),
            Record(5, 0, 0.2, None, 5.0, 6.0, level=0),
        ]
    )
    assert history.by_level() == [
        LevelGain(2, 2, 1.0, 2.0, 2.0, 1.5),
        LevelGain(1, 2, 3.0, 3.0, 1.5, 0.3),
        LevelGain(0, 1, 1.0, 1.0, 0.3, 0.2),
    ]
    assert sum(gain.cycles for gain in history.by_level()) == history.cycles


def test_csv_of_a_run(problem, tmp_path):
    history = mgres.fit(problem.f, levels=3, max_cycles=3, validation=problem.validation).history
    history.to_csv(tmp_path / "history.csv")
    bare = History([replace(r, corrections=()) for r in history])
    assert History.from_csv(tmp_path / "history.csv") == bare
    assert history != bare


def test_csv_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    History([record(0)]).to_csv(path)
    broken = History([record(0), object()])
    with pytest.raises(AttributeError):
        broken.to_csv(path)
    assert History.from_csv(path) == History([record(0)])
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]


HEADER = "cycle,epoch,loss,accuracy,work_units,seconds,level\n"
DAMAGED = [
    ("", "path: expected the columns cycle,.*, got an empty file"),
    ("a,b\n1,2\n", "path: expected the columns cycle,.*, got a,b"),
    (HEADER + "0,0,0.5\n", "path: line 2: expected 7 values, got 3"),
    (
        HEADER + "0,0,0.5,,0.0,0.0,0\n1,0,low,,0.0,0.0,0\n",
        "line 3: loss: expected float, got 'low'",
    ),
    (HEADER + "0.5,0,0.5,,0.0,0.0,0\n", "line 2: cycle: expected int, got '0.5'"),
    (HEADER + "0,0,,,0.0,0.0,0\n", "line 2: loss: expected float, got ''"),
]


@pytest.mark.parametrize(("contents", "message"), DAMAGED)
def test_damaged_csv(tmp_path, contents, message):
    (tmp_path / "history.csv").write_text(contents)
    with pytest.raises(ValueError, match=message):
        History.from_csv(tmp_path / "history.csv")


def test_equality():
    assert History([record(0)]) == History([record(0)])
    assert History([record(0)]) != History([record(0), record(1)])
    assert History([record(0)]) != [record(0)]
    with pytest.raises(TypeError, match="unhashable"):
        hash(History())


def test_json_lines_come_back(problem, tmp_path):
    history = mgres.fit(
        problem.f, levels=3, max_cycles=3, validation=problem.validation, validate_every=2
    ).history
    history.save(tmp_path / "h.jsonl")
    assert History.load(tmp_path / "h.jsonl") == history
    History([record(0, math.inf)]).save(tmp_path / "h.jsonl")
    assert math.isnan(History.load(tmp_path / "h.jsonl")[0].loss)


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"corrections": 1}', '{"cycle": 0, "loss": 1}'])
def test_lines_that_are_no_records(tmp_path, line):
    History([record(0)]).save(tmp_path / "h.jsonl")
    with (tmp_path / "h.jsonl").open("a") as file:
        file.write(line)
    with pytest.raises(ValueError, match="path: line 2: expected a record as JSON"):
        History.load(tmp_path / "h.jsonl")

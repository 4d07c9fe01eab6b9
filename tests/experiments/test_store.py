"""Files that survive crashes, and files that did not."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

import mgres
from mgres.experiments.runs import RunResult, RunSpec
from mgres.experiments.store import FinishedRuns, write_json
from mgres.info import environment

SPEC = RunSpec("circles", 128, "[{1}]", 0.1, 1e-4, 0)
RESULT = RunResult(3, 3.0, 0.25, [1.0, 0.5], [0.5, 1.0], "accuracy", 1)


def test_write_json_replaces_the_file(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": [1, None, "ü"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, None, "ü"]}
    assert path.read_text(encoding="utf-8").endswith("}\n")
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_written_file_has_the_usual_permissions(tmp_path):
    write_json(tmp_path / "result.json", 1)
    (tmp_path / "other").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("result.json", "other")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("where", ["value", "nan", "sync", "rename"])
def test_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, where):
    path = tmp_path / "result.json"
    write_json(path, "old")

    def fail(*args):
        raise KeyboardInterrupt

    if where == "sync":
        monkeypatch.setattr(os, "fsync", fail)
    if where == "rename":
        monkeypatch.setattr(Path, "replace", fail)
    value = {"value": object(), "nan": float("nan")}.get(where, "new")
    with pytest.raises((TypeError, ValueError, KeyboardInterrupt)):
        write_json(path, value)
    assert json.loads(path.read_text()) == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_reader_never_meets_half_a_file(tmp_path, monkeypatch):
    path = tmp_path / "result.json"
    write_json(path, "old")
    seen = []
    replace = Path.replace

    def look(self, target):
        seen.append(json.loads(path.read_text()))
        assert self.parent == path.parent  # the same file system
        assert json.loads(self.read_text()) == "new"
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look)
    write_json(path, "new")
    assert seen == ["old"]


def test_finished_runs_are_found_again(tmp_path):
    path = tmp_path / "partial.json"
    finished = FinishedRuns(path, "1", RunResult)
    assert len(finished) == 0
    assert finished.get(SPEC) is None
    finished.add(SPEC, RESULT)
    again = FinishedRuns(path, "1", RunResult)
    assert len(again) == 1
    assert again.get(SPEC) == RESULT
    again.discard()
    assert not path.exists()
    again.discard()


@pytest.mark.parametrize(
    "change",
    [
        {"problem": "mnist"},
        {"depth": 256},
        {"schedule": "[{2}]"},
        {"learning_rate": 0.2},
        {"beta": 0.0},
        {"seed": 1},
        {"optimizer": "adam"},
        {"frozen": True},
        {"cascade": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_tells_runs_apart(tmp_path, change):
    from dataclasses import replace

    finished = FinishedRuns(tmp_path / "partial.json", "1", RunResult)
    finished.add(SPEC, RESULT)
    assert finished.get(replace(SPEC, **change)) is None


def test_runs_of_another_version_do_not_count(tmp_path):
    path = tmp_path / "partial.json"
    FinishedRuns(path, "1", RunResult).add(SPEC, RESULT)
    assert len(FinishedRuns(path, "2", RunResult)) == 0


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"3",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"version": "1"}',
        b'{"version": "1", "runs": null}',
        b'{"version": "1", "runs": [1]}',
        b'{"runs": {}}',
    ],
)
def test_damaged_file_is_ignored_and_replaced(tmp_path, contents):
    path = tmp_path / "partial.json"
    path.write_bytes(contents)
    finished = FinishedRuns(path, "1", RunResult)
    assert len(finished) == 0
    finished.add(SPEC, RESULT)
    assert FinishedRuns(path, "1", RunResult).get(SPEC) == RESULT


@pytest.mark.parametrize("run", [None, 3, [], {}, {"v_cycles": 3}, {"strange": 1}])
def test_damaged_entry_is_ignored(tmp_path, run):
    path = tmp_path / "partial.json"
    FinishedRuns(path, "1", RunResult).add(SPEC, RESULT)
    stored = json.loads(path.read_text())
    stored["runs"] = dict.fromkeys(stored["runs"], run)
    path.write_text(json.dumps(stored))
    assert FinishedRuns(path, "1", RunResult).get(SPEC) is None


def test_environment_tells_what_seconds_depend_on():
    facts = environment("1.2")
    assert facts["mgres"] == "1.2"
    assert facts["threads"] == mgres.get_num_threads()
    assert facts["command"].split()[0] == "mgres"
    for name in ("isa", "compiler", "eigen", "numpy", "python", "platform"):
        assert facts[name]
    json.dumps(facts)

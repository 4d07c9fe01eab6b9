"""`train`: one network, several numbers of levels."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mgres.experiments import train
from mgres.experiments.runs import RunSpec
from mgres.runs import SETUPS

SPEC = RunSpec("circles", 128, "[{1}]", 0.1, 1e-4, 0)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_rows_in_the_order_asked_for(tiny, out, capsys):
    result = train(SPEC, [4, 1], out, version="1", progress=False)
    assert json.loads((out / "result.json").read_text()) == json.loads(json.dumps(result))
    assert [row["levels"] for row in result["rows"]] == [4, 1]
    assert [row["setup"] for row in result["rows"]] == ["[(1), 1, 2, {2}]", "[{1}]"]
    assert {p.name for p in out.iterdir()} == {"result.json", "convergence.png"}
    stdout, stderr = capsys.readouterr()
    assert stderr == ""
    header, rule, four, one, plot = stdout.splitlines()
    assert header.split() == ["set-up", "V-cycles", "U_c", "U", "(WU)", "seconds"]
    assert four.startswith("L = 4  [(1), 1, 2, {2}] ")
    assert one.startswith("L = 1  [{1}] ")
    assert plot == f"plot: {out / 'convergence.png'}"
    assert set(rule) == {"-"}


def test_progress_names_the_levels(tiny, out, capsys):
    train(SPEC, [2, 1], out, version="1")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("2 levels: cycle 0, loss")
    assert lines[-1].startswith("1 level: cycle ")
    assert "accuracy 1.0000" in lines[-1]


def test_miss_says_why(tiny, out, capsys, monkeypatch):
    monkeypatch.setitem(SETUPS, "circles", replace(tiny, max_work_units=6))
    result = train(SPEC, [2, 1], out, version="1", progress=False)
    best = result["rows"][0]["best_accuracy"][0]
    lines = capsys.readouterr().out.splitlines()
    assert f"L = 2 missed accuracy 1: best accuracy {best:.4f} within 6 work units" in lines
    assert lines[2].split()[-4:] == ["missed", "3.00", "missed", "missed"]


def test_divergence_says_so(tiny, out, capsys):
    spec = replace(SPEC, learning_rate=1e30)
    result = train(spec, [4], out, version="1", progress=False)
    assert result["rows"][0]["stopped"] == ["divergence"]
    assert "it diverged; a smaller learning rate or beta may help" in capsys.readouterr().out


def test_single_seeds_settings_are_written(tiny, out):
    result = train(replace(SPEC, seed=4, beta=0.0), [1], out, version="1", progress=False)
    assert result["settings"]["seeds"] == [4]
    assert result["settings"]["beta"] == result["rows"][0]["beta"] == 0
    assert result["rows"][0]["seeds"] == [4]

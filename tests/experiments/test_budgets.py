"""What a budget buys: rows, tables and pictures of the comparison without a target."""

from __future__ import annotations

import json

import pytest

import mgres
from mgres.cli import main
from mgres.experiments.comparison import PROBLEMS, at_depth
from mgres.experiments.comparison.budgets import FIGURES, buy, candidates, measure, table

SMALL = at_depth(PROBLEMS["digits"], 64)


def test_a_cell_is_what_fit_hands_back():
    (candidate,) = candidates(SMALL, "recommended")
    cell = buy(SMALL, candidate, 100, 3.0)
    X, y, X_val, y_val = SMALL.data(100)
    f = mgres.ResNetObjective(SMALL.net(100), X, y, SMALL.loss, fixed=SMALL.fixed)
    start = SMALL.start(100, "smooth", 16)
    result = mgres.fit(f, start, max_work_units=3.0, max_cycles=10**9, seed=100)
    assert cell["loss"] == f.value(result.theta)
    assert cell["accuracy"] == f.net.accuracy(result.theta, X_val, y_val)
    validation = mgres.ResNetObjective(f.net, X_val, y_val, SMALL.loss)
    assert cell["validation_loss"] == validation.value(result.theta)
    assert cell["work_units"] == result.work_units >= 3.0


def test_a_method_with_settings_shows_the_best_of_them():
    rows = measure(SMALL, ["single/lbfgs", "recommended", "torch/adam"], [2, 4], [100, 101])
    assert [(r["method"], r["budget"]) for r in rows] == [
        (method, budget) for method in ("single/lbfgs", "recommended") for budget in (2, 4)
    ]
    for row in rows:
        assert all(len(row["per_seed"][figure]) == 2 for figure in FIGURES)
        assert row["worst_loss"] == max(row["per_seed"]["loss"])
    single = candidates(SMALL, "single/lbfgs")
    losses = [sorted(buy(SMALL, c, s, 4)["loss"] for s in (100, 101)) for c in single]
    assert rows[1]["loss"] == min(sum(pair) / 2 for pair in losses)


def test_line_searches_do_not_see_mini_batches():
    assert candidates(PROBLEMS["mnist"], "single/lbfgs") == []
    assert len(candidates(PROBLEMS["mnist"], "single/adam")) > 1


def test_table():
    rows = [
        {"method": m, "budget": b, "loss": loss, "accuracy": None}
        for m, b, loss in (
            ("one", 5, 0.25),
            ("one", 10, 0.125),
            ("other", 5, 2.0),
            ("other", 10, None),
        )
    ]
    lines = table(rows).splitlines()
    assert lines[0].split() == ["5", "WU", "10", "WU"]
    assert lines[1].split() == ["one", "0.25", "0.12"]
    assert lines[2].split() == ["other", "2", "-"]


def test_the_command_writes_table_and_picture(capsys, tmp_path):
    out = tmp_path / "out"
    options = ["--quick", "--seeds", "1", "--methods", "recommended", "--depth", "32"]
    line = ["compare", "--problem", "digits", "--budgets", "4,2", *options, "--out", str(out)]
    assert main(line) == 0
    text = capsys.readouterr().out
    assert "what a budget buys: loss, median of 1" in text
    assert "what a budget buys: accuracy" in text
    rows = json.loads((out / "result.json").read_text())["budgets"]
    assert [row["budget"] for row in rows] == [2, 4]
    assert rows[1]["loss"] <= rows[0]["loss"]
    assert (out / "budgets-digits-32.png").stat().st_size > 1000


@pytest.mark.parametrize("word", ["0", "5,", "-1", "a", "inf"])
def test_budgets_that_are_none_are_refused(capsys, tmp_path, word):
    with pytest.raises(SystemExit) as info:
        main(["compare", "--problem", "digits", f"--budgets={word}", "--out", str(tmp_path)])
    assert info.value.code == 2
    assert "--budgets" in capsys.readouterr().err

"""What a budget buys: rows, tables and pictures of the comparison without a target."""

from __future__ import annotations

import json

import pytest

import mgres
from mgres.cli import main
from mgres.experiments.comparison import METHODS, PROBLEMS, at_depth, budgets, compare
from mgres.experiments.comparison.budgets import FIGURES, Bought, Market, buy, settings_of, table
from mgres.experiments.store import FinishedRuns

SMALL = at_depth(PROBLEMS["digits"], 64)


@pytest.fixture
def market(tmp_path):
    return Market(SMALL, FinishedRuns(tmp_path / "finished.json", "1", Bought))


def test_a_cell_is_what_fit_hands_back():
    (settings,) = settings_of(SMALL, "recommended")
    cell = buy(SMALL, "recommended", settings, 100, 3.0)
    X, y, X_val, y_val = SMALL.data(100)
    f = mgres.ResNetObjective(SMALL.net(100), X, y, SMALL.loss, fixed=SMALL.fixed)
    start = SMALL.start(100, "smooth", 16)
    result = mgres.fit(f, start, max_work_units=3.0, max_cycles=10**9, seed=100)
    assert cell.loss == f.value(result.theta)
    assert cell.accuracy == f.net.accuracy(result.theta, X_val, y_val)
    validation = mgres.ResNetObjective(f.net, X_val, y_val, SMALL.loss)
    assert cell.validation_loss == validation.value(result.theta)
    assert cell.work_units == result.work_units >= 3.0


def test_a_method_with_settings_shows_the_best_of_them(market):
    rows = market.rows(["single/lbfgs", "recommended", "torch/adam"], [2, 4], [100, 101])
    assert [(r["method"], r["budget"]) for r in rows] == [
        (method, budget) for method in ("single/lbfgs", "recommended") for budget in (2, 4)
    ]
    for row in rows:
        assert all(len(row["per_seed"][figure]) == 2 for figure in FIGURES)
        assert row["worst_loss"] == max(row["per_seed"]["loss"])
    losses = [
        sorted(buy(SMALL, "single/lbfgs", settings, seed, 4).loss for seed in (100, 101))
        for settings in settings_of(SMALL, "single/lbfgs")
    ]
    assert rows[1]["loss"] == min(sum(pair) / 2 for pair in losses)


def test_line_searches_do_not_see_mini_batches():
    mnist = PROBLEMS["mnist"]
    assert settings_of(mnist, "single/lbfgs") == []
    assert len(settings_of(mnist, "single/adam")) > 1
    assert "lbfgs" not in {settings["optimizer"] for settings in settings_of(mnist, "frozen")}


@pytest.mark.parametrize("name", METHODS)
def test_all_methods_that_fit_can_run_are_among_them(name, discs):
    tried = settings_of(discs, name)
    assert (len(tried) > 0) == (METHODS[name].package is None)
    assert all(settings.get("start") in (None, "smooth") for settings in tried)
    quick = settings_of(discs, name, quick=True)
    assert len(quick) <= 4
    assert len(quick) <= len(tried)
    if tried:
        cell = buy(discs, name, quick[0], 100, 3.0)
        X, y, *_ = discs.data(100)
        f = mgres.ResNetObjective(discs.net(100), X, y, discs.loss, discs.regularizer)
        assert cell.loss <= f.value(discs.start(100, "smooth", 16))
    else:
        with pytest.raises(ValueError, match="does not run"):
            buy(discs, name, {}, 100, 3.0)


def test_blocks_that_are_frozen_stay(discs, monkeypatch):
    trained = []

    def keep(f, theta, **arguments):
        trained.append((f.net, theta, mgres.fit(f, theta, **arguments)))
        return trained[-1][-1]

    monkeypatch.setattr(budgets, "fit", keep)
    buy(discs, "frozen", settings_of(discs, "frozen")[0], 100, 3.0)
    ((net, start, result),) = trained
    blocks = net.part("blocks")
    assert (result.theta[blocks] == start[blocks]).all()
    assert not (result.theta == start).all()


def test_what_was_bought_is_not_bought_again(tmp_path, monkeypatch, capsys):
    def run():
        return compare([SMALL], 2, tmp_path, version="1", methods=["recommended"], budgets=(1, 2))

    runs = []

    def interrupted(*arguments):
        if len(runs) == 3:
            raise KeyboardInterrupt
        runs.append(arguments)
        return buy(*arguments)

    monkeypatch.setattr(budgets, "buy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(
        budgets, "buy", lambda *arguments: runs.append(arguments) or buy(*arguments)
    )
    result = run()
    assert len(runs) == len(set(map(str, runs))) == 4
    assert [row["budget"] for row in result["budgets"]] == [1, 2]
    assert not list(tmp_path.glob(".*"))


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

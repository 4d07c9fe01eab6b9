"""Settings are chosen on some seeds and judged on others; what was run is not run again."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from mgres.experiments import Target
from mgres.experiments.comparison import METHODS, Enough, Method, compare
from mgres.experiments.comparison import command as command_module

pytestmark = pytest.mark.usefixtures("no_figures")

ROW = {"problem", "target", "method", "settings", "work_units", "seconds", "failures"}


@pytest.fixture
def no_figures(monkeypatch):
    """Drawing takes longer than all the rest."""
    monkeypatch.setattr(command_module.figures, "save", lambda result, curves, out: [])
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Fakes:
    """Methods that train nothing: a setting's cost for each seed is written in a table."""

    def __init__(self):
        self.runs = []
        self.before = lambda: None

    def add(self, name, costs, **more):
        """`costs` maps a setting to (easy, hard) of a seed, None for a miss."""

        def run(trial, settings):
            self.before()
            self.runs.append((name, settings["name"], trial.seed, tuple(map(str, trial.wanted))))
            easy, hard = costs[settings["name"]](trial.seed)
            next(trial.batches())
            if easy is None:
                raise Enough("work_units")
            trial.count(easy)
            trial.know(0.5)
            if hard is None:
                raise Enough("work_units")
            trial.count(hard - easy)
            trial.know(0.05)

        def grid(problem, quick):
            return [{"name": key} for key in costs][: 1 if quick else None]

        METHODS[name] = Method(run, grid, **more)


@pytest.fixture
def fakes():
    """Fake methods in the place of all real ones, which come back in their order."""
    real = dict(METHODS)
    METHODS.clear()
    yield Fakes()
    METHODS.clear()
    METHODS.update(real)


@pytest.fixture
def problem(bend):
    return replace(bend, name="fake", targets=(Target("loss", 0.5), Target("loss", 0.05)), depth=32)


@pytest.fixture
def run(tmp_path, problem):
    def call(seeds=3, **more):
        return compare(
            [more.pop("problem", problem)],
            seeds,
            tmp_path / "out",
            version=more.pop("version", "1"),
            **more,
        )

    return call


def always(easy, hard):
    return lambda seed: (easy, hard)


def row_of(result, method, target="loss 0.05"):
    (row,) = (r for r in result["rows"] if (r["method"], r["target"]) == (method, target))
    return row


def test_rows_follow_the_contract(fakes, run, tmp_path):
    fakes.add("single/gd", {"a": lambda seed: (10 + seed, None if seed == 101 else 20 + seed)})
    returned = run()
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result == json.loads(json.dumps(returned))
    assert {"name", "rows", "settings", "environment"} <= set(result)
    assert [row["target"] for row in result["rows"]] == ["loss 0.5", "loss 0.05"]
    easy, hard = result["rows"]
    for row in (easy, hard):
        assert set(row) >= ROW
        assert (row["problem"], row["method"]) == ("fake", "single/gd")
        assert row["settings"]["judged_seeds"] == [100, 101, 102]
        assert set(row["seconds"]) == {"median", "min", "max", "per_seed"}
    assert easy["work_units"] == {
        "median": 111,
        "min": 110,
        "max": 112,
        "per_seed": [110, 111, 112],
    }
    assert easy["failures"] == 0
    assert hard["work_units"] == {
        "median": 122,
        "min": 120,
        "max": 122,
        "per_seed": [120, None, 122],
    }
    assert hard["failures"] == 1
    assert [s is None for s in hard["seconds"]["per_seed"]] == [False, True, False]
    assert type(hard["failures"]) is int


def test_choice_on_tuning_seeds_alone(fakes, run):
    """What is best on the judged seeds is not known when settings are chosen."""
    fakes.add(
        "single/gd",
        {
            "good": lambda seed: (10, 20 if seed < 100 else 40),
            "bad": lambda seed: (11, 21 if seed < 100 else 22),
        },
    )
    result = run()
    row = row_of(result, "single/gd")
    assert row["settings"]["chosen"] == {"name": "good"}
    assert row["settings"]["tuning_seeds"] == [0, 1, 2]
    assert row["work_units"]["median"] == 40
    assert row["settings"]["grid"] == [
        {"name": "good", "tuning_work_units": [20, 20, 20]},
        {"name": "bad", "tuning_work_units": [21, 21, 21]},
    ]
    assert ("single/gd", "bad", 100, ("loss 0.5", "loss 0.05")) not in fakes.runs


def test_reaching_the_target_more_often_comes_before_less_work(fakes, run):
    fakes.add(
        "single/gd",
        {
            "fast": lambda seed: (1, None if seed == 2 else 5),
            "safe": always(1, 12),
        },
    )
    assert row_of(run(), "single/gd")["settings"]["chosen"] == {"name": "safe"}


def test_of_settings_that_all_miss_the_one_that_comes_closest_is_taken(fakes, run):
    fakes.add("single/gd", {"far": always(None, None), "near": always(3, None)})
    row = row_of(run(), "single/gd")
    assert row["settings"]["chosen"] == {"name": "near"}
    assert row["failures"] == 3
    assert row["work_units"] == {
        "median": None,
        "min": None,
        "max": None,
        "per_seed": [None] * 3,
    }


def test_each_target_has_its_own_choice_and_only_that_run_counts(fakes, run):
    fakes.add("single/gd", {"sprinter": always(2, 90), "runner": always(9, 30)})
    result = run()
    easy, hard = (row_of(result, "single/gd", t) for t in ("loss 0.5", "loss 0.05"))
    assert easy["settings"]["chosen"] == {"name": "sprinter"}
    assert easy["work_units"]["median"] == 2
    assert hard["settings"]["chosen"] == {"name": "runner"}
    assert hard["work_units"]["median"] == 30
    assert ("single/gd", "sprinter", 100, ("loss 0.5",)) in fakes.runs


def test_hopeless_settings_are_dropped_after_the_first_seed(fakes, run, problem):
    fakes.add(
        "single/gd",
        {"a": always(5, 10), **{str(i): always(20 + i, 29 + i / 10) for i in range(6)}},
    )
    run()
    tuned = [(setting, seed) for _, setting, seed, _ in fakes.runs if 0 < seed < 100]
    assert {setting for setting, _ in tuned} == {"a", "0"}


def test_tuning_budget_is_a_multiple_of_the_best(fakes, run):
    fakes.add("single/gd", {"a": always(5, 10), "b": always(25, 31)})
    grid = row_of(run(), "single/gd")["settings"]["grid"]
    assert grid[1]["tuning_work_units"][0] is None


def test_methods_that_know_their_target_run_once_for_each(fakes, run):
    fakes.add("recommended", {"x": always(2, 3)}, per_target=True)
    result = run(seeds=2)
    assert row_of(result, "recommended")["settings"]["chosen"] == {"name": "x"}
    assert "grid" not in row_of(result, "recommended")["settings"]
    assert fakes.runs == [
        ("recommended", "x", seed, (target,))
        for target in ("loss 0.5", "loss 0.05")
        for seed in (100, 101)
    ]


def test_one_run_serves_both_targets(fakes, run):
    fakes.add("single/gd", {"x": always(2, 3)})
    run(seeds=2)
    assert [seed for _, _, seed, _ in fakes.runs] == [100, 101]


def test_a_method_like_another_takes_over_its_best_settings(fakes, run):
    costs = {"a": always(4, 30), "b": always(3, 20), "c": always(2, 10)}
    fakes.add("single/adam", costs)
    fakes.add("torch/adam", costs, like="single/adam")
    run(methods=["torch/adam"])
    tried = {s for name, s, _, _ in fakes.runs if name == "torch/adam"}
    assert tried == {"b", "c"}


def test_slow_methods_are_judged_on_fewer_seeds_and_say_so(fakes, run):
    fakes.add("torch/adam", {"a": always(2, 3)}, most_seeds=2)
    row = row_of(run(seeds=3), "torch/adam")
    assert row["settings"]["judged_seeds"] == [100, 101]
    assert "fewer seeds" in row["settings"]["seeds_limited"]
    assert row["work_units"]["per_seed"] == [3, 3]
    assert row_of(run(seeds=3, quick=True), "torch/adam")["work_units"]["per_seed"] == [3]


def test_a_method_that_can_do_nothing_fails_and_says_why(fakes, run, capsys):
    fakes.add("frozen", {}, otherwise="nothing is left to train")
    row = row_of(run(), "frozen")
    assert row["failures"] == 3
    assert row["work_units"]["per_seed"] == [None] * 3
    assert row["settings"]["note"] == "nothing is left to train"
    assert "frozen: nothing is left to train" in capsys.readouterr().out


def test_what_is_not_installed_is_skipped_with_one_line(fakes, run, capsys):
    fakes.add("single/gd", {"a": always(2, 3)})
    fakes.add("torch/adam", {"a": always(2, 3)}, package="no_such_package")
    result = run()
    assert {row["method"] for row in result["rows"]} == {"single/gd"}
    lines = [line for line in capsys.readouterr().out.splitlines() if "skipped" in line]
    assert lines == ["torch/adam skipped: no_such_package is missing (pip install no_such_package)"]


def test_unknown_methods_are_refused_before_anything_runs(fakes, run, tmp_path):
    fakes.add("single/gd", {"a": always(2, 3)})
    with pytest.raises(ValueError, match=r"methods: 'x', 'y': expected some of single/gd"):
        run(methods=["x", "single/gd", "y"])
    assert fakes.runs == []
    assert not (tmp_path / "out").exists()


def test_quick_reduces_grids_and_tuning_seeds_but_not_depth_data_or_targets(fakes, run, capsys):
    fakes.add("single/gd", {"a": always(2, 3), "b": always(2, 2)})
    fakes.add("single/rmsprop", {"a": always(2, 3)}, in_quick=False)
    result = run(quick=True)
    assert {row["method"] for row in result["rows"]} == {"single/gd"}
    assert result["settings"]["quick"] is True
    settings = result["settings"]["problems"]["fake"]
    assert settings["depth"] == 32
    assert settings["targets"] == ["loss 0.5", "loss 0.05"]
    assert settings["max_seconds"] == 60
    assert {seed for _, _, seed, _ in fakes.runs} == {100, 101, 102}
    assert "quick: fewer methods" in capsys.readouterr().err


# ---- resuming -----------------------------------------------------------------------------------


@pytest.mark.parametrize("finished", [1, 6])
def test_interrupted_comparison_resumes(fakes, run, tmp_path, capsys, finished):
    fakes.add("single/gd", {"a": always(5, 10), "b": always(4, None)})
    whole = run()
    every = list(fakes.runs)
    assert len(every) > finished
    (tmp_path / "out" / "result.json").unlink()
    fakes.runs.clear()

    def stop():
        if len(fakes.runs) == finished:
            raise KeyboardInterrupt

    fakes.before = stop
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not (tmp_path / "out" / "result.json").exists()
    fakes.runs.clear()
    fakes.before = lambda: None
    capsys.readouterr()
    resumed = run()
    assert fakes.runs == every[finished:]
    assert [r["work_units"] for r in resumed["rows"]] == [r["work_units"] for r in whole["rows"]]
    assert f"resuming: {finished} finished runs found" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize("change", ["version", "depth", "source"])
def test_what_does_not_belong_is_not_resumed(fakes, run, problem, capsys, change):
    fakes.add("single/gd", {"a": always(5, 10)})
    fakes.before = lambda: 1 / (len(fakes.runs) < 2)
    with pytest.raises(ZeroDivisionError):
        run()
    fakes.before = lambda: None
    fakes.runs.clear()
    changed = {"depth": replace(problem, depth=64), "source": replace(problem, source="other")}
    run(version="2" if change == "version" else "1", problem=changed.get(change, problem))
    assert len(fakes.runs) == 3
    assert "resuming" not in capsys.readouterr().err


def test_runs_that_took_too_long_are_told(fakes, run, problem, capsys):
    def slow(trial, settings):
        raise Enough("seconds")

    METHODS["torch/adam"] = Method(slow, lambda problem, quick: [{"name": "a"}])
    row = row_of(run(), "torch/adam")
    assert row["stopped"] == ["seconds"] * 3
    assert "torch/adam: 3 of 3 runs ended by their budget of seconds" in capsys.readouterr().out


def test_a_line_for_each_run(fakes, run, capsys):
    fakes.add("single/gd", {"a": lambda seed: (5, 10 if seed == 100 else None)})
    run(seeds=2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("fake single/gd (a) seed 100: loss 0.5 5.00 WU, ")
    assert lines[1].endswith("loss 0.05 missed (work_units)")


# ---- the real thing, in miniature ---------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_real_comparison(discs, bend, tmp_path, capsys):
    methods = ["single/lbfgs", "frozen", "mgopt", "cascade", "fmg", "recommended"]
    result = compare([discs, bend], 2, tmp_path / "out", version="1", methods=methods, quick=True)
    rows = result["rows"]
    assert [(r["problem"], r["target"]) for r in rows[:: len(methods)]] == [
        ("discs", "accuracy 0.9"),
        ("discs", "accuracy 1"),
        ("bend", "loss 0.015"),
        ("bend", "loss 0.002"),
    ]
    assert [row["method"] for row in rows] == methods * 4
    for row in rows:
        if (row["problem"], row["method"]) == ("bend", "frozen"):
            assert row["failures"] == 2
        elif row["method"] in ("single/lbfgs", "cascade", "recommended"):
            assert row["failures"] == 0
            assert 0 < row["work_units"]["min"] <= row["work_units"]["median"]
            assert row["seconds"]["median"] > 0
    out = capsys.readouterr().out
    assert len(result["verdicts"]) == 4
    assert all(line in out for line in result["verdicts"])
    curves = json.loads((tmp_path / "out" / "curves.json").read_text())
    assert set(curves) == {"discs", "bend"}
    for seeds in curves["bend"].values():
        for points in seeds:
            work = [p[0] for p in points]
            assert work == sorted(work)
            assert np.all(np.isfinite([p[2] for p in points if p[2] is not None]))

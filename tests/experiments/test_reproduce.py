"""The experiments: their rows, their files, and what is left when they are interrupted."""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import replace

import pytest

from mgres.experiments import EXPERIMENTS
from mgres.runs import SETUPS
from mgres.runs.setups import PAPER_TABLE2

pytestmark = pytest.mark.usefixtures("no_plots")

NUMBERS = ("v_cycles", "work_units_per_cycle", "work_units", "seconds")
EVERY_ROW = {
    "kind",
    "levels",
    "setup",
    "depth",
    "learning_rate",
    "beta",
    *NUMBERS,
    "per_seed",
}


def without_seconds(result):
    """Return a result without what differs from run to run."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in ("seconds", "environment")}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return strip(result)


def stored(tmp_path):
    return json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))


# ---- the contract -------------------------------------------------------------------------------


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("problem", ["circles", "mnist"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_result_follows_the_contract(reproduce, fake, tmp_path, name, problem, quick):
    fake.misses = lambda spec: spec.seed == 1
    returned = reproduce(name, problem, 3, quick=quick)
    result = stored(tmp_path)
    assert result == json.loads(json.dumps(returned))
    assert list(result)[:2] == ["name", "rows"]
    assert {"name", "rows", "settings", "environment"} <= set(result)
    assert result["name"] == name
    seeds = [0] if quick else [0, 1, 2]
    assert result["settings"]["problem"] == problem
    assert result["settings"]["seeds"] == seeds
    assert result["settings"]["quick"] is quick
    kinds = [row["kind"] for row in result["rows"]]
    assert kinds == sorted(kinds, key=["paper", "extra"].index)
    for row in result["rows"]:
        assert set(row) >= EVERY_ROW
        for column in NUMBERS:
            assert isinstance(row[column], int | float)
            assert not isinstance(row[column], bool)
        assert set(row["per_seed"]) == {"v_cycles", "work_units", "seconds"}
        for values in row["per_seed"].values():
            assert [v is None for v in values] == [seed == 1 for seed in seeds]
        if row["kind"] == "paper":
            assert type(row["levels"]) is int
            assert "method" not in row
        else:
            assert row["levels"] is None
            assert isinstance(row["method"], str)
            assert "paper" not in row
    assert (tmp_path / "out" / f"{name}.png").is_file()


@pytest.mark.parametrize("name", ["table1", "figure4"])
@pytest.mark.parametrize("problem", ["circles", "mnist"])
def test_level_study(reproduce, fake, name, problem):
    result = reproduce(name, problem)
    rows = [row for row in result["rows"] if row["kind"] == "paper"]
    assert [row["levels"] for row in rows] == [1, 2, 4, 6, 8]
    assert [row["work_units_per_cycle"] for row in rows] == [1, 3, 5, 5.25, 5.1875]
    paper = {
        "circles": [(95, 1, 95), (32, 3, 96), (12, 5, 60), (7, 5.25, 37), (5, 5.19, 26)],
        "mnist": [(460, 1, 460), (152, 3, 456), (55, 5, 275), (33, 5.25, 173), (28, 5.19, 145)],
    }[problem]
    for row, (cycles, per_cycle, total) in zip(rows, paper, strict=True):
        assert row["paper"] == {
            "v_cycles": cycles,
            "work_units_per_cycle": per_cycle,
            "work_units": total,
        }
        assert row["depth"] == 2048
        assert row["learning_rate"] == SETUPS[problem].learning_rate
        assert row["beta"] == SETUPS[problem].beta
        assert row["work_units"] == row["v_cycles"] * row["work_units_per_cycle"]
    ratio = result["summary"]["work_units_one_level_over_eight"]
    one, eight = rows[0]["per_seed"]["work_units"], rows[-1]["per_seed"]["work_units"]
    assert ratio["per_seed"] == [a / b for a, b in zip(one, eight, strict=True)]
    assert ratio["median"] == pytest.approx(sum(ratio["per_seed"]) / 2)
    assert ratio["paper"] == {"circles": 3.65, "mnist": 3.17}[problem]


def test_setup_study(reproduce, fake):
    result = reproduce("table2")
    rows = [row for row in result["rows"] if row["kind"] == "paper"]
    assert [row["setup"] for row in rows] == list(PAPER_TABLE2)
    assert [row["levels"] for row in rows] == [8] * 6
    assert [round(row["work_units_per_cycle"], 2) for row in rows] == [
        5.96,
        5.97,
        5.99,
        6.03,
        6.19,
        5.19,
    ]
    assert [row["paper"]["work_units"] for row in rows] == [42, 42, 36, 30, 31, 26]
    assert "5.96 and 5.97" in result["summary"]["remark"]


def test_depth_study(reproduce, fake):
    result = reproduce("figure5")
    rows = [row for row in result["rows"] if row["kind"] == "paper"]
    assert [row["depth"] for row in rows] == [128, 256, 512, 1024, 2048, 4096, 16384]
    assert {row["levels"] for row in rows} == {6}
    assert result["summary"]["v_cycles_by_depth"] == {str(r["depth"]): r["v_cycles"] for r in rows}
    assert result["summary"]["largest_over_smallest"] == 1


def test_sensitivity_study(reproduce, fake, capsys):
    fake.misses = lambda spec: spec.learning_rate == 0.5
    result = reproduce("sensitivity")
    rows = [row for row in result["rows"] if row["kind"] == "paper"]
    rates, betas = [0.05, 0.1, 0.5], [1e-3, 1e-4, 1e-5]
    grid = [(rate, beta, levels) for rate in rates for beta in betas for levels in (1, 8)]
    found = [(row["learning_rate"], row["beta"], row["levels"]) for row in rows]
    assert found == [pytest.approx(cell) for cell in grid]
    cells = result["summary"]["cells"]
    assert len(cells) == 9
    for i, cell in enumerate(cells):
        one, eight = (row["per_seed"]["work_units"] for row in rows[2 * i : 2 * i + 2])
        expected = [a / b if a and b else None for a, b in zip(one, eight, strict=True)]
        assert cell["per_seed"] == expected
    # the fake ones are all alike, and three of nine missed
    assert result["summary"]["mean_ratio"] == pytest.approx(cells[0]["median"])
    assert result["summary"]["relative_deviation"] == pytest.approx(0, abs=1e-12)
    assert "mean of 6 cells" in capsys.readouterr().out


def test_extra_rows(reproduce, fake):
    rows = [row for row in reproduce("table1")["rows"] if row["kind"] == "extra"]
    assert [row["method"] for row in rows] == [
        "one level, blocks frozen",
        "one level, tuned",
        "cascade, 16 layers, then prolonged",
    ]
    frozen = [spec for spec in fake.specs if spec.frozen]
    cascade = [spec for spec in fake.specs if spec.cascade]
    assert [spec.seed for spec in frozen] == [spec.seed for spec in cascade] == [0, 1]
    assert all(spec.levels == 1 for spec in frozen + cascade)


def test_tuned_row_is_the_best_of_its_grid(reproduce, fake):
    rows = reproduce("table1", seeds=3)["rows"]
    (tuned,) = (row for row in rows if row.get("method") == "one level, tuned")
    grid = [(cell["optimizer"], cell["learning_rate"]) for cell in tuned["grid"]]
    tuning = SETUPS["circles"].tuning
    assert grid == [("gd", 0.1), *((name, rate) for name, rates in tuning for rate in rates)]


@pytest.mark.parametrize(
    ("misses", "best"),
    [
        # reaching the target more often comes before needing less work
        (lambda s: (s.optimizer, s.learning_rate) != ("adam", 0.3) and s.seed == 2, ("adam", 0.3)),
        (lambda s: (s.optimizer, s.learning_rate) != ("gd", 3.0), ("gd", 3.0)),
    ],
)
def test_tuned_row_prefers_what_reaches_the_target(reproduce, fake, misses, best):
    fake.misses = misses
    rows = reproduce("table1", seeds=3)["rows"]
    (tuned,) = (row for row in rows if row.get("method") == "one level, tuned")
    assert (tuned["optimizer"], tuned["learning_rate"]) == best


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_completes_when_every_run_misses(reproduce, fake, tmp_path, capsys, name):
    fake.misses = lambda spec: True
    result = reproduce(name)
    assert all(row["work_units"] is None and row["reached"] == 0 for row in result["rows"])
    assert stored(tmp_path) == json.loads(json.dumps(result))
    out = capsys.readouterr().out
    assert "missed" in out
    assert "nan" not in out.lower()
    if name in ("table1", "figure4"):
        assert "no seed reached the target with both" in out


def test_runs_are_not_repeated_within_an_experiment(reproduce, fake):
    reproduce("sensitivity", seeds=1)
    assert len(fake.specs) == len(set(fake.specs))


def test_a_line_for_each_run_and_a_table(reproduce, fake, capsys):
    fake.misses = lambda spec: spec.frozen
    reproduce("table1", seeds=1)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == len(fake.specs)
    assert lines[0] == (
        "circles L = 1 K = 2048 gd 0.1 beta 0.0001 seed 0: 160 cycles, 160.00 WU, 1.60 s"
    )
    assert "circles frozen K = 2048 gd 0.1 beta 0.0001 seed 0: missed (work_units)" in lines
    table = out.splitlines()
    assert " ".join(table[0].split()) == "set-up V-cycles U_c U (WU) seconds paper"
    assert " ".join(table[2].split()) == "L = 1 [{1}] 160 1.00 160.0 1.60 95 / 1.00 / 95"
    assert "median of the seeds' ratios: 1.54 (paper 3.65)" in out
    assert not any(line.endswith(" ") for line in table)


# ---- files --------------------------------------------------------------------------------------


def test_folder_is_made_and_other_files_stay(reproduce, fake, tmp_path):
    out = tmp_path / "out"
    reproduce("table1")
    names = {"result.json", "table1.png"}
    assert {p.name for p in out.iterdir()} == names
    (out / "notes.txt").write_text("mine")
    (out / ".figure5-circles.partial.json").write_text("another's")
    (out / "result.json").write_text("stale")
    reproduce("table2")
    assert {p.name for p in out.iterdir()} == {
        *names,
        "table2.png",
        "notes.txt",
        ".figure5-circles.partial.json",
    }
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / ".figure5-circles.partial.json").read_text() == "another's"
    assert stored(tmp_path)["name"] == "table2"


def test_result_is_written_before_plots_are_tried(reproduce, fake, tmp_path, monkeypatch):
    from mgres.experiments import plots

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(plots, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        reproduce("table1")
    assert stored(tmp_path)["name"] == "table1"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_without_matplotlib_one_line_says_so(reproduce, fake, tmp_path, monkeypatch, capsys, name):
    from mgres.experiments import plots

    def missing(*args):
        raise ImportError("No module named 'matplotlib'")

    monkeypatch.setattr(plots, "save", missing)
    reproduce(name)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "plot" in line] == [
        'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
    ]
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["result.json"]


# ---- resuming -----------------------------------------------------------------------------------


def interrupt_after(fake, n):
    def before(spec):
        if len(fake.specs) == n:
            raise KeyboardInterrupt

    fake.before = before


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("finished", [1, 5])
def test_interrupted_experiment_resumes(reproduce, fake, tmp_path, capsys, name, finished):
    fake.misses = lambda spec: spec.seed == 1
    whole = reproduce(name, seeds=2)
    every = list(fake.specs)
    (tmp_path / "out" / "result.json").unlink()
    fake.specs.clear()
    interrupt_after(fake, finished)
    with pytest.raises(KeyboardInterrupt):
        reproduce(name, seeds=2)
    assert not (tmp_path / "out" / "result.json").exists()
    fake.specs.clear()
    fake.before = lambda spec: None
    capsys.readouterr()
    resumed = reproduce(name, seeds=2)
    assert fake.specs == every[finished:]
    assert resumed == whole
    assert f"resuming: {finished} finished runs found in" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob(".*"))


def test_more_seeds_use_what_is_there(reproduce, fake):
    interrupt_after(fake, 7)
    with pytest.raises(KeyboardInterrupt):
        reproduce("table1", seeds=1)
    first = list(fake.specs)
    fake.specs.clear()
    fake.before = lambda spec: None
    reproduce("table1", seeds=2)
    assert not set(first) & set(fake.specs)


@pytest.mark.parametrize("spoil", ["version", "damage", "problem", "experiment", "setup"])
def test_what_does_not_belong_is_not_resumed(reproduce, fake, tmp_path, monkeypatch, capsys, spoil):
    interrupt_after(fake, 3)
    with pytest.raises(KeyboardInterrupt):
        reproduce("table1")
    fake.specs.clear()
    fake.before = lambda spec: None
    if spoil == "damage":
        (partial,) = (tmp_path / "out").glob(".*.partial.json")
        partial.write_bytes(partial.read_bytes()[:-30])
    if spoil == "setup":
        monkeypatch.setitem(SETUPS, "circles", replace(SETUPS["circles"], target=0.99))
    reproduce(
        "figure5" if spoil == "experiment" else "table1",
        "mnist" if spoil == "problem" else "circles",
        version="2" if spoil == "version" else "1",
    )
    assert "resuming" not in capsys.readouterr().err
    # all runs anew: none of the three that were finished is missing
    assert len(fake.specs) == len(set(fake.specs)) >= 18


# ---- the real thing, in miniature ---------------------------------------------------------------


def test_real_table_1(reproduce, tiny, tmp_path, monkeypatch):
    """Train, interrupt, resume; the result is that of an undisturbed run."""
    module = importlib.import_module("mgres.experiments.reproduce")
    whole = reproduce("table1", seeds=2)
    rows = whole["rows"]
    for row in rows[:5]:
        for cycles, work in zip(
            row["per_seed"]["v_cycles"], row["per_seed"]["work_units"], strict=True
        ):
            assert work == cycles * row["work_units_per_cycle"]
        for curve in row["curves"]:
            assert len(curve["loss"]) == len(curve["accuracy"])
            assert curve["accuracy"][-1] == 1.0
    one, eight = rows[0], rows[4]
    assert eight["depth"] == one["depth"] == 128
    assert eight["work_units"] < one["work_units"]
    assert all(s > 0 for row in rows for s in row["per_seed"]["seconds"])
    (cascade,) = (row for row in rows if row.get("method", "").startswith("cascade"))
    assert cascade["work_units"] < one["work_units"]
    assert math.isclose(
        whole["summary"]["work_units_one_level_over_eight"]["median"],
        sum(
            a / b
            for a, b in zip(
                one["per_seed"]["work_units"], eight["per_seed"]["work_units"], strict=True
            )
        )
        / 2,
    )

    run, count = module.run, []

    def interrupted(spec):
        if len(count) == 4:
            raise KeyboardInterrupt
        count.append(spec)
        return run(spec)

    monkeypatch.setattr(module, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        reproduce("table1", seeds=2)
    monkeypatch.setattr(module, "run", run)
    assert without_seconds(reproduce("table1", seeds=2)) == without_seconds(whole)


def test_real_table_1_of_a_small_mnist(reproduce, tiny_mnist, tmp_path):
    result = reproduce("table1", "mnist", seeds=2)
    one, eight = result["rows"][0], result["rows"][4]
    assert (one["levels"], eight["levels"]) == (1, 8)
    assert one["reached"] == eight["reached"] == 2
    assert eight["work_units"] < one["work_units"]
    assert result["settings"]["batch_size"] == 30
    assert stored(tmp_path)["settings"]["target_validation_accuracy"] == 0.9

"""`mgres train` with several numbers of levels."""

from __future__ import annotations

import json


def test_train(tmp_path, command):
    done = command("train circles --depth 128 --levels 8 2 1 --seed 1 --out runs/c")
    assert done.returncode == 0
    out = tmp_path / "runs" / "c"
    result = json.loads((out / "result.json").read_text())
    assert result["name"] == "train"
    assert [row["levels"] for row in result["rows"]] == [8, 2, 1]
    assert result["environment"]["command"].startswith("mgres train circles --depth 128")
    assert result["settings"] == {
        "problem": "circles",
        "seeds": [1],
        "width": 3,
        "depth": 128,
        "learning_rate": 0.1,
        "beta": 1e-4,
        "target_validation_accuracy": 1.0,
    }
    lines = done.stdout.splitlines()
    for line, row in zip(lines[2:5], result["rows"], strict=True):
        assert line.startswith(f"L = {row['levels']}  {row['setup']} ")
        cycles, per_cycle, work, seconds = line.split()[-4:]
        assert int(cycles) == row["v_cycles"]
        assert float(per_cycle) == round(row["work_units_per_cycle"], 2)
        assert float(work) == round(row["work_units"], 1)
        assert float(seconds) == round(row["seconds"], 2)
        assert row["work_units"] == row["v_cycles"] * row["work_units_per_cycle"]
        assert row["curves"][0]["accuracy"][-1] == row["best_accuracy"][0] == 1.0
    assert lines[5] == "plot: runs/c/convergence.png"
    assert len(lines) == 6
    assert (out / "convergence.png").read_bytes()[:4] == b"\x89PNG"
    labels = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert sorted(set(labels), key=labels.index) == ["8 levels", "2 levels", "1 level"]


def test_train_options_reach_the_run(run, tmp_path):
    options = [
        "--depth",
        "16",
        "--levels",
        "2",
        "1",
        "--learning-rate",
        "0.3",
        "--beta",
        "0",
        "--seed",
        "3",
        "--quiet",
        "--out",
        "o",
    ]
    code, _, err = run("train", "circles", *options)
    assert (code, err) == (0, "")
    rows = json.loads((tmp_path / "o" / "result.json").read_text())["rows"]
    assert [row["levels"] for row in rows] == [2, 1]
    for row in rows:
        assert row["learning_rate"] == 0.3
        assert row["beta"] == 0
        assert row["seeds"] == [3]
        assert row["depth"] == 16


def test_train_that_diverges_completes(tmp_path, command):
    done = command("train circles --depth 16 --levels 3 1 --learning-rate 1e300 --quiet --out o")
    assert (done.returncode, done.stderr) == (0, "")
    assert "missed" in done.stdout
    assert "it diverged" in done.stdout
    rows = json.loads((tmp_path / "o" / "result.json").read_text())["rows"]
    assert [row["work_units"] for row in rows] == [None, None]
    assert [row["stopped"] for row in rows] == [["divergence"], ["divergence"]]


def test_interrupted_training(run, tmp_path, monkeypatch):
    def press(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mgres.experiments.runs.fit", press)
    code, out, err = run("train", "circles", "--depth", "16", "--levels", "2", "1", "--out", "o")
    assert (code, out) == (130, "")
    assert err.strip() == "mgres: interrupted; nothing was written"
    assert list((tmp_path / "o").iterdir()) == []


def test_train_without_matplotlib(tmp_path, command, without_matplotlib):
    done = command(
        "train circles --depth 16 --levels 2 1 --quiet --out o",
        env=without_matplotlib,
    )
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert last == 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["result.json"]

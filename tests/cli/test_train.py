"""`mgres train` of one network: its folder, and what is said."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest

import mgres
from mgres.datasets import read_table

PLOTS = {"convergence.png", "layers.png"}
FILES = {"config.toml", "history.jsonl", "model.safetensors", "summary.json"} | PLOTS


def records(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_folder_of_a_run(mgres_ok, flowers, tmp_path):
    out = mgres_ok("train flowers.csv --target kind --out runs/a")
    folder = tmp_path / "runs" / "a"
    assert {p.name for p in folder.iterdir()} == FILES
    lines = out.splitlines()
    assert lines[0] == "target 'kind': 3 classes (text)"
    assert re.fullmatch(r"\d+ cycles, [\d.]+ work units, [\d.]+ s: the loss no longer .*", lines[1])
    assert re.fullmatch(r"training: 48 rows, loss \S+, accuracy \S+", lines[2])
    assert re.fullmatch(r"validation: 12 rows, loss \S+, accuracy \S+", lines[3])
    assert lines[4] == "written to runs/a: model.safetensors, convergence.png, layers.png"
    assert len(lines) == 5

    history = records(folder)
    assert [r["cycle"] for r in history] == list(range(len(history)))
    assert {"loss", "accuracy", "work_units", "seconds", "level"} <= set(history[0])
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["stopped"] == "stalled"
    assert summary["cycles"] == history[-1]["cycle"]
    assert summary["work_units"] == history[-1]["work_units"]
    assert summary["rows"] == {"training": 48, "validation": 12}
    assert summary["classes"] == ["aster", "lily", "rose"]
    assert summary["settings"]["data"] == str(flowers)
    assert summary["environment"]["mgres"] == mgres.__version__
    assert summary["scores"]["validation"]["accuracy"] > 0.8
    assert (folder / "convergence.png").read_bytes()[:4] == b"\x89PNG"


def test_names_that_are_numbers_are_told(mgres_ok, flowers):
    names, *rows = flowers.read_text().splitlines()
    flowers.write_text("\n".join(["5.1,3.5,2,0", *rows]))
    out = mgres_ok("train flowers.csv --target 0 --max-cycles 1 --out o")
    first = "names of columns: 5.1, 3.5, 2, 0; if that is data, put a row of names before it"
    assert out.splitlines()[0] == first
    flowers.write_text("\n".join([names, *rows]))
    assert "names of columns" not in mgres_ok(
        "train flowers.csv --target kind --max-cycles 1 --out p"
    )


def test_model_is_the_one_that_was_scored(mgres_ok, flowers, tmp_path):
    """From the file alone, without the command's own code: an oracle for the scores."""
    mgres_ok("train flowers.csv --target kind --out o --seed 3")
    net, theta, notes, extra = mgres.load(tmp_path / "o" / "model.safetensors")
    table = read_table(flowers, "kind")
    X = ((table.X - extra["feature_mean"]) / extra["feature_scale"]).astype(net.dtype)
    right = net.predict(theta, X) == table.target.values
    scores = json.loads((tmp_path / "o" / "summary.json").read_text())["scores"]
    shares = scores["training"]["accuracy"] * 48 + scores["validation"]["accuracy"] * 12
    assert right.sum() == pytest.approx(shares)
    assert json.loads(notes["preparation"])["features"] == ["length", "width", "height"]


def test_held_out_rows_keep_the_shares_of_the_classes(mgres_ok, tmp_path):
    rows = [f"{i},{'rare' if i % 10 == 0 else 'common'}" for i in range(100)]
    (tmp_path / "t.csv").write_text("\n".join(["a,kind", *rows]))
    mgres_ok("train t.csv --target kind --out o --validation-fraction 0.3 --max-cycles 2")
    mgres_ok("evaluate o t.csv")
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["rows"] == {"training": 70, "validation": 30}


def test_regression(mgres_ok, slopes, tmp_path):
    out = mgres_ok("train slopes.csv --target height --beta 0.001 --out o")
    assert "target 'height': a quantity (numbers that are not integers)" in out
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["scores"]["validation"]["r2"] > 0.9
    # the error is in the target's own unit, whose spread is about 800
    assert 1 < summary["scores"]["validation"]["mse"] < 0.1 * 800**2
    assert all(record["accuracy"] is None for record in records(tmp_path / "o"))


def test_default_is_what_the_estimators_have(mgres_ok, flowers, tmp_path):
    pytest.importorskip("sklearn", reason="the estimators need scikit-learn")
    from mgres.sklearn import ResNetClassifier

    mgres_ok("train flowers.csv --target kind --validation-fraction 0 --out o")
    settings = json.loads((tmp_path / "o" / "summary.json").read_text())["settings"]
    table = read_table(flowers, "kind")
    X = (table.X - table.X.mean(axis=0)) / table.X.std(axis=0)
    model = ResNetClassifier(random_state=0).fit(X, table.target.values)
    assert settings["depth"] == model.net_.depth
    assert settings["width"] == model.net_.width
    assert settings["activation"] == model.net_.activation
    assert settings["final_time"] == model.net_.final_time
    assert settings["beta"] == model.alpha / (2 * 60)
    ours = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert ours["objective"] == pytest.approx(model.loss_, rel=0.1)


@pytest.mark.parametrize(
    ("options", "layers"),
    [
        ("--method V --levels 3", [32, 16, 8]),
        ("--cycle w --levels 2", [32, 16]),
        ("--method F --schedule '[(1), 1, {2}]'", [32, 16, 8]),
        ("--levels 2", [32, 16]),
        ("--method single", [32]),
        ("--levels 1", [32]),
        ("--method fmg --levels 2", [32, 16]),
        ("--method cascade", [32, 16]),
        ("--method paper --levels 3", [32, 16, 8]),
        ("--method paper --batch-size 16", [32]),
        ("--optimizer nesterov --learning-rate 0.03 --levels 2", [32, 16]),
        ("--optimizer gd --batch-size 16 --method V --levels 2", [32, 16]),
        ("--batch-size 16", [32, 16, 8]),  # on batches the coarsest network may have 8 layers
        ("--optimizer lsr1", [32, 16]),
        ("--regularizer tikhonov --beta 0.001", [32, 16]),
        ("--regularizer none --loss squared_error --dtype float64", [32, 16]),
    ],
)
def test_methods_reduce_the_loss(mgres_ok, flowers, tmp_path, options, layers):
    line = f"train flowers.csv --target kind --depth 32 --width 4 --max-cycles 40 {options}"
    mgres_ok(f"{line} --no-plots --out o")
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["layers"] == layers
    history = records(tmp_path / "o")
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert "convergence.png" not in {p.name for p in (tmp_path / "o").iterdir()}


def test_options_reach_the_network(mgres_ok, flowers, tmp_path):
    mgres_ok(
        "train flowers.csv --target kind --ignore height --depth 8 --width 5 --final-time 2 "
        "--activation relu --dtype float64 --max-cycles 1 --out o"
    )
    net = mgres.load(tmp_path / "o" / "model.safetensors").net
    assert net == mgres.ResNet(2, 5, 3, 8, 2.0, "relu", np.float64)


def test_the_paper_starts_with_independent_layers(mgres_ok, flowers, tmp_path):
    for method in ("paper", "single"):
        line = f"train flowers.csv --target kind --depth 32 --width 4 --method {method}"
        mgres_ok(f"{line} --max-cycles 0 --no-plots --out {method}")
        model = mgres.load(tmp_path / method / "model.safetensors")
        W = model.net.views(model.theta).W
        assert (W[0] == W[1]).all() == (method == "single")


@pytest.mark.parametrize(
    ("options", "stopped"),
    [
        ("--target-accuracy 0.5", "accuracy"),
        ("--target-loss 1.0", "loss"),
        ("--max-cycles 3", "cycles"),
        ("--max-work-units 2", "work_units"),
        ("--max-minutes 1e-9", "seconds"),
    ],
)
def test_reason_to_stop(mgres_ok, flowers, tmp_path, options, stopped):
    mgres_ok(f"train flowers.csv --target kind {options} --out o --no-plots")
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["stopped"] == stopped
    # what a limit has stopped can go on, what has reached its goal needs no checkpoint
    assert (tmp_path / "o" / "checkpoints").exists() == (stopped not in ("accuracy", "loss"))


@pytest.mark.parametrize("name", ["circles", "digits", "spirals"])
def test_sets_that_mgres_knows(mgres_ok, tmp_path, name):
    mgres_ok(f"train {name} --depth 32 --max-cycles 5 --no-plots --out o")
    assert "accuracy" in mgres_ok(f"evaluate o {name}")
    settings = json.loads((tmp_path / "o" / "summary.json").read_text())["settings"]
    assert settings["target_accuracy" if name != "spirals" else "data"] in (1.0, 0.95, "spirals")


def test_folder_that_holds_a_run_is_kept(run, mgres_ok, flowers, tmp_path):
    line = "train flowers.csv --target kind --max-cycles 2 --out o"
    mgres_ok(line)
    for name in ("notes.txt", "checkpoints/notes.txt"):
        (tmp_path / "o" / name).write_text("mine")
    before = (tmp_path / "o" / "model.safetensors").read_bytes()
    code, _, err = run(*line.split(), "--seed", "5")
    assert code == 2
    assert err == (
        "mgres: error: --out o: holds a run; go on with it by --resume o, or take --overwrite\n"
    )
    assert (tmp_path / "o" / "model.safetensors").read_bytes() == before
    mgres_ok(f"{line} --seed 5 --overwrite")
    assert (tmp_path / "o" / "model.safetensors").read_bytes() != before
    for name in ("notes.txt", "checkpoints/notes.txt"):
        assert (tmp_path / "o" / name).read_text() == "mine"


def test_without_matplotlib(command, flowers, tmp_path, without_matplotlib):
    line = "train flowers.csv --target kind --max-cycles 2 --out o"
    done = command(line, env=without_matplotlib)
    assert (done.returncode, done.stderr) == (0, "")  # no progress where no terminal is
    last = done.stdout.splitlines()[-1]
    assert last == 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
    assert not (tmp_path / "o" / "convergence.png").exists()


def test_divergence(run, flowers, tmp_path):
    line = "train flowers.csv --target kind --optimizer gd --method single --learning-rate 1e30"
    code, out, err = run(*line.split(), "--out", "o", "--no-plots")
    assert code == 1
    assert "training diverged" in out
    assert err.startswith("mgres: error: the loss became ")
    assert err.count("\n") == 1
    assert np.isfinite(mgres.load(tmp_path / "o" / "model.safetensors").theta).all()
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert summary["stopped"] == "divergence"


def test_progress_on_a_terminal(run, flowers, monkeypatch):
    line = "train flowers.csv --target kind --max-cycles 4 --method single --no-plots --out "
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)  # plain lines instead of its bar
    _, _, err = run(*line.split(), "o")
    assert re.search(
        r"train: cycle 4, loss [\d.]+, accuracy [\d.]+, [\d.]+ WU, [\d.]+ s, at most 0:00:00 left",
        err.splitlines()[-1],
    )
    assert run(*line.split(), "quiet", "--quiet")[2] == ""


def test_progress_bar_on_a_terminal(run, flowers, monkeypatch):
    pytest.importorskip("tqdm", reason="NOT TESTED: the bar needs tqdm (pip install tqdm)")
    line = "train flowers.csv --target kind --max-cycles 4 --method single --no-plots --out o"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    _, _, err = run(*line.split())
    last = err.replace("\r", "\n").rstrip().splitlines()[-1]
    assert re.match(
        r"train: 4cycle \[.*, loss [\d.]+, accuracy [\d.]+, .*at most 0:00:00 left\]", last
    )

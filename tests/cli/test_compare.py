"""`mgres compare`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import mgres
from mgres import blocks

MINE = """
import mgres
def problem():
    return {
        "make": lambda seed: mgres.datasets.circles(seed, 200, 50),
        "targets": [("accuracy", 0.9)],
        "width": 3,
        "depth": 32,
        "max_work_units": 60,
    }
"""


def test_compare_own_problem(tmp_path, command, without_matplotlib):
    (tmp_path / "mine.py").write_text(MINE)
    line = "compare --problem mine.py --seeds 2 --out o --methods single/lbfgs,recommended"
    done = command(line, env=without_matplotlib)
    assert done.returncode == 0
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    assert result["name"] == "compare"
    assert [row["method"] for row in result["rows"]] == ["single/lbfgs", "recommended"]
    assert all(row["failures"] == 0 for row in result["rows"])
    lines = done.stdout.splitlines()
    assert lines[0] == "mine, accuracy 0.9"
    assert lines[-2] == result["verdicts"][0]
    assert lines[-2].startswith("mine, accuracy 0.9: recommended needs ")
    assert lines[-1] == 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
    assert {p.name for p in (tmp_path / "o").iterdir()} == {"result.json", "curves.json"}
    assert all(line.startswith("mine ") for line in done.stderr.splitlines())


def test_compare_a_table(run, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("mgres.cli.compare.compare", lambda *a, **k: calls.append((a, k)))
    rows = [f"{i},{i * i % 7},{'even' if i % 2 else 'odd'}" for i in range(20)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,c", *rows]))
    code, _, err = run("compare", "--problem", "data.csv", "--target", "c", "--out", "o")
    assert (code, err) == (0, "")
    (((problem,), seeds, _), _) = calls[0]
    assert (problem.name, seeds) == ("data", 5)


def test_compare_passes_its_options_on(run, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("mgres.cli.compare.compare", lambda *a, **k: calls.append((a, k)))
    options = "--problem circles,mnist --seeds 3 --methods mgopt,fmg --depth 64 --quick"
    options += " --budgets 20,5 --out o"
    code, _, err = run("compare", *shlex.split(options))
    assert (code, err) == (0, "")
    ((problems, seeds, out), more) = calls[0]
    assert [(p.name, p.depth) for p in problems] == [("circles-64", 64), ("mnist-64", 64)]
    assert (seeds, out) == (3, Path("o"))
    assert more == {
        "version": mgres.__version__,
        "methods": ["mgopt", "fmg"],
        "quick": True,
        "budgets": [5, 20],
    }
    run("compare", "--problem", "flow", "--out", "o")
    defaults = {"methods": None, "quick": False, "budgets": ()}
    assert calls[1][1] == {"version": mgres.__version__, **defaults}


@pytest.mark.parametrize(
    ("options", "name", "block"),
    [
        ("--block two_layer", "circles-two_layer", blocks.TwoLayer(6)),
        (
            "--block gradient --hidden 5 --norm rms --paced --depth 32",
            "circles-32-gradient-5-rms-paced",
            blocks.Gradient(5, norm="rms", paced=True),
        ),
        ("--norm layer", "circles-dense-layer", blocks.Dense(norm="layer")),
        ("--block dense", "circles", blocks.Dense()),
    ],
)
def test_compare_takes_any_block(run, monkeypatch, options, name, block):
    calls = []
    monkeypatch.setattr("mgres.cli.compare.compare", lambda *a, **k: calls.append(a))
    code, _, err = run("compare", "--problem", "circles", "--out", "o", *options.split())
    assert (code, err) == (0, "")
    ((problem,), *_) = calls[0]
    assert (problem.name, problem.net(0).block) == (name, block)


def test_compare_with_a_block_that_pytorch_is_not_told(tmp_path, run):
    """All the way, with a method that cannot take part and says so."""
    (tmp_path / "mine.py").write_text(MINE)
    line = "compare --problem mine.py --seeds 1 --out o --methods single/lbfgs,torch/adam"
    line += " --block two_layer --hidden 7 --norm rms --paced"
    code, out, _ = run(*line.split())
    assert code == 0
    result = json.loads((tmp_path / "o" / "result.json").read_text())
    (settings,) = result["settings"]["problems"].values()
    block = blocks.TwoLayer(7, norm="rms", paced=True)
    assert settings["block"] == repr(block)
    assert result["rows"][0]["problem"] == "mine-two_layer-7-rms-paced"
    assert result["rows"][0]["failures"] == 0
    if len(result["rows"]) == 2:  # with PyTorch
        assert "torch/adam: has here dense and antisymmetric layers" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            "--problem moon",
            "--problem moon: expected some of circles, mnist, digits, spirals, flow",
        ),
        ("--problem circles,circles", "--problem: circles is named twice"),
        ("--problem circles --methods magic", "methods: 'magic': expected some of single/lbfgs, "),
        ("--problem no.csv", "--problem no.csv: needs --target COLUMN"),
        ("--problem no.csv --target y", "no.csv: there is no such file"),
        ("--problem no.py", "no.py: there is no such file"),
        ("--problem circles,", "expected names with commas between them, got 'circles,'"),
        ("--problem circles --seeds 0", "expected an integer from 1"),
        ("--problem circles --block sparse", "expected one of dense, antisymmetric, two_layer"),
        ("--problem circles --hidden 5", "hidden: the block dense has no such option, got 5"),
        ("--problem circles --block hamiltonian", "width: expected an even number"),
        ("", "the following arguments are required: --problem"),
    ],
)
def test_mistakes_of_compare(run, tmp_path, options, message):
    code, out, err = run("compare", "--out", "o", *shlex.split(options))
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "o").exists()

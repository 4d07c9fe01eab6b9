"""The command `mgres`: what it does, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mgres
from mgres.cli import main
from mgres.experiments import EXPERIMENTS, SETUPS, runs

COMMANDS = ("train", "reproduce", "compare", "check", "info")


@pytest.fixture(autouse=True)
def sandbox(monkeypatch, tmp_path):
    """One thread, a folder of its own, and nobody's own MNIST."""
    before = mgres.get_num_threads()
    mgres.set_num_threads(1)
    runs._load.cache_clear()
    monkeypatch.delenv("MGRES_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    yield
    mgres.set_num_threads(before)


def command(line: str, **options) -> subprocess.CompletedProcess[str]:
    """Run `python -m mgres` as a user would."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "mgres", *shlex.split(line)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.fixture
def run(capsys):
    """Run a command in this process; return its exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse's way out
            code = end.code
        return code, *capsys.readouterr()

    return call


# ---- help and versions --------------------------------------------------------------------------


def test_help_names_the_commands(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name in COMMANDS:
        assert re.search(rf"^    {name}\b", out, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_shows_an_example_that_parses(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    (example,) = re.findall(r"^example: mgres (.*)$", out, re.MULTILINE)
    arguments = example.split()
    assert arguments[0] == name
    from mgres.cli import _parser

    assert _parser().parse_args(arguments).run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_option(run, name):
    _, out, _ = run(name, "--help")
    options = out[out.index("options:") : out.index("example:")]
    # an option without help would be followed by the next option or by nothing
    entries = re.split(r"\n  (?=-)", options)[1:]
    for entry in entries:
        text = re.sub(r"^(-\S+,? ?)+(\{[^}]*\}|[A-Z]+)?( \[[A-Z]+ \.\.\.\])?", "", entry)
        assert len(text.split()) >= 2, entry


def test_version(run):
    assert run("--version") == (0, f"mgres {mgres.__version__}\n", "")


def test_info():
    done = command("info")
    assert (done.returncode, done.stderr) == (0, "")
    facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert facts["mgres"] == mgres.__version__
    assert facts["threads"] == "1"
    assert set(facts) >= {"isa", "compiler", "eigen", "numpy", "python", "platform", "processor"}


def test_threads(run):
    code, out, _ = run("info", "--threads", "3")
    assert code == 0
    assert re.search(r"^threads +3$", out, re.MULTILINE)


# ---- mistakes -----------------------------------------------------------------------------------

USAGE = [
    ((), "the following arguments are required: COMMAND"),
    (("fly",), "invalid choice: 'fly' (choose from"),
    (("train",), "the following arguments are required: data, --out"),
    (("train", "circles"), "the following arguments are required: --out"),
    (("train", "squares", "--out", "a"), "argument data: invalid choice: 'squares'"),
    (("train", "circles", "--out"), "argument --out: expected one argument"),
    (("train", "circles", "--levels", "--out", "a"), "--levels: expected at least one argument"),
    (("train", "--levels", "8", "circles", "--out", "a"), "from 1 to 2**31 - 1, got 'circles'"),
    (("train", "circles", "--out", "a", "--fast"), "unrecognized arguments: --fast"),
    (("reproduce", "--out", "a"), "the following arguments are required: name"),
    (("reproduce", "table3", "--out", "a"), "argument name: invalid choice: 'table3'"),
    (("reproduce", "table1"), "the following arguments are required: --out"),
    (
        ("reproduce", "table1", "--problem", "digits", "--out", "a"),
        "argument --problem: invalid choice: 'digits'",
    ),
    (("check",), "the following arguments are required: data"),
    (("check", "circles", "--metric", "l2"), "argument --metric: invalid choice: 'l2'"),
    (("check", "circles", "--prolongation", "x"), "argument --prolongation: invalid choice: 'x'"),
    (("check", "circles", "--projection", "sum"), "argument --projection: invalid choice: 'sum'"),
    (("info", "more"), "unrecognized arguments: more"),
]
INTEGERS = [
    (("train", "circles", "--out", "a"), "--levels"),
    (("train", "circles", "--out", "a"), "--depth"),
    (("train", "circles", "--out", "a"), "--threads"),
    (("reproduce", "table1", "--out", "a"), "--seeds"),
    (("check", "circles"), "--levels"),
    (("check", "circles"), "--depth"),
]
for start, option in INTEGERS:
    for bad in ("0", "-1", "1.5", "x", "", "1e3", str(2**31), "9" * 5000):
        message = f"argument {option}: expected an integer from 1 to 2**31 - 1, got {bad!r}"
        USAGE.append(((*start, option, bad), message))
for bad in ("-1", "x", "1.0"):
    message = f"argument --seed: expected an integer from 0, got {bad!r}"
    USAGE.append((("train", "circles", "--out", "a", "--seed", bad), message))
for option, least, values in (
    ("--learning-rate", "a positive number", ("0", "-1", "x", "nan", "inf", "1e999")),
    ("--beta", "a number from 0", ("-1e-9", "x", "nan", "inf")),
):
    for bad in values:
        message = f"argument {option}: expected {least}, got {bad!r}"
        USAGE.append((("train", "circles", "--out", "a", f"{option}={bad}"), message))


@pytest.mark.parametrize(
    ("arguments", "message"), USAGE, ids=[" ".join(a)[:60] or "none" for a, _ in USAGE]
)
def test_wrong_usage(run, tmp_path, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: mgres")
    assert message in err.splitlines()[-1]
    assert not (tmp_path / "a").exists()


MISTAKES = [
    (
        ("train", "circles", "--levels", "4", "13", "--out", "a"),
        "--levels 13: a depth of 2048 allows at most 12",
    ),
    (
        ("train", "circles", "--levels", "100000000", "--out", "a"),
        "--levels 100000000: a depth of 2048 allows at most 12",
    ),
    (
        ("train", "circles", "--depth", "100", "--levels", "4", "--out", "a"),
        "--levels 4: a depth of 100 allows at most 3",
    ),
    (("check", "circles", "--depth", "63"), "--levels 8: a depth of 63 allows at most 1"),
    (("train", "mnist", "--out", "a"), "MNIST is missing: set MGRES_DATA to the folder"),
    (("reproduce", "table1", "--problem", "mnist", "--out", "a"), "MNIST is missing: set"),
    (("check", "mnist"), "download_mnist()"),
    (("train", "circles", "--out", "file"), "--out file: cannot be made a folder"),
    (("train", "circles", "--out", "file/a"), "--out file/a: cannot be made a folder"),
    (("reproduce", "table1", "--out", "file"), "--out file: cannot be made a folder"),
    (
        ("train", "circles", "--levels", "1", "--depth", str(2**31 - 1), "--out", "a"),
        "Unable to allocate",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=[" ".join(a)[:60] for a, _ in MISTAKES]
)
def test_mistake_is_told_in_one_line(run, tmp_path, monkeypatch, arguments, message):
    if message == "Unable to allocate":
        monkeypatch.setattr("numpy.zeros", out_of_memory)
    (tmp_path / "file").write_text("precious")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mgres: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert (tmp_path / "file").read_text() == "precious"
    assert not (tmp_path / "a" / "result.json").exists()


def out_of_memory(shape, dtype=None):
    raise MemoryError(f"Unable to allocate an array with shape {shape}")


def test_mistakes_of_a_real_process(tmp_path):
    for line in ("train mnist --out a", "train circles --levels 99 --out a", "train circles"):
        done = command(line)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_debug_shows_the_traceback(run):
    with pytest.raises(FileNotFoundError, match="MNIST is missing"):
        run("check", "mnist", "--debug")
    done = command("train circles --levels 99 --out a --debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_folder_that_cannot_be_written_to(run, tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    if os.geteuid() == 0:  # whom no permission stops
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    else:
        (tmp_path / "locked").chmod(0o500)
    code, out, err = run("train", "circles", "--out", "locked")
    assert (code, out, err) == (2, "", "mgres: error: --out locked: cannot be written to\n")


def test_digits_without_scikit_learn(run, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    code, _, err = run("check", "digits", "--depth", "8", "--levels", "1")
    assert code == 2
    assert 'pip install "mgres[sklearn]"' in err
    assert err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("arguments", [["info"], ["check", "circles", "--depth=8", "--levels=2"]])
def test_reader_that_leaves_is_no_error(arguments):
    process = subprocess.Popen(
        [sys.executable, "-m", "mgres", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 141


# ---- check --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "options"),
    [
        (4, ""),
        (1, ""),
        (7, "--double"),
        (4, "--metric time"),
        (4, "--prolongation linear"),
        (4, "--prolongation linear --projection full_weighting"),
        (4, "--projection injection"),
    ],
)
def test_check_of_a_healthy_hierarchy(run, levels, options):
    line = f"check circles --depth 64 --levels {levels} {options}"
    code, out, err = run(*shlex.split(line))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["level", "layers", "dt"]
    layers = [str(64 >> i) for i in range(levels)]
    assert [line.split()[1] for line in lines[1 : 1 + levels]] == layers
    assert "check_hierarchy: ok" in lines
    for part in ("opening", "blocks", "closing"):
        assert re.search(rf"^ +{part} +\d\.\de[+-]\d\d$", out, re.MULTILINE)
    assert "failed" not in out
    assert "nan" not in out


def test_check_fails_with_exit_code_1(run, monkeypatch):
    from mgres.resnet import DepthTransfer

    def sum_up(self, fine, out):
        self.restrict(fine, out)

    monkeypatch.setattr(DepthTransfer, "project", sum_up)
    code, out, _ = run("check", "circles", "--depth", "64", "--levels", "4")
    assert code == 1
    assert "check_hierarchy: FAILED" in out
    assert "failed: " in out


# ---- train --------------------------------------------------------------------------------------


def test_train(tmp_path):
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
    (row,) = json.loads((tmp_path / "o" / "result.json").read_text())["rows"]
    assert row["learning_rate"] == 0.3
    assert row["beta"] == 0
    assert row["seeds"] == [3]
    assert row["depth"] == 16


def test_train_that_diverges_completes(tmp_path):
    done = command("train circles --depth 16 --levels 3 --learning-rate 1e300 --quiet --out o")
    assert (done.returncode, done.stderr) == (0, "")
    assert "missed" in done.stdout
    assert "it diverged" in done.stdout
    (row,) = json.loads((tmp_path / "o" / "result.json").read_text())["rows"]
    assert row["work_units"] is None
    assert row["stopped"] == ["divergence"]


def test_interrupted_training(run, tmp_path, monkeypatch):
    def press(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mgres.experiments.runs.fit", press)
    code, out, err = run("train", "circles", "--depth", "16", "--levels", "1", "--out", "o")
    assert (code, out) == (130, "")
    assert err.strip() == "mgres: interrupted; nothing was written"
    assert list((tmp_path / "o").iterdir()) == []


# ---- reproduce ----------------------------------------------------------------------------------

# `mgres`, with shallow networks and few samples; SPIN makes one run last for ever
DRIVER = """
import importlib, itertools, os, signal, sys
from dataclasses import replace
import mgres
from mgres.cli import main
from mgres.experiments import SETUPS
signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest may run with SIGINT ignored
SETUPS["circles"] = replace(
    SETUPS["circles"], depth=128, load=lambda seed: mgres.datasets.circles(seed, 300, 100)
)
module = importlib.import_module("mgres.experiments.reproduce")
run, number = module.run, itertools.count(1)
def spinning(spec):
    if next(number) == int(os.environ.get("SPIN", "0")):
        print("spinning", file=sys.stderr, flush=True)
        while True:
            run(spec)
    return run(spec)
module.run = spinning
sys.exit(main(sys.argv[1:]))
"""
TABLE1 = ["reproduce", "table1", "--seeds", "2", "--threads", "1", "--out"]


def driver(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", DRIVER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def without_seconds(value):
    if isinstance(value, dict):
        skipped = ("seconds", "environment")
        return {k: without_seconds(v) for k, v in value.items() if k not in skipped}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


def without_matplotlib(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a process that has no matplotlib."""
    stub = tmp_path / "stub" / "matplotlib"
    stub.mkdir(parents=True, exist_ok=True)
    (stub / "__init__.py").write_text("raise ImportError('No module named matplotlib')\n")
    path = [str(stub.parent), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, path))}


def test_reproduce_interrupted_and_resumed(tmp_path):
    process = driver(*TABLE1, "out", SPIN="6")
    told = []
    while not told or told[-1] != "spinning\n":
        told.append(process.stderr.readline())
        assert told[-1], told
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.strip() == "mgres: interrupted; finished runs are kept; the same command resumes"
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".table1-circles.partial.json"]
    assert len(told) == 6

    resumed = driver(*TABLE1, "out")
    out, err = resumed.communicate(timeout=60)
    assert resumed.returncode == 0
    assert err.splitlines()[0] == "resuming: 5 finished runs found in out"
    assert not set(told) & set(err.splitlines(keepends=True))
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"result.json", "table1.png"}

    whole = driver(*TABLE1, "whole", **without_matplotlib(tmp_path))
    out_of_whole, _ = whole.communicate(timeout=60)
    assert whole.returncode == 0
    results = [json.loads((tmp_path / d / "result.json").read_text()) for d in ("out", "whole")]
    assert without_seconds(results[0]) == without_seconds(results[1])
    # the second process had no matplotlib
    plots = [line for line in out_of_whole.splitlines() if "plot" in line]
    assert plots == ['plots skipped: matplotlib is missing (pip install "mgres[plot]")']
    assert [p.name for p in (tmp_path / "whole").iterdir()] == ["result.json"]


def test_train_without_matplotlib(tmp_path):
    done = command(
        "train circles --depth 16 --levels 2 --quiet --out o",
        env={**os.environ, **without_matplotlib(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    last = done.stdout.splitlines()[-1]
    assert last == 'plots skipped: matplotlib is missing (pip install "mgres[plot]")'
    assert [p.name for p in (tmp_path / "o").iterdir()] == ["result.json"]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("problem", ["circles", "mnist"])
def test_reproduce_passes_its_options_on(run, monkeypatch, tmp_path, name, problem):
    calls = []
    monkeypatch.setattr("mgres.cli.reproduce", lambda *a, **k: calls.append((a, k)))
    code, _, err = run(
        "reproduce", name, "--problem", problem, "--seeds", "7", "--quick", "--out", "d"
    )
    assert (code, err) == (0, "")
    assert calls == [((name, problem, 7, Path("d")), {"version": mgres.__version__, "quick": True})]
    assert (tmp_path / "d").is_dir()


def test_defaults_of_reproduce(run, monkeypatch):
    calls = []
    monkeypatch.setattr("mgres.cli.reproduce", lambda *a, **k: calls.append((a, k)))
    run("reproduce", "figure5", "--out", "d")
    assert calls[0][0] == ("figure5", "circles", 5, Path("d"))
    assert calls[0][1]["quick"] is False


def test_problems_of_the_commands(run):
    assert set(SETUPS) == {"circles", "mnist", "digits"}
    for name in SETUPS:
        assert name in run("train", "--help")[1]


# ---- compare ------------------------------------------------------------------------------------

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


def test_compare_own_problem(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    line = "compare --problem mine.py --seeds 2 --out o --methods single/lbfgs,recommended"
    done = command(line, env={**os.environ, **without_matplotlib(tmp_path)})
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
    monkeypatch.setattr("mgres.cli.compare", lambda *a, **k: calls.append((a, k)))
    rows = [f"{i},{i * i % 7},{'even' if i % 2 else 'odd'}" for i in range(20)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,c", *rows]))
    code, _, err = run("compare", "--problem", "data.csv", "--target", "c", "--out", "o")
    assert (code, err) == (0, "")
    (((problem,), seeds, _), _) = calls[0]
    assert (problem.name, seeds) == ("data", 5)


def test_compare_passes_its_options_on(run, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("mgres.cli.compare", lambda *a, **k: calls.append((a, k)))
    options = "--problem circles,mnist --seeds 3 --methods mgopt,fmg --depth 64 --quick --out o"
    code, _, err = run("compare", *shlex.split(options))
    assert (code, err) == (0, "")
    ((problems, seeds, out), more) = calls[0]
    assert [(p.name, p.depth) for p in problems] == [("circles-64", 64), ("mnist-64", 64)]
    assert (seeds, out) == (3, Path("o"))
    assert more == {"version": mgres.__version__, "methods": ["mgopt", "fmg"], "quick": True}
    run("compare", "--problem", "flow", "--out", "o")
    assert calls[1][1] == {"version": mgres.__version__, "methods": None, "quick": False}


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
        ("", "the following arguments are required: --problem"),
    ],
)
def test_mistakes_of_compare(run, tmp_path, options, message):
    code, out, err = run("compare", "--out", "o", *shlex.split(options))
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "o").exists()

"""`mgres reproduce`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mgres
from mgres.experiments import EXPERIMENTS

# `mgres`, with shallow networks and few samples; SPIN makes one run last for ever
DRIVER = """
import importlib, itertools, os, signal, sys
from dataclasses import replace
import mgres
from mgres.cli import main
from mgres.runs import SETUPS
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


def test_reproduce_interrupted_and_resumed(tmp_path, without_matplotlib):
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

    whole = driver(*TABLE1, "whole", **without_matplotlib)
    out_of_whole, _ = whole.communicate(timeout=60)
    assert whole.returncode == 0
    results = [json.loads((tmp_path / d / "result.json").read_text()) for d in ("out", "whole")]
    assert without_seconds(results[0]) == without_seconds(results[1])
    # the second process had no matplotlib
    plots = [line for line in out_of_whole.splitlines() if "plot" in line]
    assert plots == ['plots skipped: matplotlib is missing (pip install "mgres[plot]")']
    assert [p.name for p in (tmp_path / "whole").iterdir()] == ["result.json"]


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("problem", ["circles", "mnist"])
def test_reproduce_passes_its_options_on(run, monkeypatch, tmp_path, name, problem):
    calls = []
    monkeypatch.setattr("mgres.cli.reproduce.reproduce", lambda *a, **k: calls.append((a, k)))
    code, _, err = run(
        "reproduce", name, "--problem", problem, "--seeds", "7", "--quick", "--out", "d"
    )
    assert (code, err) == (0, "")
    assert calls == [((name, problem, 7, Path("d")), {"version": mgres.__version__, "quick": True})]
    assert (tmp_path / "d").is_dir()


def test_defaults_of_reproduce(run, monkeypatch):
    calls = []
    monkeypatch.setattr("mgres.cli.reproduce.reproduce", lambda *a, **k: calls.append((a, k)))
    run("reproduce", "figure5", "--out", "d")
    assert calls[0][0] == ("figure5", "circles", 5, Path("d"))
    assert calls[0][1]["quick"] is False

"""The benchmarks of blocks and of depth run, and refuse wrong answers."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture(autouse=True)
def _beside_each_other(monkeypatch) -> None:
    """As for a script, whose folder is on the path."""
    monkeypatch.syspath_prepend(str(BENCH))


def test_every_case_agrees_with_pytorch(capsys) -> None:
    pytest.importorskip("torch", reason="torch is missing: nothing to compare with")
    bench = runpy.run_path(str(BENCH / "blocks.py"), run_name="bench_blocks")
    assert bench["main"](["--depth", "2", "--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 + len(bench["CASES"])
    assert all(" x" in line for line in lines[3:])


def test_sparse_matrices_agree_with_full_ones(capsys, monkeypatch) -> None:
    pytest.importorskip("torch", reason="torch is missing: nothing to compare with")
    bench = runpy.run_path(str(BENCH / "sparse.py"), run_name="bench_sparse")
    few = ["--width", "24", "--depth", "3", "--repeats", "1", "--samples", "9"]
    assert bench["main"](few) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 + len(bench["PATTERNS"])
    assert all(" x" in line for line in lines[3:])
    wrong = bench["play"].__globals__
    monkeypatch.setitem(wrong, "torch_gradient", lambda *_: lambda: np.ones((3, 1)))
    assert bench["main"](few) == 1
    assert "PyTorch differs by" in capsys.readouterr().err


def test_a_wrong_answer_is_told(capsys, monkeypatch) -> None:
    pytest.importorskip("torch", reason="torch is missing: nothing to compare with")
    bench = runpy.run_path(str(BENCH / "blocks.py"), run_name="bench_blocks")
    wrong = bench["play"].__globals__
    monkeypatch.setitem(wrong, "torch_gradient", lambda *_, **__: lambda: np.ones(1))
    assert bench["main"](["--depth", "1", "--repeats", "1", "--case", "gradient-16-1000"]) == 1
    assert "eager differs by" in capsys.readouterr().err


def test_the_law_prints_a_rate_for_every_depth(capsys) -> None:
    bench = runpy.run_path(str(BENCH / "depth.py"), run_name="bench_depth")
    bench["main"](["law", "--seeds", "1", "--depths", "16,32", "--steps", "2"])
    rows = capsys.readouterr().out.splitlines()[3:]
    kinds = ["gradient descent", "of the layers only", "Adam"]
    assert [row.split(",")[0] for row in rows] == [kind for kind in kinds for _ in range(2)]
    assert all(len(row.split()) >= 6 for row in rows)


def test_two_layer_networks_learn(capsys) -> None:
    bench = runpy.run_path(str(BENCH / "depth.py"), run_name="bench_depth")
    bench["main"](["two-layer", "--seeds", "1", "--depths", "16", "--epochs", "2"])
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row[0] == "16"
    assert float(row[3]) < float(row[1])


def test_both_scalings_of_lorenz_flow() -> None:
    """The figures in the documentation rest on these data."""
    made = {
        name: runpy.run_path(str(BENCH / f"{name}.py"), run_name=f"bench_{name}")["lorenz"](300)
        for name in ("depth", "budgets")
    }
    assert [len(part) for part in made["depth"]] == [2000, 2000, 500, 500]
    assert [len(part) for part in made["budgets"]] == [2500, 2500, 500, 500]
    expected = {
        "depth": ([0.3896, -1.1043, -0.6926], [0.1363, 0.2889, -0.1578]),
        "budgets": ([0.5844, -1.3804, -1.0389], [0.2045, 0.3611, -0.2367]),
    }
    for name, first in expected.items():
        np.testing.assert_allclose([part[0] for part in made[name][:2]], first, atol=1e-4)

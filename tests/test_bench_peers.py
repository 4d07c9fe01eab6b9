"""The peer benchmark runs, checks its answers and says clearly what is wrong."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
REPEATS = 7

needs_torch = pytest.mark.skipif(
    find_spec("torch") is None, reason="PyTorch is not installed: pip install '.[torch]'"
)
# what `python bench/peers.py` does, where PyTorch, JAX and matplotlib are not installed
ALONE = f"""
import runpy, sys
sys.modules.update(torch=None, jax=None, matplotlib=None)
sys.path.insert(0, {str(BENCH)!r})
runpy.run_path({str(BENCH / "peers.py")!r}, run_name="__main__")
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=900, check=False
    )


def peers(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python(str(BENCH / "peers.py"), *arguments)


def quick(folder: Path, *arguments: str) -> tuple[str, ...]:
    return ("--quick", "--threads=1", f"--repeats={REPEATS}", f"--out={folder}", *arguments)


def check(folder: Path) -> dict[str, dict]:
    """Check what holds for each row of peers.json; return the rows of the headline by peer."""
    result = json.loads((folder / "peers.json").read_text())
    assert result["name"] == "peers"
    assert result["settings"]["threads"] == result["environment"]["threads"] == 1
    assert result["environment"]["mgres_threads"] == 1
    assert result["environment"]["isa"] in ("base", "v3", "v4")
    assert result["environment"]["mgres"]
    for row in result["rows"]:
        assert len(row["seconds"]) == REPEATS
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert row["median"] == np.median(row["seconds"])
        operations = 6 * row["width"] ** 2 * row["samples"] * row["depth"]
        assert row["gflops"] == pytest.approx(operations / row["median"] / 1e9)
        assert row["error"] <= (1e-4 if row["dtype"] == "float32" else 1e-10)
        (mgres,) = (r for r in result["rows"] if r["case"] == row["case"] and r["peer"] == "mgres")
        assert row["ratio"] == pytest.approx(row["median"] / mgres["median"])
        assert row["target"] is None  # few layers say nothing about speed
    return {row["peer"]: row for row in result["rows"] if row["case"] == "headline"}


@needs_torch
@pytest.mark.parametrize("case", ["headline", pytest.param("all", marks=pytest.mark.slow)])
def test_beside_pytorch(case: str, tmp_path: Path) -> None:
    done = peers(*quick(tmp_path, f"--case={case}"))
    assert done.returncode == 0, done.stderr
    rows = check(tmp_path)
    assert list(rows)[:3] == ["mgres", "torch", "torch-features"]
    assert rows["torch"]["depth"] == 32
    assert "x as fast as PyTorch eager on 1 thread" in done.stdout


def test_without_any_peer(tmp_path: Path) -> None:
    done = python("-c", ALONE, *quick(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "PyTorch is not installed and left out: pip install torch" in done.stdout
    assert "JAX is not installed and left out: pip install 'jax[cpu]'" in done.stdout
    assert "pip install matplotlib" in done.stdout
    assert list(check(tmp_path)) == ["mgres"]
    assert [path.name for path in tmp_path.iterdir()] == ["peers.json"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--case=width-7"], "invalid choice: 'width-7'"),
        (["--threads=0"], "argument --threads: expected at least 1, got 0"),
        (["--threads=two"], "invalid int value: 'two'"),
        (["--repeats=6"], "argument --repeats: expected at least 7, got 6"),
        ([f"--out={__file__}"], "argument --out: expected a folder"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_arguments(arguments: list[str], complaint: str) -> None:
    done = peers(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_answers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from peers.cases import CASES, Problem, WrongAnswerError, compare, ours

    problem = Problem.of(CASES["headline"].quick())
    mgres = ours(problem)
    value, gradient = mgres.unpack(mgres.call())
    assert compare(problem, "copy", (value, gradient.copy()), (value, gradient)) == 0
    for part in ("Q", "W", "b", "W_out", "b_out"):
        wrong = gradient.copy()
        getattr(problem.net.views(wrong), part)[:] *= 1.001
        with pytest.raises(WrongAnswerError, match=f"copy: .* in {part}$"):
            compare(problem, "copy", (value, wrong), (value, gradient))
    with pytest.raises(WrongAnswerError, match="in loss"):
        compare(problem, "copy", (1.001 * value, gradient), (value, gradient))
    with pytest.raises(WrongAnswerError, match="nan"):
        compare(problem, "copy", (math.nan, gradient), (value, gradient))


def test_target_belongs_to_eager_pytorch_in_the_headline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))
    from peers import report
    from peers.cases import CASES, Contestant
    from peers.timing import Times

    ours, fast, slow = (Times([t] * 3, [2.0] * 3) for t in (0.01, 0.02, 0.2))

    def sentence(case: str, peer: str, times: Times) -> str:
        contestant = Contestant(peer, "it", call=lambda: None, unpack=lambda _: (0.0, np.empty(0)))
        return report.verdict(
            report.make_row(case, CASES[case], contestant, times, ours, 0.0), threads=2
        )

    start = "mgres is 20.0 x as fast as it on 2 threads"
    assert sentence("headline", "torch", slow) == f"{start} (target 15 x): reached"
    assert sentence("headline", "torch-features", fast).endswith("(target 15 x): missed")
    assert sentence("headline", "torch-compile", slow) == start
    assert sentence("headline", "jax", slow) == start
    assert sentence("width-64", "torch", slow) == start

"""The peer benchmark runs, checks its answers, judges numbers and says clearly what is wrong."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
REPEATS = 7
CASES = {"headline", "width-3", "width-32", "width-64", "width-256", "tanh", "double"}

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


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests import the parts of the benchmark."""
    monkeypatch.syspath_prepend(str(BENCH))


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=900, check=False
    )


def peers(*arguments: str) -> subprocess.CompletedProcess[str]:
    return python(str(BENCH / "peers.py"), *arguments)


def quick(folder: Path, *arguments: str) -> tuple[str, ...]:
    return ("--quick", f"--repeats={REPEATS}", f"--out={folder}", *arguments)


def check(folder: Path, threads: list[int]) -> dict:
    """Check what holds for every peers.json; return it."""
    result = json.loads((folder / "peers.json").read_text())
    assert result["name"] == "peers"
    assert result["settings"]["threads"] == threads
    assert result["environment"]["isa"] in ("base", "v3", "v4")
    assert result["environment"]["mgres"]
    for row in result["rows"]:
        assert len(row["seconds"]) == REPEATS
        assert 0 < row["min"] <= row["median"] <= row["max"]
        assert row["median"] == np.median(row["seconds"])
        operations = 6 * row["width"] ** 2 * row["samples"] * row["depth"]
        assert row["gflops"] == pytest.approx(operations / row["median"] / 1e9)
        assert row["share"] == pytest.approx(row["gflops"] / row["peak"])
        assert row["error"] <= (1e-4 if row["dtype"] == "float32" else 1e-10)
        (mgres,) = (
            r
            for r in result["rows"]
            if r["peer"] == "mgres" and all(r[key] == row[key] for key in ("case", "threads"))
        )
        assert row["ratio"] == pytest.approx(row["median"] / mgres["median"])
    for finding in result["findings"]:
        assert finding["threads"] in threads
        assert finding["value"] > 0
        assert finding["target"] is None  # few layers say nothing about speed
        assert finding["verdict"] == ""
    return result


@needs_torch
@pytest.mark.parametrize("case", ["headline", pytest.param("all", marks=pytest.mark.slow)])
def test_beside_pytorch(case: str, tmp_path: Path) -> None:
    done = peers(*quick(tmp_path, f"--case={case}", "--threads=1", "--peers=eager"))
    assert done.returncode == 0, done.stderr
    rows = [r for r in check(tmp_path, [1])["rows"] if r["case"] == "headline"]
    assert [row["peer"] for row in rows] == ["mgres", "torch", "torch-features"]
    assert rows[0]["depth"] == 32
    assert "best peer" in done.stdout
    assert "PyTorch eager" in done.stdout.split("==== 1 thread ====")[1]


@pytest.mark.slow
@needs_torch
def test_compiled_pytorch_runs_or_is_left_out(tmp_path: Path) -> None:
    done = peers(*quick(tmp_path, "--case=tanh", "--threads=1", "--peers=compiled"))
    assert done.returncode == 0, done.stderr
    there = [row["peer"] for row in check(tmp_path, [1])["rows"]]
    for key, title in (
        ("torch-compile", "PyTorch compiled"),
        ("torch-compile-features", "PyTorch compiled (features first)"),
    ):
        assert (key in there) != (f"{title} is left out" in done.stdout)


def test_without_any_peer(tmp_path: Path) -> None:
    done = python("-c", ALONE, *quick(tmp_path, "--case=headline", "--threads=1"))
    assert done.returncode == 0, done.stderr
    assert "PyTorch is not installed and left out: pip install torch" in done.stdout
    assert "JAX is not installed and left out: pip install 'jax[cpu]'" in done.stdout
    assert "pip install matplotlib" in done.stdout
    assert "none measured" in done.stdout
    result = check(tmp_path, [1])
    assert [row["peer"] for row in result["rows"]] == ["mgres"]
    assert [finding["name"] for finding in result["findings"]] == ["headline: share of the peak"]
    assert [path.name for path in tmp_path.iterdir()] == ["peers.json"]


def test_each_number_of_threads_in_one_command(tmp_path: Path) -> None:
    done = peers(*quick(tmp_path, "--case", "width-3", "scaling", "--peers=none"))
    assert done.returncode == 0, done.stderr
    result = check(tmp_path, [1, 2])
    assert [row["threads"] for row in result["rows"]] == [1, 2]
    assert done.stdout.index("==== 1 thread ====") < done.stdout.index("==== 2 threads ====")
    scaling = [f for f in result["findings"] if "threads against 1" in f["name"]]
    assert {finding["threads"] for finding in scaling} == {2}
    assert {finding["name"].split(":")[0] for finding in scaling} == CASES
    assert (tmp_path / "peers-1.png").exists() == (find_spec("matplotlib") is not None)


def test_extra_measurements(tmp_path: Path) -> None:
    extras = ("forward", "small-level", "large-batch")
    done = peers(*quick(tmp_path, "--threads=1", "--widths=2-6", "--case", *extras))
    assert done.returncode == 0, done.stderr
    result = check(tmp_path, [1])
    assert result["rows"] == []
    assert [point["width"] for point in result["widths"]] == [2, 3, 4, 5, 6]
    assert [finding["name"] for finding in result["findings"]] == [
        *(f"forward alone, width {width}: share of the peak" for width in (10, 32, 64, 128, 256)),
        "small level, depth 16, 1,000 samples",
        "784 inputs, 10 classes against 2 and 2, depth 16",
        "60,000 samples: memory",
        "60,000 samples: speed per sample against 1,000",
        "width 2",
        "width 3",
        "widths 4 to 5: worst against its neighbours",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--case=width-7"], "invalid choice: 'width-7'"),
        (["--threads=0"], "argument --threads: expected at least 1, got 0"),
        (["--threads=1,two"], "argument --threads: expected an integer, got 'two'"),
        (["--widths=9-5"], "argument --widths: expected widths such as 1-128, got '9-5'"),
        (["--widths=0-5"], "argument --widths: expected widths such as 1-128, got '0-5'"),
        (["--peers=numpy"], "invalid choice: 'numpy'"),
        (["--minutes=0"], "argument --minutes: expected a positive number, got 0"),
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


def test_wrong_answers_are_found() -> None:
    from peers.cases import CASES
    from peers.contestants import WrongAnswerError, compare, ours
    from peers.problem import Problem

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


def test_every_case_has_its_targets() -> None:
    from peers import cases, targets

    assert cases.CASES.keys() == targets.CASES.keys() == CASES


def test_verdicts() -> None:
    from peers.targets import Target, share, small_level, times

    assert share(60).verdict(0.6) == "met"
    assert share(60).verdict(0.52) == "missed: 52 % of 60 %"
    assert str(share(60)) == ">= 60 %"
    assert times(2.5).verdict(2.51) == "met"
    assert times(14).verdict(7.62) == "missed: 7.62 x of 14 x"
    memory = Target(100, "MB", at_most=True)
    assert memory.verdict(99) == "met"
    assert memory.verdict(2345.6) == "missed: 2,346 MB, at most 100 MB"
    assert str(memory) == "<= 100 MB"
    # 1.3 x 1/128 of 12.8 ms, and 20 µs
    assert small_level(12.8e-3, 16 / 2048).bound == pytest.approx(150)
    assert times(2).verdict(math.nan).startswith("missed")


def row(peer: str, median: float, share: float, threads: int = 1) -> dict:
    return {
        "case": "headline",
        "peer": peer,
        "title": peer,
        "threads": threads,
        "median": median,
        "share": share,
        "gflops": 250 * share,
        "peak": 250.0,
        "ratio": median / 0.01,
        "disturbed": "",
    }


def test_case_is_judged_by_the_peak_and_by_the_best_peer() -> None:
    from peers import report
    from peers.match import Match

    slow, fast = row("slow", 0.2, 0.03), row("fast", 0.1, 0.06)
    match = Match([row("mgres", 0.01, 0.61), slow, fast])
    assert match.share.verdict == "met"
    assert match.best_peer is fast
    assert match.ratio.verdict == "missed: 10 x of 14 x"
    assert match.ratio.detail == "fast, 100.00 ms; the peak itself is 16.7 x as fast"
    (_, line) = report.cases([match]).splitlines()
    assert " ".join(line.split()) == (
        "headline 10.00 152.5 250.0 61 % >= 60 % met "
        "fast 100.00 6 % 10 x >= 14 x missed: 10 x of 14 x"
    )

    alone = Match([row("mgres", 0.01, 0.3)])
    assert alone.ratio is None
    assert [finding.verdict for finding in alone.findings] == ["missed: 30 % of 60 %"]
    # the share is judged on one thread, the ratio on any number
    two = Match([row("mgres", 0.01, 0.3, threads=2), row("fast", 0.15, 0.06, threads=2)])
    assert [finding.verdict for finding in two.findings] == ["", "met"]
    busy = Match([{**row("mgres", 0.01, 0.61), "disturbed": "got 0.7 of 1 cores"}, fast])
    assert [finding.verdict for finding in busy.findings] == ["not judged", "not judged"]
    quick = Match([row("mgres", 0.01, 0.3), fast], judged=False)
    assert [finding.verdict for finding in quick.findings] == ["", ""]


def test_cliffs() -> None:
    from peers.widths import beside_neighbours, findings

    assert beside_neighbours({2: 1, 3: 1, 4: 3, 5: 5, 6: 1, 8: 9}) == {4: 1.0, 5: 2.5}

    def verdict(*gflops: float) -> str:
        points = enumerate(gflops, start=4)
        return findings([{"width": w, "gflops": g, "disturbed": ""} for w, g in points])[0].verdict

    assert verdict(10, 12, 14, 13) == "met"
    assert verdict(10, 12, 6, 13) == "missed: 48 % of 60 %"


def test_time_limit() -> None:
    from peers.limit import time_limit

    with pytest.raises(TimeoutError, match=r"not done after 0.001 min"), time_limit(0.001):
        time.sleep(10)
    with time_limit(0.001):
        pass
    time.sleep(0.1)  # and no alarm afterwards


def test_turns_go_forth_and_back() -> None:
    from peers.timing import Pace, interleave

    class Meter:
        def __init__(self, name: str) -> None:
            self.name = name

        def turn(self) -> None:
            order.append(self.name)

    order: list[str] = []
    interleave([Meter("a"), Meter("b")], Pace(repeats=3))
    assert "".join(order) == "abbaab"

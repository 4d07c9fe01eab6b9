"""The timing of a V-cycle runs, accounts for every second once, and refuses bad options."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture(scope="module")
def bench() -> dict:
    return runpy.run_path(str(BENCH / "cycle.py"), run_name="bench_cycle")


def test_nested_times_are_counted_once(bench: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(sys.modules["time"], "perf_counter", lambda: float(next(clock)))
    watch = bench["Stopwatch"]()
    with watch("outer"):  # 0 to 5
        with watch("inner"):  # 1 to 2
            pass
        with watch("inner"):  # 3 to 4
            pass
    assert watch.seconds == {"outer": 3.0, "inner": 2.0}


def test_a_measurement_has_all_parts(bench: dict, tmp_path: Path, capsys) -> None:
    arguments = ["--problem", "circles", "--depth", "128", "--threads", "1", "--inner", "1"]
    assert bench["main"]([*arguments, "--repeats", "7", "--out", str(tmp_path)]) == 0
    (row,) = json.loads((tmp_path / "cycle.json").read_text())["rows"]
    assert row["work_units"] == pytest.approx(5.19, abs=0.01)
    assert set(row["parts_ms"]) == {"kernels", "optimiser", "transfers", "engine"}
    assert all(ms > 0 for ms in row["parts_ms"].values())
    assert row["ratio"] > 0
    assert "circles: 8 levels, depth 128" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ratio", "words"), [(1.1, "met: 1.10 of at most 1.15"), (1.2, "missed: 1.20 of at most 1.15")]
)
def test_the_verdict_compares(bench: dict, ratio: float, words: str) -> None:
    assert bench["verdict"]({"ratio": ratio, "target": 1.15}) == words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--depth", "100"], "expected a multiple of 128 for 8 levels, got 100"),
        (["--repeats", "3"], "expected at least 7, got 3"),
        (["--threads", "0"], "expected at least 1"),
    ],
)
def test_bad_options_are_named(bench: dict, arguments: list[str], message: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        bench["main"](arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_missing_data_are_said(bench: dict, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("MGRES_DATA", "/nowhere")
    assert bench["main"](["--problem", "mnist", "--threads", "1"]) == 2
    assert "MNIST is missing" in capsys.readouterr().err

"""The guard on instruction counts judges and stores as it says; valgrind is not needed here."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
COUNTS = {"narrow": 1000, "wide": 20_000}


@pytest.fixture
def tool(tmp_path, monkeypatch) -> ModuleType:
    """The script, for which a build and valgrind are played by a compiler gcc-12 and `COUNTS`."""
    spec = importlib.util.spec_from_file_location("instructions", ROOT / "tools/instructions.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "instructions", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "obstacle", lambda: None)
    monkeypatch.setattr(module, "build", lambda: None)
    monkeypatch.setattr(module, "run", lambda command: "\n".join(["gcc-12", "12.2.0", *COUNTS]))
    monkeypatch.setattr(module, "count", COUNTS.__getitem__)
    monkeypatch.setattr(module, "STORE", tmp_path / "counts.json")
    return module


def store(tool: ModuleType, compiler: str, **counts: int) -> None:
    tool.STORE.write_text(json.dumps({compiler: {"version": "12.1.0", "counts": counts}}))


@pytest.mark.parametrize("narrow", [975, 1000, 1025])
def test_within_the_band(tool, narrow):
    store(tool, "gcc-12", **COUNTS | {"narrow": narrow})
    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize(("narrow", "change"), [(960, "+4.2%"), (1040, "-3.8%")])
def test_outside_the_band(tool, narrow, change, capsys):
    store(tool, "gcc-12", **COUNTS | {"narrow": narrow})
    assert tool.main(["--check"]) == 1
    complaint = capsys.readouterr().err
    assert f"narrow: {change} instructions, outside ±3%" in complaint
    assert "wide" not in complaint
    assert "tools/instructions.py --update" in complaint
    assert tool.main([]) == 0


def test_cases_must_match(tool, capsys):
    store(tool, "gcc-12", narrow=1000, deep=1)
    assert tool.main(["--check"]) == 1
    complaint = capsys.readouterr().err
    assert "wide: not stored" in complaint
    assert "deep: stored, but no longer counted" in complaint


def test_another_compiler_is_skipped_aloud(tool, capsys):
    store(tool, "clang-14", **COUNTS)
    assert tool.main(["--check"]) == 0
    assert "!!! SKIPPED" in (said := capsys.readouterr().out)
    assert "no counts of gcc-12, only of clang-14" in said


def test_update_leaves_other_compilers_alone(tool, capsys):
    store(tool, "clang-14", narrow=7)
    assert tool.main(["--update"]) == 0
    assert "out of date: clang-14" in capsys.readouterr().out
    stored = json.loads(tool.STORE.read_text())
    assert stored["gcc-12"] == {"version": "12.2.0", "counts": COUNTS}
    assert stored["clang-14"]["counts"] == {"narrow": 7}
    assert tool.main(["--check"]) == 0


def test_what_is_missing_is_said(tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, "obstacle", lambda: "valgrind is missing (apt install valgrind)")
    assert tool.main(["--check"]) == 2
    assert "valgrind is missing (apt install valgrind)" in capsys.readouterr().err


def test_committed_counts_are_complete():
    stored = json.loads((ROOT / "bench/instructions/counts.json").read_text())
    assert "gcc-12" in stored  # the compiler of the continuous integration
    for entry in stored.values():
        assert len(entry["counts"]) == 3
        assert all(count > 0 for count in entry["counts"].values())

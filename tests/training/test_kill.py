"""Runs that are killed at random moments go on as if nothing had happened."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(ROOT / "tools"))
    spec = importlib.util.spec_from_file_location("kill_tool", ROOT / "tools/kill.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_tool"] = module
    spec.loader.exec_module(module)
    sys.path.pop(0)
    yield module
    del sys.modules["kill_tool"]


def assert_nothing_is_lost(tool, recipe, kills):
    seed = int(os.environ.get("MGRES_TEST_SEED", "0"))
    report = tool.kill_often(recipe, kills, seed)
    assert report.kills == kills
    assert report.is_good, report
    assert report.cycles > 0


@pytest.mark.parametrize("recipe", ["cascade", "batches"])
def test_killed_runs_go_on(tool, recipe):
    assert_nothing_is_lost(tool, recipe, kills=5)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["cascade", "batches"])
def test_runs_killed_often_go_on(tool, recipe):
    assert_nothing_is_lost(tool, recipe, kills=50)


def test_half_a_file_is_counted(tool, tmp_path):
    (tmp_path / "checkpoint-00000001.safetensors").write_bytes(b"half")
    report = tool.Report("batches")
    tool.look(tmp_path, report)
    assert report.unreadable == 1
    assert not report.is_good

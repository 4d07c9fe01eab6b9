"""README.md does what it says; that its blocks and commands run, other files here test."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex

import pytest

import mgres
from mgres.cli import main

from .pages import ROOT, blocks, mgres_commands, read

README = "README.md"


def test_five_lines_train_to_accuracy_1(folder):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(blocks(README, "python")[0], {})
    accuracy, work_units = map(float, out.getvalue().split())
    assert accuracy == 1.0
    assert 0 < work_units < 2


def test_install_command_has_the_expected_form():
    first = blocks(README, "sh")[0]
    assert first.count("\n") == 1  # one line to paste
    venv, pip, train = (shlex.split(part) for part in first.split("&&"))
    assert venv == ["python3", "-m", "venv", ".venv"]
    assert pip[:2] == [".venv/bin/pip", "install"]
    assert train[0] == ".venv/bin/mgres"
    assert len(pip) == 3
    extras = re.fullmatch(r"\.\[([a-z,]+)\]", pip[2])[1].split(",")
    project = read("pyproject.toml")
    for extra in extras:
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)


def test_extras_that_are_named_exist():
    named = re.search(r"Extras: ([^.]*)\.", read(README))[1]
    project = read("pyproject.toml")
    extras = re.findall(r"`(\w+)`", named)
    assert len(extras) > 5
    for extra in extras:
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)


def test_first_command_compares_8_levels_with_1(folder):
    pytest.importorskip("matplotlib", reason="matplotlib is missing: there would be no plot")
    words = next(words for words in mgres_commands(README) if "--levels" in words)
    assert main([*words, "--threads", "1"]) == 0
    out = folder / words[words.index("--out") + 1]
    rows = json.loads((out / "result.json").read_text())["rows"]
    assert [(row["levels"], row["depth"], row["reached"]) for row in rows] == [
        (8, 2048, 1),
        (1, 2048, 1),
    ]
    assert rows[0]["work_units"] < rows[1]["work_units"]
    assert (out / "convergence.png").is_file()


@pytest.mark.parametrize("name", ["table1", "table2", "figure4", "figure5", "sensitivity"])
def test_experiments_that_are_named_exist(name):
    from mgres.experiments import EXPERIMENTS

    assert name in read(README)
    assert name in EXPERIMENTS


def test_what_import_needs():
    """NumPy alone, as the README says; `tests/test_import.py` looks at the modules."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (dependencies,) = re.findall(r"^dependencies = \[(.*)\]$", project, re.MULTILINE)
    assert re.fullmatch(r'"numpy[^"]*"(, "tomli[^"]*.*")?', dependencies)
    assert mgres.__version__ in project

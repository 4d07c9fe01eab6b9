"""README.md does what it says."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mgres

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def commands(name: str) -> list[list[str]]:
    """Return the words of every command in the sh blocks that starts with `name`."""
    pieces = [p for block in blocks("sh") for line in block.splitlines() for p in line.split("&&")]
    found = [shlex.split(piece) for piece in pieces if piece.strip()]
    return [words for words in found if Path(words[0]).name == name]


@pytest.fixture(scope="module")
def python_blocks():
    """What the python blocks print, one after the other in one namespace."""
    threads = mgres.get_num_threads()
    mgres.set_num_threads(1)
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed, seconds = [], []
    for i, block in enumerate(blocks("python")):
        out = io.StringIO()
        start = time.process_time()
        with contextlib.redirect_stdout(out):
            exec(compile(block, f"README.md, python block {i + 1}", "exec"), namespace)
        seconds.append(time.process_time() - start)
        printed.append(out.getvalue())
    mgres.set_num_threads(threads)
    return printed, seconds


def test_languages_of_the_blocks():
    fences = re.findall(r"^```(.*)$", TEXT, re.MULTILINE)
    assert set(fences[::2]) == {"sh", "python"}
    assert set(fences[1::2]) == {""}
    assert len(blocks("python")) == 2


def test_first_python_block_trains_to_accuracy_1(python_blocks):
    printed, seconds = python_blocks
    accuracy, work_units = map(float, printed[0].split())
    assert accuracy == 1.0
    assert 0 < work_units < 2
    assert seconds[0] < 10


def test_five_lines_are_five():
    lines = [line for line in blocks("python")[0].splitlines() if line]
    assert lines[0] == "import mgres"
    assert len(lines) - 1 == 5


def test_estimator_is_as_good(python_blocks):
    accuracy, work_units = map(float, python_blocks[0][1].split())
    assert accuracy > 0.97
    assert work_units > 0


def test_install_command_has_the_expected_form():
    first = blocks("sh")[0]
    assert first.count("\n") == 1  # one line to paste
    venv, pip, train = (shlex.split(part) for part in first.split("&&"))
    assert venv == ["python3", "-m", "venv", ".venv"]
    assert pip[:2] == [".venv/bin/pip", "install"]
    assert train[0] == ".venv/bin/mgres"
    assert len(pip) == 3
    extras = re.fullmatch(r"\.\[([a-z,]+)\]", pip[2])[1].split(",")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in extras:
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE)


def test_first_command_does_what_it_says(tmp_path):
    words, *_ = (words for words in commands("mgres") if words[1] == "train")
    out = tmp_path / words[words.index("--out") + 1]
    done = subprocess.run(
        [sys.executable, "-m", "mgres", *words[1:], "--threads", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((out / "result.json").read_text())["rows"]
    assert [(row["levels"], row["depth"], row["reached"]) for row in rows] == [
        (8, 2048, 1),
        (1, 2048, 1),
    ]
    assert rows[0]["work_units"] < rows[1]["work_units"]
    assert (out / "convergence.png").is_file()


def test_every_command_parses():
    from mgres.cli import make_parser

    found = commands("mgres")
    assert {words[1] for words in found} >= {"train", "reproduce"}
    for words in found:
        assert make_parser().parse_args(words[1:]).run


def test_reproduce_command_runs(tmp_path, monkeypatch, capsys):
    from dataclasses import replace

    from mgres.cli import main
    from mgres.experiments import SETUPS, runs

    small = replace(
        SETUPS["circles"], depth=128, load=lambda seed: mgres.datasets.circles(seed, 300, 100)
    )
    monkeypatch.setitem(SETUPS, "circles", small)
    runs._load.cache_clear()
    monkeypatch.chdir(tmp_path)
    (words,) = (words for words in commands("mgres") if words[1] == "reproduce")
    words[words.index("--seeds") + 1] = "1"
    threads = mgres.get_num_threads()
    try:
        assert main([*words[1:], "--threads", "1"]) == 0
    finally:
        mgres.set_num_threads(threads)
        runs._load.cache_clear()
    result = json.loads((tmp_path / words[words.index("--out") + 1] / "result.json").read_text())
    assert result["name"] == words[2] == "table1"
    assert "one level, blocks frozen" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["table1", "table2", "figure4", "figure5", "sensitivity"])
def test_experiments_that_are_named_exist(name):
    from mgres.experiments import EXPERIMENTS

    assert name in TEXT
    assert name in EXPERIMENTS


def test_scripts_exist():
    for words in commands("bash"):
        assert (ROOT / words[1]).is_file()


LINKS = sorted(set(re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", TEXT)))


@pytest.mark.parametrize("link", [link for link in LINKS if "://" not in link])
def test_relative_link_leads_somewhere(link):
    assert (ROOT / link).exists()


def test_no_placeholder_is_left():
    assert not re.search(r"^\W*(TABLE\d*|TODO|TBD|FIXME|XXX)\b", TEXT, re.MULTILINE)

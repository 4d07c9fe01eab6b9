"""The examples of the gallery run as scripts, without a display, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from .pages import DOCS

EXAMPLES = sorted((DOCS / "gallery").glob("plot_*.py"))
NEEDS = ("matplotlib", "scipy", "sklearn", "torch")


def test_there_are_examples():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    source = path.read_text(encoding="utf-8")
    for package in NEEDS:
        if re.search(rf"^(?:import|from) (?:mgres\.)?{package}\b", source, re.MULTILINE):
            pytest.importorskip(package, reason=f"{package} is missing: the example needs it")
    # MGRES_EXAMPLE=test: examples that can be small are
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "MGRES_EXAMPLE": "test",
    }
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_has_a_title_and_says_what_it_is_about(path):
    title, underline, blank, *text = path.read_text(encoding="utf-8").splitlines()[1:]
    assert set(underline) == {"="}
    assert len(underline) >= len(title)
    assert blank == ""
    assert len(text[0]) > 40

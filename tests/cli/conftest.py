"""A folder of its own for every command, and two ways to run one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import numpy as np
import pytest

import mgres
from mgres.cli import main
from mgres.experiments import runs


@pytest.fixture(autouse=True)
def sandbox(monkeypatch, tmp_path):
    """One thread, a folder of its own, and nobody's own MNIST."""
    before = mgres.get_num_threads()
    mgres.set_num_threads(1)
    runs._load.cache_clear()
    monkeypatch.delenv("MGRES_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    yield
    mgres.set_num_threads(before)


@pytest.fixture
def command():
    """Return a function that runs `python -m mgres` as a user would."""

    def call(line: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "mgres", *shlex.split(line)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )

    return call


@pytest.fixture
def run(capsys):
    """Run a command in this process; return its exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse's way out
            code = end.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def mgres_ok(run):
    """Run a command given as a line; fail the test unless its exit code is 0; return the output."""

    def call(line: str) -> str:
        code, out, err = run(*shlex.split(line))
        assert code == 0, err
        return out

    return call


@pytest.fixture
def without_matplotlib(tmp_path):
    """Return the environment of a process that has no matplotlib."""
    stub = tmp_path / "stub" / "matplotlib"
    stub.mkdir(parents=True, exist_ok=True)
    (stub / "__init__.py").write_text("raise ImportError('No module named matplotlib')\n")
    path = [str(stub.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


@pytest.fixture
def flowers(tmp_path):
    """Write flowers.csv: three kinds, 60 rows, four columns that tell them apart."""
    rng = np.random.default_rng(0)
    kinds = ("rose", "lily", "aster")
    lines = ["length,width,height,kind"]
    for i in range(60):
        a, b, c = rng.normal((i % 3, 2 * (i % 3 == 1), 5), (0.4, 0.4, 2.0))
        lines.append(f"{a:.4f},{b:.4f},{c:.4f},{kinds[i % 3]}")
    path = tmp_path / "flowers.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def slopes(tmp_path):
    """Write slopes.csv: a smooth quantity of two columns, 80 rows, far from zero and large."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (80, 2))
    y = 1e4 + 1e3 * (np.sin(2 * x[:, 0]) + x[:, 1])
    lines = [
        "east,north,height",
        *(f"{a:.5f},{b:.5f},{c:.3f}" for (a, b), c in zip(x, y, strict=True)),
    ]
    path = tmp_path / "slopes.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def animals(tmp_path):
    """Make a folder of PNG files: cats have an upright bar, dogs one that lies; 30 of each."""
    pillow = pytest.importorskip("PIL.Image", reason="NOT TESTED: pictures (pip install pillow)")
    rng = np.random.default_rng(0)
    for i in range(60):
        pixels = rng.integers(0, 60, (12, 10), np.uint8)
        at = rng.integers(2, 8)
        pixels[(slice(2, 10), at) if i % 2 else (at, slice(1, 9))] = 250
        path = tmp_path / "animals" / ("cat" if i % 2 else "dog") / f"{i // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(pixels).save(path)
    return tmp_path / "animals"

"""Plots are written, are PNG, and show something."""

from __future__ import annotations

import importlib
import struct
import subprocess
import sys

import numpy as np
import pytest

from mgres.experiments import EXPERIMENTS
from mgres.experiments.runs import RunResult

matplotlib = pytest.importorskip(
    "matplotlib", reason='NOT TESTED: plots need matplotlib (pip install "mgres[plot]")'
)


def pixels(path):
    """Return a PNG's pixels, shape (height, width, 4), from 0 to 1."""
    from matplotlib.image import imread

    contents = path.read_bytes()
    assert contents[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">2I", contents[16:24])
    image = imread(path)
    assert image.shape == (height, width, 4)
    assert width >= 800
    return image


def coloured_share(image):
    """Return the share of pixels that are neither white nor grey."""
    colour = image[..., :3].max(axis=2) - image[..., :3].min(axis=2)
    return float(np.mean(colour > 0.2))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_plot_is_not_blank(reproduce, fake, tmp_path, name):
    reproduce(name, seeds=3)
    image = pixels(tmp_path / "out" / f"{name}.png")
    assert np.mean(image[..., :3] < 0.5) > 0.005  # axes and text
    assert coloured_share(image) > 0.0008  # where all rows coincide there is one line


@pytest.mark.parametrize("name", ["table1", "sensitivity"])
def test_plot_when_every_run_missed(reproduce, fake, tmp_path, name):
    fake.misses = lambda spec: True
    reproduce(name)
    pixels(tmp_path / "out" / f"{name}.png")


def test_plot_of_a_run_that_diverged_at_once(reproduce, tmp_path, monkeypatch):
    diverged = RunResult(None, None, None, [1.5], [0.5], "divergence", 0)
    module = importlib.import_module("mgres.experiments.reproduce")
    monkeypatch.setattr(module, "run", lambda spec: diverged)
    reproduce("figure5", seeds=1)
    pixels(tmp_path / "out" / "figure5.png")


def test_importing_the_package_does_not_import_matplotlib():
    code = "import sys, mgres, mgres.cli; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"

"""Experiments in miniature: shallow networks, or no training at all."""

from __future__ import annotations

import gzip
import importlib
import os
import struct
from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres.experiments import Problem, Target, runs
from mgres.experiments.runs import RunResult
from mgres.runs import SETUPS

# `mgres.experiments.reproduce` is the function
REPRODUCE = importlib.import_module("mgres.experiments.reproduce")


@pytest.fixture(autouse=True)
def sandbox(monkeypatch, tmp_path):
    """One thread, fresh data, and nobody's own MNIST."""
    before = mgres.get_num_threads()
    mgres.set_num_threads(1)
    runs._load.cache_clear()
    monkeypatch.delenv("MGRES_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    runs._load.cache_clear()
    mgres.set_num_threads(before)


@pytest.fixture
def tiny(monkeypatch):
    """Circles with few samples and 128 layers."""
    small = replace(
        SETUPS["circles"],
        depth=128,
        load=lambda seed: mgres.datasets.circles(seed, 300, 100),
        max_work_units=400,
    )
    monkeypatch.setitem(SETUPS, "circles", small)
    return small


@pytest.fixture
def tiny_mnist(monkeypatch, tmp_path):
    """MNIST of four classes that a bright spot tells apart, in idx files of which one is zipped."""
    folder = tmp_path / "idx"
    folder.mkdir()
    for name, n in (("train", 80), ("t10k", 40)):
        rng = np.random.default_rng(n)
        labels = np.arange(n, dtype=np.uint8) % 4
        images = rng.integers(0, 40, (n, 28, 28), dtype=np.uint8)
        for i, label in enumerate(labels):
            images[i, 7 * label : 7 * label + 7] += 200
        header = bytes([0, 0, 8, 3]) + struct.pack(">3I", n, 28, 28)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = bytes([0, 0, 8, 1]) + struct.pack(">I", n)
        zipped = gzip.compress(header + labels.tobytes())
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(zipped)
    monkeypatch.setenv("MGRES_DATA", str(folder))
    small = replace(
        SETUPS["mnist"],
        depth=128,
        batch_size=30,
        learning_rate=0.002,
        target=0.9,
        max_work_units=400,
    )
    monkeypatch.setitem(SETUPS, "mnist", small)
    return small


class FakeRuns:
    """Stands for `run`: made-up results, every call noted."""

    def __init__(self) -> None:
        self.specs = []
        self.misses = lambda spec: False
        self.before = lambda spec: None

    def __call__(self, spec, progress=False, label=""):
        self.before(spec)
        self.specs.append(spec)
        if self.misses(spec):
            return RunResult(None, None, None, [1.0, 0.9], [0.5, 0.6], "work_units", 2)
        cycles = 160 // spec.levels + 10 * spec.seed
        work = cycles * spec.work_units_per_cycle
        loss = [1.0 / (c + 1) for c in range(cycles + 1)]
        accuracy = [1 - 0.5**c for c in range(cycles)] + [1.0]
        return RunResult(cycles, work, work / 100, loss, accuracy, "accuracy", 0)


@pytest.fixture
def fake(monkeypatch):
    fake = FakeRuns()
    monkeypatch.setattr(REPRODUCE, "run", fake)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # hundreds of them take seconds
    return fake


@pytest.fixture
def no_plots(monkeypatch):
    """Write a stand-in for each plot: drawing takes longer than all the rest."""
    from mgres.experiments import plots

    monkeypatch.setattr(plots, "save", lambda name, result, path: path.write_bytes(b"a plot"))


@pytest.fixture
def reproduce(tmp_path):
    """Run an experiment into tmp_path/out; return what `reproduce` returns."""

    def call(name="table1", problem="circles", seeds=2, **more):
        return REPRODUCE.reproduce(
            name, problem, seeds, tmp_path / "out", version=more.pop("version", "1"), **more
        )

    return call


@pytest.fixture
def discs():
    """A small problem that asks for an accuracy: circles with few points and 32 layers."""
    return Problem(
        name="discs",
        make=lambda seed: mgres.datasets.circles(seed, 200, 100),
        targets=(Target("accuracy", 0.9), Target("accuracy", 1.0)),
        width=3,
        depth=32,
        regularizer=mgres.Tikhonov(1e-4, "time"),
        max_work_units=120,
    )


@pytest.fixture
def bend():
    """A small problem that asks for a loss: a line is bent by the layers alone."""

    def make(seed):
        X = np.random.default_rng(seed).uniform(-1, 1, (60, 2))
        Y = np.stack([X[:, 0], X[:, 1] + 0.5 * X[:, 0] ** 2], axis=1)
        return X[:40], Y[:40], X[40:], Y[40:]

    def pinned(seed, net):
        lift = np.eye(net.width, 2)
        return {"Q": lift, "W_out": lift.T}

    return Problem(
        name="bend",
        make=make,
        targets=(Target("loss", 1.5e-2), Target("loss", 2e-3)),
        width=3,
        depth=64,
        final_time=2.0,
        activation="tanh",
        loss="squared_error",
        scale=0.1,
        pinned=pinned,
        fixed=("opening", "closing"),
        max_work_units=150,
    )

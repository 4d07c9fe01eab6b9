"""Small problems to train, and spies on what training does with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import mgres
from mgres.mgopt import Method
from mgres.resnet import ResNetObjective

from .resumable import CYCLES, RUNS


@pytest.fixture(autouse=True)
def one_thread():
    """Train on one thread: a second one gains nothing here and waits when the machine is busy."""
    before = mgres.get_num_threads()
    mgres.set_num_threads(1)
    yield
    mgres.set_num_threads(before)


@dataclass
class Problem:
    """Circles for a small network."""

    f: ResNetObjective
    validation: tuple[np.ndarray, np.ndarray]
    theta: np.ndarray

    @property
    def net(self) -> mgres.ResNet:
        return self.f.net


@pytest.fixture
def make_problem():
    def make(depth: int = 16, n: int = 60, dtype: Any = np.float32, **network: Any) -> Problem:
        X, y, X_val, y_val = mgres.datasets.circles(3, n, 40, dtype)
        net = mgres.ResNet(2, 3, 2, depth, dtype=dtype, **network)
        f = ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-3))
        return Problem(f, (X_val, y_val), net.init(5))

    return make


@pytest.fixture
def problem(make_problem):
    return make_problem()


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of an objective of a hierarchy."""

    kind: str
    depth: int
    X: np.ndarray
    y: np.ndarray


@pytest.fixture
def evaluations(monkeypatch):
    """Record every evaluation of a network's objective, whoever asks for it."""
    seen: list[Evaluation] = []
    for kind in ("value", "value_and_grad"):
        original = getattr(ResNetObjective, kind)

        def spy(self, *args, kind=kind, original=original):
            seen.append(Evaluation(kind, self.net.depth, self.samples.X, self.samples.y))
            return original(self, *args)

        monkeypatch.setattr(ResNetObjective, kind, spy)
    return seen


@dataclass(frozen=True)
class Broken(Method):
    """A V-cycle that does harm in one of its steps, when x has already been changed."""

    cycle: mgres.VCycle
    at: int
    harm: Any
    steps: list[int]

    @property
    def schedule(self) -> mgres.Schedule:
        return self.cycle.schedule

    def levels(self) -> int:
        return self.cycle.levels()

    def init(self, hierarchy, x):
        return self.cycle.init(hierarchy, x)

    def step(self, hierarchy, x, state):
        report = self.cycle.step(hierarchy, x, state)
        self.steps.append(len(self.steps) + 1)
        if self.steps[-1] == self.at:
            self.harm(x)
        return report


@pytest.fixture
def broken_cycle():
    def make(levels: int, at: int, harm: Any) -> Broken:
        return Broken(mgres.VCycle(mgres.Schedule.paper(levels)), at, harm, [])

    return make


@pytest.fixture
def diary():
    """A callback that keeps a copy of the parameters after every cycle."""

    class Diary(list):
        def __call__(self, record, theta):
            self.append((record, theta.copy()))

    return Diary()


@pytest.fixture
def start(make_problem):
    """Return a function that starts a run by its name, on a new problem."""

    def go(name, cycles=CYCLES, **options):
        problem = make_problem(n=40)
        arguments = {"validation": problem.validation, "seed": 5, "max_cycles": cycles}
        return mgres.fit(problem.f, **{**arguments, **RUNS[name](problem.f), **options})

    return go


@pytest.fixture
def whole(start, tmp_path_factory):
    """Return a function that runs without a stop, once for each name."""
    known = {}

    def run(name):
        if name not in known:
            known[name] = start(name)
        return known[name]

    return run

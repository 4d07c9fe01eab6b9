"""Time one V-cycle against the fine gradient, and say where the seconds go.

    python bench/cycle.py

A cycle that costs U_c work units should take U_c times as long as one gradient on the finest level.
What it takes beyond that is the price of the coarse levels: of the opening operator and the
classifier, which cost the same on every level, of transfers, of the optimiser, and of Python.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import mgres
from mgres.mgopt import GradientDescent, Hierarchy, Schedule, VCycle
from mgres.runs.setups import SETUPS

LEVELS = 8
LEAST_REPEATS = 7
TARGETS = {"circles": 1.15, "mnist": 1.4}
"""Seconds of a cycle over U_c times the seconds of a fine gradient, at most."""


OBJECTIVE = ("value", "value_and_grad")
TRANSFER = ("prolong", "restrict", "project")


class Stopwatch:
    """Seconds by name; a nested measurement is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextmanager
    def __call__(self, name: str) -> Any:
        """Count the seconds spent inside under `name`."""
        self._inner.append(0.0)
        start = time.perf_counter()
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            self.seconds[name] += elapsed - self._inner.pop()
            self._inner[-1] += elapsed


class Timed:
    """Whatever it stands for, with all calls of some methods on a stopwatch."""

    def __init__(self, target: Any, watch: Stopwatch, name: str, methods: Sequence[str]) -> None:
        self._target = target
        for method in methods:
            setattr(self, method, _timed(getattr(target, method), watch, name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def _timed(call: Callable[..., Any], watch: Stopwatch, name: str) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        with watch(name):
            return call(*arguments)

    return timed


@dataclass(frozen=True)
class Cycle:
    """A hierarchy, a cycle on it and a starting point."""

    hierarchy: Hierarchy
    cycle: VCycle
    x: Any

    def run(self) -> Callable[[], float]:
        """Return a function that runs one cycle and returns its work units."""
        x = self.x.copy()
        state = self.cycle.init(self.hierarchy, x)
        return lambda: self.cycle.step(self.hierarchy, x, state).work_units


def build(name: str, depth: int) -> Cycle:
    """Return the paper's 8-level cycle on a problem, at its start."""
    setup = SETUPS[name]
    X, y, _, _ = setup.load(0)
    X, y = X[: setup.batch_size], y[: setup.batch_size]
    net = mgres.ResNet(X.shape[1], setup.width, int(y.max()) + 1, depth)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(setup.beta))
    optimizer = GradientDescent(setup.learning_rate / 100)  # a cycle costs the same anywhere
    hierarchy = mgres.resnet_hierarchy(f, LEVELS, optimizer=optimizer)
    return Cycle(hierarchy, VCycle(Schedule.paper(LEVELS)), net.init(seed=0))


def on_a_stopwatch(cycle: Cycle, watch: Stopwatch) -> Cycle:
    """Return the same cycle with every part timed."""
    levels = [
        replace(
            level,
            objective=Timed(
                level.objective.objective, watch, "kernels", ["value", "value_and_grad"]
            ),
            optimizer=Timed(level.optimizer, watch, "optimiser", ["step"]),
            transfer=level.transfer and Timed(level.transfer, watch, "transfers", TRANSFER),
        )
        for level in cycle.hierarchy
    ]
    return replace(cycle, hierarchy=Hierarchy(levels))


def measure(name: str, depth: int, repeats: int, inner: int) -> dict[str, Any]:
    """Return the seconds of a cycle, of a fine gradient, and the parts of a cycle."""
    cycle = build(name, depth)
    step = cycle.run()
    work_units = step()
    finest = cycle.hierarchy.finest
    gradient = np.empty_like(cycle.x)
    finest.value_and_grad(cycle.x, gradient)
    cycles, gradients = [], []
    for _ in range(repeats):  # in turns, so that noise hits both
        gradients.append(_seconds(lambda: finest.value_and_grad(cycle.x, gradient), inner))
        cycles.append(_seconds(step, inner))

    watch = Stopwatch()
    timed = on_a_stopwatch(cycle, watch).run()
    timed()
    watch.seconds.clear()
    count = repeats * inner
    for _ in range(count):
        with watch("engine"):
            timed()
    ratios = [c / g / work_units for c, g in zip(cycles, gradients, strict=True)]
    return {
        "problem": name,
        "levels": LEVELS,
        "depth": depth,
        "samples": len(cycle.hierarchy.finest.samples),
        "threads": mgres.get_num_threads(),
        "work_units": work_units,
        "gradient_ms": statistics.median(gradients) * 1e3,
        "cycle_ms": statistics.median(cycles) * 1e3,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "target": TARGETS.get(name),
        "parts_ms": {part: s / count * 1e3 for part, s in watch.seconds.items()},
    }


def _seconds(call: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count


def verdict(row: dict[str, Any]) -> str:
    """Return in words what was asked and what came."""
    if row["target"] is None:
        return "no target"
    word = "met" if row["ratio"] <= row["target"] else "missed"
    return f"{word}: {row['ratio']:.2f} of at most {row['target']}"


def table(row: dict[str, Any]) -> str:
    """Return a measurement in a few lines."""
    total = sum(row["parts_ms"].values())
    parts = ", ".join(
        f"{part} {ms:.2f} ms ({ms / total:.1%})" for part, ms in row["parts_ms"].items()
    )
    low, high = row["ratio_range"]
    return "\n".join(
        [
            f"{row['problem']}: {row['levels']} levels, depth {row['depth']}, "
            f"{row['samples']} samples, {row['threads']} thread(s)",
            f"  fine gradient {row['gradient_ms']:.3f} ms, cycle {row['cycle_ms']:.2f} ms, "
            f"{row['work_units']:.2f} work units",
            f"  seconds per work unit over those of a fine gradient: {row['ratio']:.2f} "
            f"[{low:.2f}, {high:.2f}] -> {verdict(row)}",
            f"  parts of a cycle: {parts}",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurement; return 0, or 2 if the data are missing."""
    options = parse(arguments)
    mgres.set_num_threads(options.threads)
    rows = []
    for name in options.problem:
        try:
            row = measure(name, options.depth, options.repeats, options.inner)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 2
        print(table(row), flush=True)
        rows.append(row)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / "cycle.json"
        path.write_text(json.dumps({"name": "cycle", "rows": rows}, indent=1) + "\n")
        print(f"wrote {path}")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Time one V-cycle against the fine gradient.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--problem", nargs="+", choices=list(SETUPS), default=["circles"], help="one or more"
    )
    parser.add_argument("--depth", type=int, default=2048, metavar="K", help="of the finest level")
    parser.add_argument("--threads", type=int, default=mgres.get_num_threads(), metavar="N")
    parser.add_argument(
        "--repeats", type=int, default=9, metavar="N", help=f"at least {LEAST_REPEATS}"
    )
    parser.add_argument("--inner", type=int, default=5, metavar="N", help="cycles in one repeat")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write cycle.json there")
    options = parser.parse_args(arguments)
    if options.repeats < LEAST_REPEATS:
        parser.error(
            f"argument --repeats: expected at least {LEAST_REPEATS}, got {options.repeats}"
        )
    if options.threads < 1 or options.inner < 1:
        parser.error("arguments --threads and --inner: expected at least 1")
    if options.depth < 1 or options.depth % 2 ** (LEVELS - 1):
        parser.error(
            f"argument --depth: expected a multiple of {2 ** (LEVELS - 1)} for {LEVELS} levels, "
            f"got {options.depth}"
        )
    return options


if __name__ == "__main__":
    sys.exit(main())

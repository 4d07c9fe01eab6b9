"""Choosing settings on some seeds, judging them on others."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..store import FinishedRuns
from .methods import METHODS, Method
from .problem import Problem, Target
from .single import Settings
from .trial import Trial, TrialResult, TrialSpec, run_trial

TUNING_SEEDS = (0, 1, 2)
FIRST_JUDGED_SEED = 100
KEPT = 2
"""How many settings per target survive the first tuning seed."""
LENIENCE = 3.0
"""On the first tuning seed a setting may cost this times the best single level so far; what costs
more is far off, and dropped."""
LIKE_KEPT = 2
"""How many settings a method takes over from the one that it is like."""


@dataclass(frozen=True)
class Choice:
    """The setting that is judged for a target, and how it was found.

    Attributes
    ----------
    settings : dict
        The setting.
    grid : list of dict
        All settings tried, each with `tuning_work_units`, one for each tuning seed: null where the
        target was missed or the setting was dropped before.
    tuning_seeds : tuple of int
        Empty if there was nothing to choose.
    """

    settings: Settings
    grid: list[dict[str, Any]]
    tuning_seeds: tuple[int, ...]


@dataclass
class Contest:
    """All runs on one problem.

    Attributes
    ----------
    problem : Problem
        The problem.
    finished : FinishedRuns
        What an interrupted comparison has already done.
    quick : bool
        Smaller grids and one tuning seed.
    tell : callable
        Gets a line for each run.
    """

    problem: Problem
    finished: FinishedRuns[TrialResult]
    quick: bool = False
    tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    _allowed: float = math.inf
    _rankings: dict[str, dict[str, list[Settings]]] = field(default_factory=dict)

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """The seeds on which settings are chosen."""
        return TUNING_SEEDS[:1] if self.quick else TUNING_SEEDS

    def run(
        self,
        name: str,
        settings: Settings,
        seed: int,
        targets: Sequence[str],
        max_work_units: float | None = None,
        keep_points: bool = True,
    ) -> TrialResult:
        """Run a method once, or find that it has been run."""
        problem = self.problem
        spec = TrialSpec(
            problem=problem.name,
            method=name,
            settings=json.dumps(settings, sort_keys=True),
            seed=seed,
            targets=tuple(targets),
            max_work_units=min(problem.max_work_units, max_work_units or math.inf),
            max_seconds=problem.max_seconds,
        )
        result = self.finished.get(spec)
        if result is None:
            trial = Trial(problem, seed, spec.targets, spec.max_work_units, spec.max_seconds)
            result = run_trial(trial, METHODS[name].run, settings)
            if not keep_points:
                result = replace(result, points=[])
            self.finished.add(spec, result)
            self.tell(_line(spec, result))
        return result

    # ---- choosing ------------------------------------------------------------------------------

    def choose(self, name: str) -> dict[str, Choice]:
        """Return the setting to be judged for each target."""
        method = METHODS[name]
        grid = self._grid(method)
        labels = [str(target) for target in self.problem.targets]
        if len(grid) == 1:
            self._rankings[name] = dict.fromkeys(labels, grid)
            return {label: Choice(grid[0], [], ()) for label in labels}
        if method.per_target:
            return {t: self._tune(name, grid, (t,))[t] for t in labels}
        return self._tune(name, grid, labels)

    def _grid(self, method: Method) -> list[Settings]:
        grid = method.grid(self.problem, self.quick)
        if method.like is None:
            return grid
        if method.like not in self._rankings:
            self.choose(method.like)
        kept: list[Settings] = []
        for ranking in self._rankings[method.like].values():
            kept += [s for s in ranking[:LIKE_KEPT] if s not in kept]
        return kept

    def _tune(self, name: str, grid: list[Settings], targets: Sequence[str]) -> dict[str, Choice]:
        first, *others = self.tuning_seeds
        wanted = {str(t): t for t in self.problem.targets}
        found: list[dict[int, TrialResult]] = [{} for _ in grid]
        for i, settings in enumerate(grid):
            result = self.run(name, settings, first, targets, LENIENCE * self._allowed, False)
            found[i][first] = result
            spent = [result.reached[t] for t in targets]
            if name.startswith("single/") and all(spent):
                self._allowed = min(self._allowed, max(s[0] for s in spent if s is not None))

        def rank(target: str) -> list[int]:
            return sorted(range(len(grid)), key=lambda i: _merit(found[i], wanted[target]))

        survivors = {i for t in targets for i in rank(t)[:KEPT]}
        for i in sorted(survivors):
            for seed in others:
                found[i][seed] = self.run(name, grid[i], seed, targets, None, False)
        choices = {}
        for t in targets:
            ranking = [i for i in rank(t) if i in survivors]
            self._rankings.setdefault(name, {})[t] = [grid[i] for i in ranking]
            table = [
                {**s, "tuning_work_units": [_cost(f.get(seed), t) for seed in self.tuning_seeds]}
                for s, f in zip(grid, found, strict=True)
            ]
            choices[t] = Choice(grid[ranking[0]], table, self.tuning_seeds)
        return choices

    # ---- judging ---------------------------------------------------------------------------------

    def judge(
        self, name: str, choices: dict[str, Choice], seeds: Sequence[int]
    ) -> dict[str, list[TrialResult]]:
        """Run the chosen settings on `seeds`; return the results for each target."""
        method = METHODS[name]
        results: dict[str, list[TrialResult]] = {}
        for target, choice in choices.items():
            alike = [t for t, c in choices.items() if c.settings == choice.settings]
            waited_for = (target,) if method.per_target else tuple(alike)
            results[target] = [self.run(name, choice.settings, seed, waited_for) for seed in seeds]
        return results


def _cost(result: TrialResult | None, target: str) -> float | None:
    reached = result.reached[target] if result is not None else None
    return reached[0] if reached is not None else None


def _merit(found: dict[int, TrialResult], target: Target) -> tuple[float, float, float]:
    """Return what is smaller for better settings: misses, mean work, what is left to go."""
    costs = [_cost(result, str(target)) for result in found.values()]
    spent = [cost for cost in costs if cost is not None]
    misses = len(costs) - len(spent)
    work = sum(spent) / len(spent) if spent else math.inf
    return misses / len(costs), work, min(_gap(result, target) for result in found.values())


def _gap(result: TrialResult, target: Target) -> float:
    """Return how far from the target a run ended: of two that missed, the closer is better."""
    best = result.best.get(target.kind)
    return math.inf if best is None else abs(best - target.value)


def _line(spec: TrialSpec, result: TrialResult) -> str:
    settings = json.loads(spec.settings)
    described = " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in settings.values())
    outcome = ", ".join(
        f"{target} {'missed' if cost is None else f'{cost[0]:.2f} WU, {cost[1]:.2f} s'}"
        for target, cost in result.reached.items()
    )
    return f"{spec.problem} {spec.method} ({described}) seed {spec.seed}: {outcome}" + (
        "" if result.stopped == "targets" else f" ({result.stopped})"
    )

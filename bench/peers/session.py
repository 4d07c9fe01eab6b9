"""All that is measured on one number of threads."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

import mgres

from . import forward, large_batch, report, scaling, small_level, widths, with_jax
from .cases import CASES, Case
from .findings import Finding
from .match import Match
from .play import Rules, play
from .timing import Pace

EXTRAS = {
    "forward": forward.measure,
    "scaling": scaling.measure,
    "small-level": small_level.measure,
    "large-batch": large_batch.measure,
}
WIDTHS_TURN = 0.03  # seconds: there are many widths


@dataclass(frozen=True)
class Plan:
    """What to measure; `quick` is to see that everything runs, and judges nothing."""

    cases: Sequence[str]
    extras: Sequence[str]
    widths: Sequence[int]
    peers: Sequence[str]
    minutes: float
    repeats: int
    quick: bool

    @property
    def pace(self) -> Pace:
        """How often and how long each meter has its turn."""
        return Pace(self.repeats, 0.0) if self.quick else Pace(self.repeats)

    def shrink(self, case: Case) -> Case:
        """Return the case as it shall be measured."""
        return case.quick() if self.quick else case

    def judge(self, findings: Iterable[Finding]) -> list[Finding]:
        """Return the findings as they are, or without all that is about speed."""
        if not self.quick:
            return list(findings)
        return [replace(finding, target=None, disturbed="") for finding in findings]


@dataclass
class Result:
    """What came out on one number of threads."""

    threads: int
    matches: list[Match] = field(default_factory=list)
    extras: list[Finding] = field(default_factory=list)
    widths: list[widths.Point] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All numbers that may have a target."""
        return [finding for match in self.matches for finding in match.findings] + self.extras


def run(plan: Plan, threads: int) -> Result:
    """Measure everything on so many threads.

    Once in a process: PyTorch and XLA do not change their number of threads later.

    Raises
    ------
    WrongAnswerError
        If anything computes something else than the plain reference.
    """
    mgres.set_num_threads(threads)
    with_jax.configure(threads)
    print(f"\n{report.threads_in_words(threads)}, {plan.repeats} repeats")
    for text in _missing(plan):
        print(text)
    result = Result(threads)
    result.matches += [_match(name, plan, threads) for name in plan.cases]
    for name in plan.extras:
        print(f"{name} ...", flush=True)
        result.extras += plan.judge(EXTRAS[name](threads, plan.pace, plan.shrink))
    if plan.widths:
        print("widths ...", flush=True)
        pace = replace(plan.pace, turn=min(plan.pace.turn, WIDTHS_TURN))
        result.widths = widths.sweep(plan.widths, threads, pace, plan.shrink)
        result.extras += plan.judge(widths.findings(result.widths))
    return result


def _missing(plan: Plan) -> Iterator[str]:
    """Yield how to install each peer that is asked for and not there."""
    peers = (("torch", "PyTorch", "torch"), ("jax", "JAX", "jax[cpu]"))
    for module, title, package in peers if plan.peers else ():
        if find_spec(module) is None:
            yield f"{title} is not installed and left out: pip install {shlex.quote(package)}"


def _match(name: str, plan: Plan, threads: int) -> Match:
    case = plan.shrink(CASES[name])
    print(f"\n{name}: {case}", flush=True)
    match = Match(
        play(name, case, Rules(threads, plan.peers, plan.minutes, plan.pace)), not plan.quick
    )
    print(report.contestants(match.rows))
    if match.disturbed:
        print(f"do not trust these numbers; {match.disturbed}")
    print(flush=True)
    return match

"""The match of one case: mgres, its peers and the peak take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from .cases import Case
from .contestants import Contestant, WrongAnswerError, compare, oracle, ours
from .limit import time_limit
from .match import Row
from .problem import Problem
from .timing import Pace, PeakMeter, Stopwatch, interleave

PEERS = ("eager", "compiled", "jax")
SLOW_START = 5.0  # seconds of a first call that are worth a line


@dataclass(frozen=True)
class Rules:
    """Against whom and on how many threads; `minutes` are the most for a peer's first call."""

    threads: int
    peers: Sequence[str]
    minutes: float
    pace: Pace


@dataclass(frozen=True)
class Entrant:
    """A contestant whose answer is right; `error` is its distance from mgres's answer."""

    contestant: Contestant
    error: float


def play(name: str, case: Case, rules: Rules) -> list[Row]:
    """Check the answers of all contestants, time them, and return a row for each.

    Raises
    ------
    WrongAnswerError
        If an answer differs.
    """
    problem = Problem.of(case)
    try:
        entrants = list(_admit(problem, rules))
    except WrongAnswerError as error:
        raise WrongAnswerError(f"case {name}: {error}") from None
    watches = [Stopwatch(entrant.contestant.call, rules.pace) for entrant in entrants]
    peak = PeakMeter(case.dtype, rules.threads, rules.pace)
    interleave([peak, *watches], rules.pace)  # the peak beside mgres, the first contestant
    shared = {
        "case": name,
        "threads": rules.threads,
        **asdict(case),
        "peak": peak.median / 1e9,
        "disturbed": peak.disturbed,
    }
    return [
        {**shared, **_own(case, entrant, watch, watches[0], peak)}
        for entrant, watch in zip(entrants, watches, strict=True)
    ]


def _admit(problem: Problem, rules: Rules) -> Iterator[Entrant]:
    """Yield mgres, if the plain reference agrees, and all peers that run and agree with mgres."""
    mgres = ours(problem)
    expected = mgres.unpack(mgres.call())
    yield Entrant(mgres, compare(problem, "mgres", expected, oracle(problem)))
    for peer in _peers(problem, rules):
        start = time.perf_counter()
        try:
            with time_limit(rules.minutes):
                answer = peer.unpack(peer.call())
        except Exception as error:  # a compiler may be missing, memory or patience may run out
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"{peer.title} is left out: {reason}", flush=True)
            continue
        yield Entrant(peer, compare(problem, peer.title, answer, expected))
        seconds = time.perf_counter() - start
        if seconds > SLOW_START:
            print(f"{peer.title}: {seconds:.0f} s for the first call", flush=True)


def _peers(problem: Problem, rules: Rules) -> Iterator[Contestant]:
    """Yield all contestants but mgres that are asked for and can run here."""
    if find_spec("torch") is not None:
        from . import pytorch

        if "eager" in rules.peers:
            yield from pytorch.eager(problem, rules.threads)
        if "compiled" in rules.peers:
            yield from pytorch.compiled(problem, rules.threads)
    if "jax" in rules.peers and find_spec("jax") is not None:
        from . import with_jax

        yield from with_jax.contestants(problem, rules.threads)


def _own(case: Case, entrant: Entrant, watch: Stopwatch, mgres: Stopwatch, peak: PeakMeter) -> Row:
    """Return the numbers of one contestant."""
    rate = case.flops / watch.median
    return {
        "peer": entrant.contestant.key,
        "title": entrant.contestant.title,
        "seconds": watch.seconds,
        "min": min(watch.seconds),
        "median": watch.median,
        "max": max(watch.seconds),
        "gflops": rate / 1e9,
        "share": rate / peak.median,
        "cores": statistics.median(watch.cores),
        "error": entrant.error,
        "ratio": watch.median / mgres.median,
        "ratio_of_minima": min(watch.seconds) / min(mgres.seconds),
    }

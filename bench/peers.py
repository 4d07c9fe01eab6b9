"""Time the gradient in mgres, PyTorch and JAX, and say which of mgres's targets are met.

    pip install ".[plot,torch]" "jax[cpu]"
    python bench/peers.py

The same network, the same data, the same number of threads.  One gradient is the loss and its
derivative by all parameters, by one call.  Every answer is compared with that of mgres, and mgres's
own with the plain NumPy reference, before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

# the folder next to this file: a package is found before a module of the same name
from peers import plots, report, session
from peers.cases import CASES
from peers.contestants import WrongAnswerError
from peers.environment import environment
from peers.play import PEERS
from peers.processes import in_new_process
from peers.session import EXTRAS, Plan, Result

LEAST_REPEATS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if an answer is wrong."""
    options = parse(arguments)
    plan = plan_of(options)
    machine = environment()
    print(
        f"{machine['processor']}, {machine['cores']} cores, mgres {machine['mgres']} "
        f"(instruction set {machine['isa']})"
    )
    try:
        results = run(plan, options.threads)
    except WrongAnswerError as error:
        print(f"wrong answer: {error}", file=sys.stderr)
        return 1
    for result in results:
        print(f"\n==== {report.threads_in_words(result.threads)} ====")
        print(report.summary(result.matches, result.extras))
    if options.out is not None:
        save(plan, machine, results, options.out)
    return 0


def run(plan: Plan, threads: Sequence[int]) -> list[Result]:
    """Return a result for each number of threads, each from a process of its own."""
    if len(threads) == 1:
        return [session.run(plan, threads[0])]
    return [in_new_process(session.run, plan, count) for count in threads]


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Time the gradient in mgres, PyTorch and JAX.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    names = [*CASES, *EXTRAS]
    add(
        "--case",
        choices=[*names, "all", "none"],
        default=["all"],
        nargs="+",
        help="gradients beside peers, or one of: " + ", ".join(EXTRAS),
        metavar="NAME",
    )
    add("--widths", type=width_range, nargs="?", const="1-128", default="", metavar="FIRST-LAST")
    add("--threads", type=thread_counts, default="1,2", metavar="N[,N...]", help="for all alike")
    add("--peers", choices=[*PEERS, "none"], default=list(PEERS), nargs="+", metavar="NAME")
    add("--minutes", type=float, default=3.0, help="leave out a peer whose first call takes longer")
    add("--repeats", type=int, default=9, metavar="N", help=f"at least {LEAST_REPEATS}")
    add("--out", type=Path, metavar="DIR", help="write peers.json and plots there")
    add("--quick", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.minutes <= 0:
        parser.error(f"argument --minutes: expected a positive number, got {options.minutes:g}")
    if options.repeats < LEAST_REPEATS:
        parser.error(
            f"argument --repeats: expected at least {LEAST_REPEATS}, got {options.repeats}"
        )
    if options.out is not None:
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"argument --out: expected a folder, got {options.out}: {error.strerror}")
    return options


def thread_counts(text: str) -> list[int]:
    """Return [1, 2] for "1,2"."""
    counts = [integer(part) for part in text.split(",")]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {min(counts)}")
    return list(dict.fromkeys(counts))


def width_range(text: str) -> range:
    """Return range(1, 129) for "1-128", and nothing for nothing."""
    if not text:
        return range(0)
    first, _, last = text.partition("-")
    widths = range(integer(first), integer(last or first) + 1)
    if not widths or widths[0] < 1:
        raise argparse.ArgumentTypeError(f"expected widths such as 1-128, got {text!r}")
    return widths


def integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an integer, got {text!r}") from None


def plan_of(options: argparse.Namespace) -> Plan:
    """Return what was asked for, in the order of the tables and not in that of the options."""
    everything = "all" in options.case
    return Plan(
        cases=[name for name in CASES if everything or name in options.case],
        extras=[name for name in EXTRAS if everything or name in options.case],
        widths=options.widths,
        peers=[name for name in PEERS if name in options.peers],
        minutes=options.minutes,
        repeats=options.repeats,
        quick=options.quick,
    )


def save(plan: Plan, machine: dict[str, object], results: Sequence[Result], folder: Path) -> None:
    """Write peers.json and, if matplotlib is there, the plots."""
    content = {
        "name": "peers",
        "rows": [row for result in results for match in result.matches for row in match.rows],
        "findings": [
            {"threads": result.threads, **finding.record()}
            for result in results
            for finding in result.findings
        ],
        "widths": [point for result in results for point in result.widths],
        "settings": {
            **asdict(plan),
            "widths": list(plan.widths),
            "threads": [result.threads for result in results],
            "cases": {name: asdict(plan.shrink(CASES[name])) for name in plan.cases},
        },
        "environment": machine,
    }
    path = folder / "peers.json"
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(f"\nwrote {path}")
    try:
        for name in plots.draw(results, folder):
            print(f"wrote {name}")
    except ImportError:
        print("no plots, because matplotlib is not installed: pip install matplotlib")


if __name__ == "__main__":
    sys.exit(main())

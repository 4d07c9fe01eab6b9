"""Time one gradient in mgres, PyTorch and JAX: same network, same data, same number of threads.

    pip install ".[torch]"
    python bench/peers.py

One gradient is the loss and its derivative by all parameters, by one call.  Every answer is
compared with that of mgres, and mgres's own with the plain NumPy reference, before anything is
timed.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

# the folder next to this file: a package is found before a module of the same name
from peers import report, timing, with_jax
from peers.cases import CASES, Case, Contestant, Problem, WrongAnswerError, compare, oracle, ours

import mgres

LEAST_REPEATS = 7


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 0, or 1 if an answer is wrong."""
    options = parse(arguments)
    mgres.set_num_threads(options.threads)
    with_jax.configure(options.threads)
    names = list(CASES) if options.case == "all" else [options.case]
    cases = {name: CASES[name].quick() if options.quick else CASES[name] for name in names}
    environment = report.environment(options.threads)
    print(
        f"{environment['processor']}, {environment['cores']} cores, mgres {environment['mgres']} "
        f"(instruction set {environment['isa']})"
    )
    for text in missing():
        print(text)
    rows = []
    for name, case in cases.items():
        try:
            rows += run(name, case, options)
        except WrongAnswerError as error:
            print(f"wrong answer in case {name}: {error}", file=sys.stderr)
            return 1
    if options.out is not None:
        result = {
            "name": "peers",
            "rows": rows,
            "settings": {
                "cases": {name: asdict(case) for name, case in cases.items()},
                "threads": options.threads,
                "repeats": options.repeats,
                "compile": options.compile,
                "quick": options.quick,
                "command": shlex.join(["python", "bench/peers.py", *(arguments or sys.argv[1:])]),
            },
            "environment": environment,
        }
        save(result, options.out)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Time one gradient in mgres, PyTorch and JAX.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--case", choices=[*CASES, "all"], default="headline")
    parser.add_argument(
        "--threads", type=int, default=mgres.get_num_threads(), metavar="N", help="threads for all"
    )
    parser.add_argument(
        "--repeats", type=int, default=9, metavar="N", help=f"at least {LEAST_REPEATS}"
    )
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile too, which takes minutes"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write peers.json and peers.png there"
    )
    parser.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.threads < 1:
        parser.error(f"argument --threads: expected at least 1, got {options.threads}")
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


def missing() -> Iterator[str]:
    """Yield how to install each peer that is not there."""
    for module, title, package in (("torch", "PyTorch", "torch"), ("jax", "JAX", "jax[cpu]")):
        if find_spec(module) is None:
            yield f"{title} is not installed and left out: pip install {shlex.quote(package)}"


def peers(problem: Problem, options: argparse.Namespace) -> Iterator[Contestant]:
    """Yield all contestants but mgres that can run here."""
    if find_spec("torch") is not None:
        from peers import pytorch

        yield from pytorch.contestants(problem, options.threads, options.compile)
    if find_spec("jax") is not None:
        yield from with_jax.contestants(problem, options.threads)


def run(name: str, case: Case, options: argparse.Namespace) -> list[report.Row]:
    """Check the answers of all contestants, time them, print the table and return its rows.

    Raises
    ------
    WrongAnswerError
        If an answer differs.
    """
    on = report.threads_in_words(options.threads)
    print(f"\n{name}: {case}; {on}, {options.repeats} repeats", flush=True)
    problem = Problem.of(case)
    mgres_contestant = ours(problem)
    expected = mgres_contestant.unpack(mgres_contestant.call())
    errors = {"mgres": compare(problem, "mgres", expected, oracle(problem))}
    contestants = [mgres_contestant]
    for peer in peers(problem, options):
        start = time.perf_counter()
        try:
            answer = peer.unpack(peer.call())
        except Exception as error:  # a compiler may be missing, memory may run out
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"{peer.title} failed and is left out: {reason}")
            continue
        errors[peer.key] = compare(problem, peer.title, answer, expected)
        contestants.append(peer)
        seconds = time.perf_counter() - start
        if seconds > 5:
            print(f"{peer.title}: {seconds:.0f} s for the first call", flush=True)

    times = timing.interleave(
        contestants, options.repeats, 0.0 if options.quick else timing.TURN_SECONDS
    )
    rows = [
        report.make_row(name, case, c, times[c.key], times["mgres"], errors[c.key])
        for c in contestants
    ]
    print(report.table(rows))
    for row in rows[1:]:
        print(report.verdict(row, options.threads))
    note = report.busy(rows, options.threads)
    if note and not options.quick:
        print(note)
    return rows


def save(result: dict[str, object], folder: Path) -> None:
    path = folder / "peers.json"
    path.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(f"\nwrote {path}")
    try:
        report.plot(result["rows"], result["settings"]["threads"], folder / "peers.png")
    except ImportError:
        print("no plot, because matplotlib is not installed: pip install matplotlib")
    else:
        print(f"wrote {folder / 'peers.png'}")


if __name__ == "__main__":
    sys.exit(main())

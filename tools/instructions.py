"""Count the instructions of three gradients: a guard of speed that noise cannot disturb.

    python tools/instructions.py            build, count, print beside the stored counts
    python tools/instructions.py --check    and exit with 1 if a count is off by more than 3 %
    python tools/instructions.py --update   and store the counts

A count belongs to the compiler that made the code. For a compiler without stored counts there is
nothing to compare with; the script says so and succeeds. Fewer instructions are not always faster:
after a change that is meant to be, measure (bench/cpp) and then update.

It needs Linux on x86-64, CMake, valgrind, and Eigen where CMake or this Python has it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build/instructions/bench/instructions/mgres_instructions"
NAME = "bench/instructions/counts.json"
STORE = ROOT / NAME
BAND = 0.03
COUNTED = "mgres_counted"  # the function, see bench/instructions/counted.hpp

Counts = dict[str, int]  # by case
Store = dict[str, dict[str, Any]]  # by compiler: its full version, and the counts


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, count and compare or store; return the exit code, 2 where counting is impossible."""
    options = parse(arguments)
    if reason := obstacle():
        print(f"instructions cannot be counted here: {reason}", file=sys.stderr)
        return 2
    build()
    compiler, version, *cases = run([str(PROGRAM)]).splitlines()
    counts = {case: count(case) for case in cases}
    store: Store = json.loads(STORE.read_text(encoding="utf-8"))
    stored: Counts = store[compiler]["counts"] if compiler in store else {}
    print(table(f"{compiler} ({version})", counts, stored))
    if options.update:
        store[compiler] = {"version": version, "counts": counts}
        save(store, compiler)
    elif compiler not in store:
        print(f"!!! SKIPPED: {NAME} has no counts of {compiler}, only of {', '.join(store)}")
    elif complaints := compare(counts, stored):
        print("\n".join(complaints), file=sys.stderr)
        return 1 if options.check else 0
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Count the instructions of three gradients.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="fail if a count is off by over 3 %%")
    mode.add_argument("--update", action="store_true", help="store the counts")
    return parser.parse_args(arguments)


def obstacle() -> str | None:
    """Return what is missing and how to get it."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return "the counts are for Linux on x86-64"
    if shutil.which("cmake") is None:
        return "CMake is missing (pip install cmake | apt install cmake)"
    if shutil.which("valgrind") is None:
        return "valgrind is missing (apt install valgrind | dnf install valgrind)"
    return None


def build() -> None:
    """Compile the program; Eigen may be a package of this Python."""
    prefixes = [os.environ.get("CMAKE_PREFIX_PATH", ""), sysconfig.get_path("purelib")]
    environment = os.environ | {"CMAKE_PREFIX_PATH": os.pathsep.join(filter(None, prefixes))}
    run(["cmake", "--preset", "instructions", "--log-level=WARNING"], environment)
    run(["cmake", "--build", "--preset", "instructions"], environment)


def count(case: str) -> int:
    """Return the number of instructions of a case, on one thread."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    output = run([*command, f"--toggle-collect={COUNTED}", str(PROGRAM), case])
    found = re.search(r"Collected : (\d+)", output)
    if found is None or found[1] == "0":
        sys.exit(f"valgrind has not seen the function {COUNTED}:\n{output}")
    return int(found[1])


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Return all that a command prints; stop if it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def change(now: int, before: int) -> float:
    """Return the relative change."""
    return now / before - 1


def compare(counts: Counts, stored: Counts) -> list[str]:
    """Return a line for every count outside the band, and for every case without a partner."""
    lines = [
        f"{case}: {change(now, stored[case]):+.1%} instructions, outside ±{BAND:.0%}"
        for case, now in counts.items()
        if case in stored and abs(change(now, stored[case])) > BAND
    ]
    lines += [f"{case}: not stored" for case in counts if case not in stored]
    lines += [f"{case}: stored, but no longer counted" for case in stored if case not in counts]
    if lines:
        lines.append("If that is meant: python tools/instructions.py --update, and say why.")
    return lines


def save(store: Store, compiler: str) -> None:
    """Write the store, in which only the counts of one compiler are new."""
    STORE.write_text(json.dumps(store, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if others := sorted(store.keys() - {compiler}):
        print(f"{NAME}: as they were, and perhaps out of date: {', '.join(others)}")


def table(compiler: str, counts: Counts, stored: Counts) -> str:
    """Return the counts beside the stored ones."""
    lines = [f"{compiler:24}{'instructions':>14}{'stored':>14}{'change':>9}"]
    for case, now in counts.items():
        before = stored.get(case)
        beside = f"{before:>14,}{change(now, before):>+9.1%}" if before else ""
        lines.append(f"{case:24}{now:>14,}{beside}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

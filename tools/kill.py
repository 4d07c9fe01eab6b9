"""Kill training runs that write checkpoints, at random moments, and see what is left of them.

    python tools/kill.py [--kills 100] [--seed 0]

A process trains and writes a checkpoint after every cycle until SIGKILL hits it; then all files in
its folder are read, and the next process goes on with the run.  In the end the run has to be, bit
for bit, the one that was never killed.  Exit code 1 if a file was unreadable, a process could not
go on, or the runs differ.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import children

import mgres
from mgres.files import FormatError, read_tensors
from mgres.mgopt import MaxSteps

RECIPES = ("cascade", "batches")
FILES = "checkpoint-*.safetensors"
LONGEST = 0.4
"""Seconds from the start of training to the kill: 0 to this."""
BEYOND = 3
"""Cycles for which the run goes on after the last kill."""


@dataclass
class Report:
    """What came of one run."""

    recipe: str
    kills: int = 0
    between: int = 0
    """Kills that left half a file behind, which nobody reads."""
    unreadable: int = 0
    failed: int = 0
    """Processes that could not go on."""
    cycles: int = 0
    is_equal: bool = True

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost."""
        return self.unreadable == self.failed == 0 and self.is_equal

    def __str__(self) -> str:
        end = "equal to" if self.is_equal else "DIFFERENT FROM"
        return (
            f"{self.recipe}: {self.kills} kills, {self.between} of them while a file was written; "
            f"{self.unreadable} unreadable files, {self.failed} runs that could not go on; after "
            f"{self.cycles} cycles {end} runs that were never killed"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of each recipe (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--recipe", choices=RECIPES, action="append", help="default: all")
    parser.add_argument("--train", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.train:
        train(given.train[0], Path(given.train[1]), int(given.train[2]))
        return 0
    children.obey()
    reports = [kill_often(recipe, given.kills, given.seed) for recipe in given.recipe or RECIPES]
    print(*reports, sep="\n")
    return 0 if all(report.is_good for report in reports) else 1


def kill_often(recipe: str, kills: int, seed: int) -> Report:
    """Kill runs so many times, let them go on each time, and compare their ends."""
    report = Report(recipe)
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch, children.ended():
        while report.kills < kills and not report.failed:
            folder = Path(scratch) / f"run-{report.kills}"
            by_itself = kill_until_it_ends(folder, kills, moments, report)
            last = max((number(path) for path in folder.glob(FILES)), default=0)
            cycles = last if by_itself else last + BEYOND
            ends = [finish(recipe, Path(f"{folder}{part}"), cycles) for part in ("", "-whole")]
            report.cycles += cycles
            report.is_equal &= ends[0] == ends[1] != ""
    return report


def kill_until_it_ends(folder: Path, kills: int, moments: random.Random, report: Report) -> bool:
    """Kill a run again and again; return whether it came to its end nevertheless."""
    while report.kills < kills:
        process = start(report.recipe, folder, cycles=10**9)
        process.stdout.readline()
        time.sleep(moments.uniform(0, LONGEST))
        process.kill()
        code = process.wait()
        process.stdout.close()
        look(folder, report)
        if code == -signal.SIGKILL:
            report.kills += 1
            continue
        report.failed += code != 0
        return True
    return False


def number(path: Path) -> int:
    """Return the cycle of a checkpoint."""
    return int(path.stem.split("-")[1])


def start(recipe: str, folder: Path, cycles: int) -> Any:
    """Start a process that trains."""
    command = [sys.executable, "-W", "error", __file__, "--train", recipe, folder, cycles]
    return children.start([*map(str, command)], stdout=subprocess.PIPE, text=True)


def finish(recipe: str, folder: Path, cycles: int) -> str:
    """Return what a process says that is left alone."""
    return str(start(recipe, folder, cycles).communicate()[0])


def look(folder: Path, report: Report) -> None:
    """Read all that a killed process has left."""
    report.between += any(folder.glob(".checkpoint-*"))
    for path in folder.glob(FILES):
        try:
            read_tensors(path)
        except (FormatError, OSError) as error:
            print(error, file=sys.stderr)
            report.unreadable += 1


def train(recipe: str, folder: Path, cycles: int) -> None:
    """Train, going on with what is in `folder`; print when it begins and a digest of its end."""
    mgres.set_num_threads(1)
    X, y, *_ = mgres.datasets.circles(1, 100, 10)
    net = mgres.ResNet(2, 3, 2, depth=256)
    # with a regulariser the loss never is zero, and training goes on until it is killed
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-3, "time"))
    if recipe == "cascade":
        h = mgres.resnet_hierarchy(f, 5, optimizer=mgres.LBFGS(), metric="time")
        options: dict[str, Any] = {"hierarchy": h, "cycle": mgres.Cascade(MaxSteps(40))}
    else:
        h = mgres.resnet_hierarchy(f, 5, optimizer=mgres.Adam(0.01), metric="time")
        cycle = mgres.VCycle(mgres.Schedule.paper(5), state="keep")
        options = {"hierarchy": h, "cycle": cycle, "batch_size": 30}
    checkpoint = mgres.Checkpoint(folder, every_cycles=1)
    print("begin", flush=True)
    result = mgres.fit(
        f,
        seed=3,
        max_cycles=cycles,
        checkpoint=checkpoint,
        resume=folder if checkpoint.exists else None,
        **options,
    )
    history = [replace(record, seconds=0.0) for record in result.history]
    print(hashlib.blake2b(result.theta.tobytes() + repr(history).encode()).hexdigest())


if __name__ == "__main__":
    sys.exit(main())

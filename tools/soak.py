"""Train with random settings and disturb the runs, for as long as told.

    python tools/soak.py [--minutes 60] [--seed 0]

Each round takes a random problem, method, number of threads and checkpoint interval, and trains
once in peace.  Then the same run is disturbed at random moments: killed, stopped by SIGTERM, SIGHUP
or one or two Ctrl-C, robbed of its newest checkpoint's tail or of the permission to write, and each
time resumed, with another number of threads, until it is complete.  In the end its parameters have
to be those of the run in peace, bit for bit.  Exit code 1 if they are not, or if a process hung or
ended with anything but the exit codes of the documentation.  A request to stop ends the runs, too.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import children
import numpy as np

import mgres
from mgres.runs import RunFolder

PROBLEMS = ("circles", "spirals")
METHODS = (
    ("--method", "recommended"),
    ("--method", "V", "--levels", "3"),
    ("--method", "F", "--levels", "3"),
    ("--method", "cascade"),
    ("--method", "fmg", "--levels", "3"),
    ("--method", "single"),
    ("--method", "recommended", "--batch-size", "200"),
    ("--method", "V", "--levels", "3", "--batch-size", "100"),
)
DISTURBANCES = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "two SIGINT", "torn file"]
if hasattr(os, "geteuid") and os.geteuid() != 0:  # nothing is read-only for root
    DISTURBANCES.append("read-only")
LONGEST = 300
"""Seconds after which a process counts as hung."""


class Fault(Exception):  # noqa: N818
    """What must not happen."""


def command(words: list[str], threads: int) -> subprocess.Popen[str]:
    """Start `mgres train`."""
    return children.start(
        [sys.executable, "-m", "mgres", "train", *words, "--quiet", "--threads", str(threads)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )


def wait(process: subprocess.Popen[str]) -> int:
    """Return the exit code."""
    try:
        _, err = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # it tells where it is
        _, err = process.communicate()
        raise Fault(f"no end within {LONGEST} s: {process.args}\n{err[-3000:]}") from None
    if process.returncode not in (0, 1, 2, 128 + 1, 128 + 2, 128 + 15, -signal.SIGKILL):
        raise Fault(f"exit code {process.returncode}: {err.strip()[-300:]}")
    if "Traceback" in err or "unexpected" in err:
        raise Fault(err.strip()[-300:])
    return process.returncode


def is_running(process: subprocess.Popen[str], folder: Path) -> bool:
    """Return whether the lock of the folder is this process's, and not of one that was killed."""
    try:
        return (folder / ".lock").read_text() == str(process.pid)
    except FileNotFoundError:
        return False


def disturb(process: subprocess.Popen[str], folder: Path, rng: random.Random) -> str:
    """Do one thing to a process that runs, and to its folder when it has ended."""
    what = rng.choice(DISTURBANCES)
    before = time.monotonic()
    while process.poll() is None and not is_running(process, folder):
        time.sleep(0.01)  # imports are not what is disturbed
        if time.monotonic() - before > LONGEST:
            raise Fault(f"did not begin within {LONGEST} s")
    time.sleep(rng.uniform(0, 2))
    if what == "read-only":
        folder.chmod(0o500)
        time.sleep(rng.uniform(0.1, 1))
        folder.chmod(0o700)
        what_next = "SIGINT"
    else:
        what_next = {"torn file": "SIGKILL"}.get(what, what)
    for _ in range(2 if what_next == "two SIGINT" else 1):
        process.send_signal(getattr(signal, what_next.split()[-1]))
        time.sleep(0.02)
    wait(process)
    files = sorted(folder.glob("checkpoints/*.safetensors"))
    if what == "torn file" and len(files) > 1:
        contents = files[-1].read_bytes()
        files[-1].write_bytes(contents[: rng.randrange(len(contents))])
    return what


def one_round(rng: random.Random, folder: Path, counts: Counter[str]) -> None:
    """Train once in peace, and once not."""
    words = [rng.choice(PROBLEMS), *rng.choice(METHODS), "--no-plots", "--patience", "100000"]
    words += ["--depth", str(rng.choice([32, 64, 256])), "--seed", str(rng.randrange(100))]
    words += ["--checkpoint-cycles", str(rng.choice([1, 3, 10]))]
    words += ["--max-cycles", str(rng.choice([10, 30, 100])), "--target-accuracy", "1.0"]
    words += ["--target-loss", "1e-12"] if rng.random() < 0.5 else []
    peaceful, other = folder / "peaceful", folder / "disturbed"
    if code := wait(command([*words, "--out", str(peaceful)], 1)):
        raise Fault(f"in peace: exit code {code}: {' '.join(words)}")
    process = command([*words, "--out", str(other)], rng.choice([1, 2, 3]))
    for _ in range(rng.randrange(1, 5)):
        counts[disturb(process, other, rng)] += 1
        if RunFolder(other).is_complete:
            break
        again = ["--resume", str(other)] if (other / "config.toml").exists() else None
        process = command(again or [*words, "--out", str(other)], rng.choice([1, 2, 3]))
    else:
        code = wait(process)
        if code == 2:
            raise Fault(f"could not go on: {' '.join(words)}")
    found = [mgres.load(place / "model.safetensors").theta for place in (peaceful, other)]
    if not np.array_equal(*found):
        raise Fault(f"other parameters: {' '.join(words)}")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    rng = random.Random(options.seed)
    end = time.monotonic() + 60 * options.minutes
    counts: Counter[str] = Counter()
    rounds = faults = 0
    children.obey()
    try:
        while time.monotonic() < end:
            with tempfile.TemporaryDirectory() as folder, children.ended():
                rounds += 1
                try:
                    one_round(rng, Path(folder), counts)
                except Fault as fault:
                    faults += 1
                    print(f"round {rounds}: {fault}", flush=True)
    finally:
        told = ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))
        print(f"{rounds} rounds, {sum(counts.values())} disturbances ({told}), {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

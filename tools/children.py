"""Processes that a script starts, and that do not outlive it.

    children.obey()
    with tempfile.TemporaryDirectory() as folder, children.ended():
        process = children.start([...])

A script that is stopped takes its own way out, and what it has started would run on: nobody waits
for it, and nobody sends it the signal.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

REQUESTS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""Signals that ask to stop."""

_running: list[subprocess.Popen[Any]] = []
_is_starting = False
_asked: int | None = None


def obey() -> None:
    """Make the first request to stop a SystemExit, and ignore more of them: it is being done."""
    for number in REQUESTS:
        signal.signal(number, _stop)


def _stop(number: int, frame: Any) -> None:
    global _asked
    if _asked is None:
        _asked = number
        if not _is_starting:
            raise SystemExit(128 + number)


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a process that `ended` ends."""
    global _is_starting
    _is_starting = True  # between its birth and its place in the list it would belong to nobody
    try:
        process = subprocess.Popen(command, **options)
        _running.append(process)
    finally:
        _is_starting = False
    if _asked is not None:
        raise SystemExit(128 + _asked)
    return process


@contextmanager
def ended() -> Iterator[None]:
    """End by SIGKILL whatever still runs at the end of the block."""
    try:
        yield
    finally:
        while _running:
            _running[-1].kill()
            _running.pop().wait()


def forget() -> None:
    """Let requests to stop have their usual effect again: for a process that was forked."""
    for number in REQUESTS:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, usual)

"""Requests to stop: Ctrl-C, and those of other programs.

While something is saved, one more request must not destroy what the first one was about to keep.
Handlers of signals belong to the main thread; elsewhere these functions change nothing.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

REQUESTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that ask a program to stop, and that it can answer."""

MOST = 2
"""So many requests are answered by saving what there is; one more ends that at once."""


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back requests to stop inside, where what there is gets saved.

    The third one is obeyed at once: the place may never answer.  Only handlers that Python has are
    held back, so that a program that ignores or dies of a signal goes on doing so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = 0
    before = {number: signal.getsignal(number) for number in REQUESTS}

    def wait(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came += 1
        if came > MOST:
            raise KeyboardInterrupt

    held = [number for number, handler in before.items() if callable(handler)]
    for number in held:
        signal.signal(number, wait)
    try:
        yield
    finally:
        for number in held:
            signal.signal(number, before[number])


def ignored_from_now_on() -> None:
    """Let no request disturb the end of this process, whose exit code is known."""
    if threading.current_thread() is threading.main_thread():
        for number in REQUESTS:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def as_keyboard_interrupt() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP inside do what Ctrl-C does; yields the numbers of those that came.

    The first request interrupts; the second is that of an impatient person, and changes nothing;
    the third interrupts again.  A signal that is ignored, as SIGHUP under ``nohup``, stays so.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) != MOST:
            raise KeyboardInterrupt

    before: dict[Any, Any] = {}
    for number in REQUESTS:
        handler = signal.getsignal(number)
        if handler in (signal.SIG_DFL, signal.default_int_handler):
            before[number] = handler
            signal.signal(number, interrupt)
    try:
        yield came
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)

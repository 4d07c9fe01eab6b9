"""How many threads the core uses; results never depend on it.

The number is an argument of every call into the core.  It is that of the innermost :func:`threads`
around the call, which belongs to one Python thread (or one asyncio task) alone, or else the
process's default.  Nothing changes the default but :func:`set_num_threads`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from . import _core
from .cgroups import own_cgroups
from .checks import check_integer

MOST_THREADS = 4096
"""More than any machine has; a number beyond it is a mistake, and would exhaust the system."""


_wanted: ContextVar[int] = ContextVar("mgres.threads", default=0)
"""Of the calls in this context; 0 for the process's default."""


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Use `n` threads for all calls inside, in this Python thread only.

    Parameters
    ----------
    n : int or None
        Any number from 1, more than there are cores is allowed; None changes nothing.

    Returns
    -------
    context manager

    Raises
    ------
    ValueError
        If `n` is no integer from 1 to 4096.

    Examples
    --------
    >>> import mgres
    >>> with mgres.threads(3):
    ...     mgres.get_num_threads()
    3
    """
    if n is None:
        yield
        return
    token = _wanted.set(check_integer("n", n, most=MOST_THREADS))
    try:
        yield
    finally:
        _wanted.reset(token)


def wanted_threads() -> int:
    """Return what a call into the core passes on as its number of threads."""
    return _wanted.get()


def set_num_threads(n: int) -> None:
    """Use exactly `n` threads from now on in the whole process, but inside :func:`threads`.

    Parameters
    ----------
    n : int
        Any number from 1; more than there are cores is allowed.

    Raises
    ------
    ValueError
        If `n` is no integer from 1 to 4096.
    """
    _core.set_num_threads(check_integer("n", n, most=MOST_THREADS))


def get_num_threads() -> int:
    """Return how many threads calls use here."""
    return _wanted.get() or _core.num_threads()


def available_threads() -> int:
    """Return what affinity, the container's quota and OMP_NUM_THREADS leave to this process."""
    return max(1, min(thread_limits().values()))


def thread_limits() -> dict[str, int]:
    """Return what limits the number of threads, by name."""
    limits = {"affinity": _affinity()}
    if quotas := _cgroup_quota():
        limits["cgroup quota"] = min(quotas)
    openmp = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if openmp.isdigit() and int(openmp) > 0:
        limits["OMP_NUM_THREADS"] = int(openmp)
    return limits


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cgroup_quota() -> list[int]:
    """Return the CPU quota of the cgroup (v2), rounded up; OpenMP itself ignores it."""
    quotas = []
    for group in own_cgroups():
        try:
            quota, period = (group / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if quota != "max":
            quotas.append(math.ceil(int(quota) / int(period)))
    return quotas


_core.set_default_num_threads(available_threads())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_core.after_fork_in_child)

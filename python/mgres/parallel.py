"""How many threads the core uses; results never depend on it."""

from __future__ import annotations

import math
import os
from pathlib import Path

from . import _core

MOST_THREADS = 4096
"""More than any machine has; a number beyond it is a mistake, and would exhaust the system."""


def set_num_threads(n: int) -> None:
    """Use exactly `n` threads from now on, in the whole process.

    Parameters
    ----------
    n : int
        Any number from 1; more than there are cores is allowed.

    Raises
    ------
    ValueError
        If `n` is no integer from 1 to 4096.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST_THREADS:
        raise ValueError(f"n: expected an integer from 1 to {MOST_THREADS}, got {n!r}")
    _core.set_num_threads(n)


def get_num_threads() -> int:
    """Return how many threads the core uses."""
    return _core.num_threads()


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
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        path = next(line[3:] for line in lines if line.startswith("0::"))
        folder = Path("/sys/fs/cgroup") / path.lstrip("/")
    except (OSError, StopIteration):
        return []
    quotas = []
    for group in [folder, *folder.parents]:
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

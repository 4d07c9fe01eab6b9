"""The machine and the software."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

import mgres
from mgres import info

PEERS = ("torch", "jax", "jaxlib")
TOPOLOGY = Path("/sys/devices/system/cpu")


def environment() -> dict[str, Any]:
    """Return what a reader must know to judge the numbers."""
    return {
        **info.environment(mgres.__version__),
        **{package: _version(package) for package in PEERS},
        "command": " ".join(["python", "bench/peers.py", *sys.argv[1:]]),
        "cores": os.cpu_count(),
        "real_cores": real_cores(),
        "load": list(os.getloadavg()),
    }


def real_cores() -> int | None:
    """Return how many cores this process may use, hyper-threads of one core counted once.

    None if the system does not tell.  A virtual machine may tell what is not true: the peak on one
    thread and on more shows it.
    """
    try:
        return len({_siblings(cpu) for cpu in os.sched_getaffinity(0)})
    except (AttributeError, OSError):
        return None


def _siblings(cpu: int) -> str:
    path = TOPOLOGY / f"cpu{cpu}" / "topology" / "thread_siblings_list"
    return path.read_text(encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

"""Facts about this installation and machine, for result files and bug reports."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from . import _core, parallel

PACKAGES = (
    "scipy",
    "scikit-learn",
    "matplotlib",
    "torch",
    "tqdm",
    "pyarrow",
    "shtab",
    "safetensors",
    "tensorboardX",
)


def environment(version: str) -> dict[str, Any]:
    """Return what a reader must know to judge the seconds and repeat the numbers."""
    return {
        "mgres": version,
        "isa": _core.isa,
        "threads": parallel.get_num_threads(),
        "compiler": _core.compiler,
        "eigen": _core.eigen_version,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "command": " ".join(["mgres", *sys.argv[1:]]),
    }


def details() -> dict[str, Any]:
    """Return more about the core: its other builds, OpenMP, and what limits the threads."""
    limits = parallel.thread_limits()
    return {
        "isa_available": ", ".join(_levels()),
        "isa_forced": os.environ.get("MGRES_ISA", "") or "no (MGRES_ISA is not set)",
        "openmp": _openmp(),
        "thread_limits": ", ".join(f"{name} {count}" for name, count in limits.items()),
    }


def _levels() -> list[str]:
    """Return the instruction set levels that were built and that the processor has."""
    levels = ("base", "v3", "v4")
    cpu: Any = import_module("._cpu", __package__)
    supported = levels[: levels.index(cpu.level()) + 1]
    return [l for l in supported if find_spec(f"{__package__}._core_{l}") is not None]


def _openmp() -> str:
    """Return the file name of the OpenMP library in use, where the system tells."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    files = {Path(line.split()[-1]).name for line in lines if "omp" in line.split()[-1]}
    return ", ".join(sorted(name for name in files if name.startswith(("libgomp", "libomp")))) or (
        "unknown"
    )


def optional_packages() -> dict[str, str | None]:
    """Return the versions of packages that mgres can use; None for those that are missing."""
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()

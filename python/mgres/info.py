"""Facts about this installation and machine, for result files and bug reports."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
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

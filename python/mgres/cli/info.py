"""`mgres info`."""

from __future__ import annotations

import argparse
import json

from .. import __version__
from ..info import details, environment, optional_packages
from .parser import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "info",
        _info,
        "Print versions, threads and processor, for a report of a bug.",
        ("mgres info", "mgres info --json"),
    )
    p.add_argument("--json", action="store_true", help="print JSON instead of text")


def _info(options: argparse.Namespace) -> int:
    facts = {**environment(__version__), **details(), "packages": optional_packages()}
    del facts["command"]
    if options.json:
        print(json.dumps(facts, indent=1))
        return 0
    packages = facts.pop("packages")
    for name, value in facts.items():
        print(f"{name:16} {value}")
    for name, version in packages.items():
        print(f"{name:16} {version or 'not installed'}")
    return 0

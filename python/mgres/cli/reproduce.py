"""`mgres reproduce`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import __version__
from ..experiments import EXPERIMENTS, QUICK, reproduce
from .folders import output
from .parser import Commands
from .types import positive


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "reproduce",
        _reproduce,
        "Run an experiment of the paper.",
        ("mgres reproduce table1 --problem circles --seeds 5 --out runs/table1",),
    )
    p.add_argument("name", choices=tuple(EXPERIMENTS), help="table or figure")
    p.add_argument(
        "--problem",
        choices=("circles", "circles-scaled", "mnist"),
        default="circles",
        help="(default: circles); circles-scaled: features in [-1, 1], squared error",
    )
    p.add_argument("--seeds", type=positive, default=5, help="how many (default: 5)", metavar="N")
    p.add_argument("--quick", action="store_true", help=f"minutes instead of hours: {QUICK}")
    p.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for result.json and the plot",
        metavar="DIR",
    )
    p.set_defaults(interrupted="finished runs are kept; the same command resumes")


def _reproduce(options: argparse.Namespace) -> int:
    reproduce(
        options.name,
        options.problem,
        options.seeds,
        output(options.out),
        version=__version__,
        quick=options.quick,
    )
    return 0

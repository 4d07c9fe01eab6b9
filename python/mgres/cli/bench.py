"""`mgres bench`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from .parser import Commands
from .types import positive


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "bench",
        _bench,
        "Time gradient and output of networks on this machine, next to the processor's peak.",
        ("mgres bench --width 4 10 32 --depth 2048", "mgres bench --width 64 --json"),
    )
    p.add_argument(
        "--width",
        type=positive,
        nargs="+",
        default=[4, 10, 32],
        help="widths of the networks (default: 4 10 32)",
        metavar="V",
    )
    p.add_argument(
        "--depth", type=positive, default=2048, help="layers (default: 2048)", metavar="K"
    )
    p.add_argument(
        "--samples",
        type=positive,
        default=1000,
        help="samples of the batch (default: 1000)",
        metavar="N",
    )
    p.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help="of all numbers (default: float32)",
    )
    p.add_argument(
        "--repeats",
        type=positive,
        default=7,
        help="turns, of which the median counts (default: 7)",
        metavar="N",
    )
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")


def _bench(options: argparse.Namespace) -> int:
    from ..experiments.speed import speed, table

    rows = speed(
        options.width,
        depth=options.depth,
        samples=options.samples,
        dtype=options.dtype,
        repeats=options.repeats,
    )
    if options.json:
        print(json.dumps([{**asdict(row), "share": row.share} for row in rows], indent=1))
    else:
        print(table(rows))
    return 0

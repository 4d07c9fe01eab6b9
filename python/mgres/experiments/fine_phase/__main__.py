"""The command ``python -m mgres.experiments.fine_phase``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .experiment import QUICK, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the experiment from the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m mgres.experiments.fine_phase",
        description="Compare V-cycles and L-BFGS where nested iteration has arrived.",
    )
    parser.add_argument("--seeds", type=int, default=8, help="how many (default: 8)")
    parser.add_argument("--depth", type=int, default=2048, help="layers (default: 2048)")
    parser.add_argument("--out", type=Path, required=True, help="folder for result.json")
    parser.add_argument("--quick", action="store_true", help=QUICK)
    options = parser.parse_args(arguments)
    if options.out.exists() and not options.out.is_dir():
        parser.error(f"--out: {options.out} is not a folder")
    try:
        run(options.seeds, options.depth, options.out, version=_version(), quick=options.quick)
    except ValueError as error:
        parser.error(str(error))
    return 0


def _version() -> str:
    try:
        return version("mgres")
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    sys.exit(main())

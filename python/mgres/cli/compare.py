"""`mgres compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import __version__
from ..datasets.columns import suggestion
from ..datasets.table import is_table
from ..experiments import compare
from ..experiments.comparison import (
    METHODS,
    PROBLEMS,
    Problem,
    at_depth,
    check_methods,
    problem_from_csv,
    problem_from_file,
    with_block,
)
from ..experiments.comparison import QUICK as QUICK_COMPARISON
from ..runs.options import BY_NAME
from .errors import UserError
from .folders import output
from .parser import Commands, add_option
from .types import budgets, names, positive


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "compare",
        _compare,
        "Compare methods, every one tuned on some seeds and judged on others, by work and seconds.",
        (
            "mgres compare --problem circles,spirals --seeds 8 --out runs/compare",
            "mgres compare --problem flowers.csv --target kind --out runs/compare",
        ),
    )
    p.add_argument(
        "--problem",
        type=names,
        required=True,
        help=f"of {', '.join(PROBLEMS)}; or a Python file that defines problem(), or a table, such "
        "as *.csv",
        metavar="NAME[,NAME]",
    )
    p.add_argument(
        "--target", help="of a table: the column to be predicted from the others", metavar="COLUMN"
    )
    p.add_argument(
        "--ignore", nargs="+", default=(), help="of a table: columns to leave out", metavar="COLUMN"
    )
    p.add_argument("--seeds", type=positive, default=5, help="how many (default: 5)", metavar="N")
    p.add_argument(
        "--methods",
        type=names,
        help=f"(default: all that are installed) of {', '.join(METHODS)}",
        metavar="NAME[,NAME]",
    )
    p.add_argument("--depth", type=positive, help="layers (default: the problem's)", metavar="K")
    for name in ("block", "hidden", "norm", "paced"):
        add_option(p, BY_NAME[name], default="the problem's" if name == "block" else "")
    p.add_argument(
        "--budgets",
        type=budgets,
        default=(),
        help="also compare what comes back after so many work units, without a target",
        metavar="WU[,WU]",
    )
    p.add_argument(
        "--quick", action="store_true", help=f"minutes instead of hours: {QUICK_COMPARISON}"
    )
    p.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for result.json, curves.json and the plots",
        metavar="DIR",
    )
    p.set_defaults(interrupted="finished runs are kept; the same command resumes")


def _compare(options: argparse.Namespace) -> int:
    problems = [
        with_block(
            at_depth(_problem(name, options), options.depth),
            options.block,
            hidden=options.hidden,
            norm=options.norm,
            paced=bool(options.paced),
        )
        for name in options.problem
    ]
    twice = {p.name for p in problems if sum(q.name == p.name for q in problems) > 1}
    if twice:
        raise UserError(f"--problem: {', '.join(sorted(twice))} is named twice")
    if options.methods is not None:
        check_methods(options.methods)
    compare(
        problems,
        options.seeds,
        output(options.out),
        version=__version__,
        methods=options.methods,
        quick=options.quick,
        budgets=options.budgets,
    )
    return 0


def _problem(name: str, options: argparse.Namespace) -> Problem:
    """Return a problem by its name, or the one in a file."""
    path = Path(name)
    if is_table(name):
        if options.target is None:
            raise UserError(f"--problem {name}: needs --target COLUMN")
        return problem_from_csv(path, options.target, ignore=options.ignore)
    if path.suffix == ".py":
        return problem_from_file(path)
    if name not in PROBLEMS:
        raise UserError(
            f"--problem {name}: expected some of {', '.join(PROBLEMS)}, or a file *.py or *.csv"
            f"{suggestion(name, PROBLEMS)}"
        )
    return PROBLEMS[name]

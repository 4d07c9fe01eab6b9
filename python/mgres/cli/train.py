"""`mgres train`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from .. import __version__
from ..runs import OPTIONS, RunFolder, read_config
from ..runs.data import BUILT_IN, load_data
from ..runs.options import FURTHER
from ..runs.resolve import resolve
from ..runs.run import Outcome, run
from ..runs.settings import LIMITS, OUTWARD, merged
from ..runs.setups import SETUPS
from .errors import UserError
from .folders import output
from .levels import check_comparable, compare_levels
from .parser import Commands, add_option
from .report import told
from .types import positive

GROUPS = {
    "data": "data of your own",
    "network": "network",
    "method": "method",
    "objective": "objective",
    "limits": "when to stop",
    "run": "run",
}
ON_RESUME = (*LIMITS, *OUTWARD)
FOR_LEVELS = ("depth", "learning_rate", "beta", "seed", "quiet", "threads")


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "train",
        _train,
        "Train a network on a data set or a file; or compare numbers of levels.",
        (
            "mgres train flowers.csv --target kind --out runs/flowers",
            "mgres train animals --size 32 --augment shift=2,flip --out runs/animals",
            "mgres train circles --max-minutes 1 --out runs/circles",
            "mgres train --config runs/flowers/config.toml --out runs/again",
            "mgres train --resume runs/flowers",
            "mgres train circles --levels 8 1 --out runs/levels",
        ),
    )
    p.add_argument(
        "data",
        nargs="?",
        help=f"{', '.join(BUILT_IN)}; or a file: *.csv, *.tsv, *.npz, *.parquet or idx; or a "
        "folder with a sub-folder of pictures for each class",
        metavar="DATA",
    )
    groups = {name: p.add_argument_group(title) for name, title in GROUPS.items()}
    for option in OPTIONS:
        add_option(groups[option.group], option)
    groups["method"].add_argument(
        "--levels",
        type=positive,
        nargs="+",
        help="number of levels; several are compared, with the set-ups of the paper, on "
        f"{', '.join(SETUPS)}",
        metavar="L",
    )
    files = groups["run"]
    files.add_argument("--out", type=Path, help="folder for the run's files", metavar="DIR")
    files.add_argument(
        "--config",
        type=Path,
        help="TOML file with options by their names; those of the command win",
        metavar="FILE",
    )
    files.add_argument(
        "--resume",
        type=Path,
        help="go on with the run in this folder; only limits may be given",
        metavar="DIR",
    )
    files.add_argument(
        "--overwrite", action="store_true", help="replace a run that the folder holds"
    )


def _train(options: argparse.Namespace) -> int:
    given = _given(options)
    if options.resume is not None:
        return _resume(options, given)
    config = read_config(options.config) if options.config is not None else {}
    given = merged(config, given)
    levels = given.get("levels", ())
    if isinstance(levels, list) and len(levels) == 1:
        given["levels"] = levels[0]
    out = options.out or (Path(config["out"]) if "out" in config else None)
    given.pop("out", None)
    needed = {"data": given.get("data"), "--out": out}
    missing = [name for name, value in needed.items() if value is None]
    if missing or out is None:
        raise UserError(
            f"the following arguments are required: {', '.join(missing)}; see mgres train --help"
        )
    if isinstance(given.get("levels"), list):
        check_comparable(given["data"])
        unfit = [name for name in given if name not in (*FOR_LEVELS, "data", "levels")]
        if unfit:
            flag = unfit[0].replace("_", "-")
            raise UserError(f"--{flag}: does not go with several --levels, which are compared")
        return compare_levels(given, out)
    data = load_data(given)
    settings = resolve(given, data)
    folder = RunFolder(output(out))
    if folder.holds_run and not options.overwrite:
        raise UserError(
            f"--out {out}: holds a run; go on with it by --resume {out}, or take --overwrite"
        )
    for line in data.said:
        print(line)
    options.interrupted = _going_on(folder)
    outcome = run(settings, data, folder, version=__version__)
    return _end(outcome, folder)


def _resume(options: argparse.Namespace, given: dict[str, Any]) -> int:
    for name, value in (("--out", options.out), ("--config", options.config)):
        if value is not None:
            raise UserError(f"{name}: does not go with --resume, which goes on in its own folder")
    unfit = [name for name in given if name not in ON_RESUME]
    if unfit:
        flag = unfit[0] if unfit[0] == "data" else "--" + unfit[0].replace("_", "-")
        raise UserError(
            f"{flag}: cannot change when a run is resumed; only limits can, such as --max-cycles"
        )
    folder = RunFolder(options.resume)
    stored = folder.read_config()
    data = load_data(stored)
    settings = resolve(merged(stored, given), data)
    if folder.is_complete:
        raise UserError(
            f"--resume {options.resume}: this run is complete; to do it again, take "
            f"--config {folder.config} --out OTHER"
        )
    options.interrupted = _going_on(folder)
    outcome = run(settings, data, folder, version=__version__, resume=True, tell=_tell)
    return _end(outcome, folder)


def _end(outcome: Outcome, folder: RunFolder) -> int:
    print(told(outcome, folder))
    if outcome.error is not None:
        print(f"mgres: error: {outcome.error}", file=sys.stderr)
        return 1
    if outcome.unwritten:
        print(f"mgres: error: {'; '.join(outcome.unwritten)}", file=sys.stderr)
        return 1
    if outcome.result.stopped == "interrupted":
        print(
            f"mgres: interrupted; the last complete cycle is kept; {_going_on(folder)}",
            file=sys.stderr,
        )
        return 130
    return 0


def _going_on(folder: RunFolder) -> str:
    return f"go on by `mgres train --resume {folder.path}`"


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the command by name, without those that were not given."""
    names = [*(option.name for option in OPTIONS), *(name for name in FURTHER if name != "out")]
    values = {name: getattr(options, name) for name in names}
    for name, value in {**values, "out": options.out, "resume": options.resume}.items():
        if isinstance(value, str | Path) and _is_no_text(str(value)):
            flag = name if name == "data" else "--" + name.replace("_", "-")
            raise UserError(f"{flag}: expected a name in UTF-8, got {os.fsencode(value)!r}")
    return {name: value for name, value in values.items() if value is not None}


def _is_no_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return True
    return False

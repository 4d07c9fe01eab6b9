"""`mgres train` with several numbers of levels: the set-ups of the paper, compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..experiments import train
from ..experiments.runs import RunSpec
from ..mgopt import Schedule
from ..runs import SETUPS
from ..runs.resolve import check_levels
from .errors import UserError
from .folders import output


def check_comparable(name: str) -> None:
    """Raise a UserError unless the paper has a set-up for the data."""
    if name not in SETUPS:
        raise UserError(
            f"--levels: several are compared on {', '.join(SETUPS)}; for {name} name one"
        )


def compare_levels(given: Mapping[str, Any], out: Path) -> int:
    """Train with each number of levels; write ``result.json`` and a plot to `out`."""
    name = given["data"]
    check_comparable(name)
    setup = SETUPS[name]
    spec = RunSpec(
        problem=name,
        depth=given.get("depth", setup.depth),
        schedule=str(Schedule.paper(1)),
        learning_rate=given.get("learning_rate", setup.learning_rate),
        beta=given.get("beta", setup.beta),
        seed=given.get("seed", 0),
    )
    for levels in given["levels"]:
        check_levels(levels, spec.depth)
    train(
        spec,
        given["levels"],
        output(out),
        version=__version__,
        progress=not given.get("quiet", False),
    )
    return 0

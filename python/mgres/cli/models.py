"""What commands on a trained model share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..datasets.columns import listing
from ..files import Model
from ..runs import values
from ..runs.folder import find_model
from ..runs.scaling import Scaling
from .errors import UserError
from .types import argument


@dataclass(frozen=True)
class Trained:
    """A model, how features become its inputs, and the seed that it was trained with."""

    model: Model
    scaling: Scaling
    seed: int


def add_model(p: argparse.ArgumentParser, *, can_be_pictures: bool = False) -> None:
    """Add the model and the data, which may be several pictures."""
    p.add_argument("model", type=Path, help="a model, or the folder of a run", metavar="MODEL")
    files = "a file: *.csv, *.tsv, *.npz, *.parquet or idx"
    if can_be_pictures:
        p.add_argument(
            "data", nargs="+", help=f"{files}; or pictures, or folders of them", metavar="DATA"
        )
    else:
        p.add_argument("data", help=f"{files}; or a folder of classes", metavar="DATA")
    p.add_argument(
        "--delimiter",
        type=argument(values.character),
        help="between cells of a text file (default: guessed)",
        metavar="C",
    )


def tell_unused(columns: Sequence[str]) -> None:
    """Say on standard error which columns of a file are ignored."""
    if columns:
        print(f"columns that the model does not use: {listing(columns)}", file=sys.stderr)


def load_trained(path: Path) -> Trained:
    """Return a model that `mgres train` wrote.

    Raises
    ------
    UserError, OSError, FormatError
        If there is none.
    """
    file, model = find_model(path)
    try:
        return Trained(model, Scaling.of(model), int(model.notes.get("seed", "0")))
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None

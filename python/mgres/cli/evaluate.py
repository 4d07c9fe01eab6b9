"""`mgres evaluate`."""

from __future__ import annotations

import argparse
import json
import sys

from ..runs.data import BUILT_IN
from ..runs.images import labelled_images
from ..runs.samples import labelled
from ..runs.scores import score
from .models import add_model, load_trained, tell_unused
from .parser import Commands
from .report import scores_json, scores_table


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "evaluate",
        _evaluate,
        "Tell how good a model is on data whose target is known.",
        (
            "mgres evaluate runs/flowers flowers.csv",
            "mgres evaluate runs/animals animals",
            "mgres evaluate runs/flowers/model.safetensors flowers.csv --json",
        ),
    )
    add_model(p)
    p.add_argument(
        "--target", help="the column to compare with (default: as in training)", metavar="COLUMN"
    )
    p.add_argument("--json", action="store_true", help="print JSON instead of text")


def _evaluate(options: argparse.Namespace) -> int:
    trained = load_trained(options.model)
    model, scaling = trained.model, trained.scaling
    found = None
    if options.data not in BUILT_IN:
        found = labelled_images(scaling, options.data, options.target)
    if found is not None:
        X, y, said = found
        for line in said:
            print(line, file=sys.stderr)
    else:
        X, y, extra = labelled(
            scaling, options.data, options.target, options.delimiter, seed=trained.seed
        )
        tell_unused(extra)
    scores = score(model.net, model.theta, scaling, X, y)
    if options.json:
        print(json.dumps(scores_json(scores, scaling), indent=1))
    else:
        print(scores_table(scores, scaling))
    return 0

"""`mgres predict`."""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..checks import check_predictions
from ..datasets.images.folder import shown
from ..files import replacing
from ..runs.data import BUILT_IN
from ..runs.images import pictures_in
from ..runs.samples import features
from .errors import UserError
from .models import Trained, add_model, load_trained, tell_unused
from .parser import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "predict",
        _predict,
        "Write what a model predicts, as CSV with a line for each row.",
        (
            "mgres predict runs/flowers flowers.csv --out predictions.csv",
            "mgres predict runs/flowers flowers.csv --proba",
            "mgres predict runs/animals animals/cat/0.png animals/dog",
        ),
    )
    add_model(p, can_be_pictures=True)
    p.add_argument("--proba", action="store_true", help="the probability of each class, too")
    p.add_argument(
        "--out", type=Path, help="file to write (default: standard output)", metavar="FILE"
    )


def _predict(options: argparse.Namespace) -> int:
    trained = load_trained(options.model)
    scaling = trained.scaling
    if options.proba and not scaling.classes:
        raise UserError("--proba: is for classes, and this model predicts a quantity")
    found = None
    if options.data[0] not in BUILT_IN:
        found = pictures_in(scaling, options.data)
    if found is not None:
        X, files = found
        text = _table(trained, X, proba=options.proba, files=files)
    else:
        if len(options.data) > 1:
            raise UserError(
                f"{options.data[1]}: several files are predicted if they are pictures, and "
                f"{options.data[0]} is none"
            )
        X, extra = features(scaling, options.data[0], options.delimiter, seed=trained.seed)
        tell_unused([name for name in extra if name != scaling.target])
        text = _table(trained, X, proba=options.proba)
    if options.out is None:
        if getattr(sys.stdout, "name", None) == os.devnull:
            raise UserError("standard output is closed: give --out FILE")
        # UTF-8 as in files, whatever the terminal has, and no line ends of the system
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode())
        else:
            sys.stdout.write(text)
        return 0
    if options.out.is_dir():
        raise UserError(f"--out {options.out}: expected a file, got a folder")
    if not options.out.parent.is_dir():
        raise UserError(f"--out {options.out}: there is no folder {options.out.parent}")
    with replacing(options.out) as file:
        file.write(text.encode())
    print(f"{len(X)} predictions written to {options.out}")
    return 0


def _table(
    trained: Trained, X: np.ndarray, *, proba: bool, files: Sequence[Path] | None = None
) -> str:
    """Return predictions as CSV; of pictures with their files and how probable the class is."""
    net, scaling = trained.model.net, trained.scaling
    outputs = net.logits(trained.model.theta, scaling.inputs(X, net.dtype)).astype(np.float64)
    check_predictions(outputs)
    predicted = scaling.predictions(outputs)
    if not scaling.classes:
        check_predictions(predicted[:, None])
    names = [scaling.target]
    columns = [[str(p) if scaling.classes else repr(float(p)) for p in predicted]]
    exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    if files is not None:
        names = ["file", *names, "probability"]
        columns = [
            [shown(file) for file in files],
            *columns,
            [f"{share:.6g}" for share in shares.max(axis=1)],
        ]
    if proba:
        names += [f"probability of {label}" for label in scaling.classes]
        columns += [[f"{share:.6g}" for share in column] for column in shares.T]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue()

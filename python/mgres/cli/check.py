"""`mgres check`."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from ..experiments.runs import load
from ..mgopt import GradientDescent, Schedule, VCycle
from ..recipes import defaults
from ..resnet import ResNet, ResNetObjective, Tikhonov, resnet_hierarchy
from ..runs.options import BY_NAME
from ..runs.resolve import check_levels
from ..runs.setups import SETUPS
from ..testing import check_hierarchy
from .parser import Commands, add_option
from .types import count, positive


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "check",
        _check,
        "Run the diagnostics of a hierarchy: adjointness, coherence, descent, transferred loss.",
        ("mgres check circles --levels 8 --projection mean",),
    )
    p.add_argument("data", choices=tuple(SETUPS), help="the problem")
    p.add_argument(
        "--levels", type=positive, default=8, help="number of levels (default: 8)", metavar="L"
    )
    p.add_argument("--depth", type=positive, help="layers (default: 2048)", metavar="K")
    p.add_argument(
        "--width", type=positive, help="features of the state (default: the paper's)", metavar="V"
    )
    for name in ("block", "hidden", "norm", "paced", "activation"):
        add_option(p, BY_NAME[name])
    p.add_argument(
        "--metric",
        choices=("euclidean", "time"),
        default="euclidean",
        help="how derivatives become steps (default: euclidean)",
    )
    p.add_argument(
        "--prolongation",
        choices=("constant", "linear"),
        default="constant",
        help="of corrections, coarse to fine (default: constant)",
    )
    p.add_argument(
        "--projection",
        choices=("mean", "injection", "full_weighting"),
        help="of parameters, fine to coarse (default: what fits the prolongation)",
    )
    p.add_argument("--double", action="store_true", help="in double precision")
    p.add_argument(
        "--seed",
        type=count,
        default=0,
        help="of data and initial parameters (default: 0)",
        metavar="N",
    )


def _check(options: argparse.Namespace) -> int:
    setup = SETUPS[options.data]
    X, y, _, _ = load(options.data, options.seed)
    width = options.width or setup.width
    block = defaults.block_of(
        options.block or "dense",
        width,
        hidden=options.hidden,
        norm=options.norm,
        paced=bool(options.paced),
        activation=options.activation,
    )
    depth = options.depth or setup.depth
    net = ResNet(X.shape[1], width, int(y.max()) + 1, depth, block=block)
    if options.double:
        net = replace(net, dtype=np.dtype(np.float64))
    check_levels(options.levels, net.depth)
    n = min(len(X), 1000)
    samples = X[:n].astype(net.dtype), y[:n]
    f = ResNetObjective(net, *samples, setup.loss, Tikhonov(setup.beta))
    hierarchy = resnet_hierarchy(
        f,
        options.levels,
        optimizer=GradientDescent(setup.learning_rate),
        metric=options.metric,
        prolongation=options.prolongation,
        projection=options.projection,
    )
    print(hierarchy)
    report = check_hierarchy(
        hierarchy,
        net.init(options.seed, setup.scheme),
        VCycle(Schedule.paper(options.levels)),
        groups={part: net.part(part) for part in ("opening", "blocks", "closing")},
    )
    print(report)
    return 0 if report.ok else 1

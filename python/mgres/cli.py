"""The command `mgres`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import mgres

from .experiments import EXPERIMENTS, QUICK, SETUPS, compare, reproduce, train
from .experiments.comparison import (
    METHODS,
    PROBLEMS,
    Problem,
    at_depth,
    check_methods,
    problem_from_csv,
    problem_from_file,
)
from .experiments.comparison import QUICK as QUICK_COMPARISON
from .experiments.runs import RunSpec, load
from .info import environment
from .mgopt import GradientDescent, Schedule, VCycle
from .parallel import set_num_threads
from .resnet import ResNet, ResNetObjective, Tikhonov, resnet_hierarchy
from .testing import check_hierarchy


class UserError(Exception):
    """A mistake in the command or its surroundings, told in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.threads is not None:
            set_num_threads(options.threads)
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # the reader, such as head, has seen enough; spare it the complaint at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (UserError, ValueError, ImportError, OSError, MemoryError) as error:
        if options.debug:
            raise
        print(f"mgres: error: {error or type(error).__name__}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = getattr(options, "interrupted", "nothing was written")
        print(f"\nmgres: interrupted; {hint}", file=sys.stderr)
        return 130


# ---- commands ------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    setup = SETUPS[options.data]
    spec = RunSpec(
        problem=options.data,
        depth=options.depth or setup.depth,
        schedule=str(Schedule.paper(1)),
        learning_rate=options.learning_rate or setup.learning_rate,
        beta=setup.beta if options.beta is None else options.beta,
        seed=options.seed,
    )
    for L in options.levels:
        _check_levels(L, spec.depth)
    out = _output(options.out)
    train(spec, options.levels, out, version=mgres.__version__, progress=not options.quiet)
    return 0


def _reproduce(options: argparse.Namespace) -> int:
    reproduce(
        options.name,
        options.problem,
        options.seeds,
        _output(options.out),
        version=mgres.__version__,
        quick=options.quick,
    )
    return 0


def _compare(options: argparse.Namespace) -> int:
    problems = [at_depth(_problem(name, options.target), options.depth) for name in options.problem]
    twice = {p.name for p in problems if sum(q.name == p.name for q in problems) > 1}
    if twice:
        raise UserError(f"--problem: {', '.join(sorted(twice))} is named twice")
    if options.methods is not None:
        check_methods(options.methods)
    compare(
        problems,
        options.seeds,
        _output(options.out),
        version=mgres.__version__,
        methods=options.methods,
        quick=options.quick,
    )
    return 0


def _problem(name: str, target: str | None) -> Problem:
    """Return a problem by its name, or the one in a file."""
    path = Path(name)
    if path.suffix == ".csv":
        if target is None:
            raise UserError(f"--problem {name}: needs --target COLUMN")
        return problem_from_csv(path, target)
    if path.suffix == ".py":
        return problem_from_file(path)
    if name not in PROBLEMS:
        raise UserError(
            f"--problem {name}: expected some of {', '.join(PROBLEMS)}, or a file *.py or *.csv"
        )
    return PROBLEMS[name]


def _check(options: argparse.Namespace) -> int:
    setup = SETUPS[options.data]
    X, y, _, _ = load(options.data, options.seed)
    net = ResNet(X.shape[1], setup.width, int(y.max()) + 1, options.depth or setup.depth)
    if options.double:
        net = replace(net, dtype=np.dtype(np.float64))
    _check_levels(options.levels, net.depth)
    n = min(len(X), 1000)
    f = ResNetObjective(net, X[:n].astype(net.dtype), y[:n], regularizer=Tikhonov(setup.beta))
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


def _info(options: argparse.Namespace) -> int:
    facts = environment(mgres.__version__)
    del facts["command"]
    for name, value in facts.items():
        print(f"{name:10} {value}")
    return 0


def _check_levels(levels: int, depth: int) -> None:
    most = (depth & -depth).bit_length()
    if levels > most:
        raise UserError(
            f"--levels {levels}: a depth of {depth} allows at most {most}, because it must be "
            "divisible by 2**(levels - 1)"
        )


def _output(path: Path) -> Path:
    """Make the folder of results now, so that a run does not fail at its end."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {path}: cannot be made a folder ({error.strerror})") from None
    if not os.access(path, os.W_OK):
        raise UserError(f"--out {path}: cannot be written to")
    return path


# ---- options -------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mgres", description="Multilevel training of very deep residual networks."
    )
    parser.add_argument("--version", action="version", version=f"mgres {mgres.__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--threads", type=_positive, help="threads to use (default: all available)", metavar="N"
    )
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    p = _command(
        commands,
        common,
        "train",
        _train,
        "Train a network with several numbers of levels and compare them.",
        "mgres train circles --levels 8 1 --out runs/circles",
    )
    p.add_argument("data", choices=SETUPS, help="the problem")
    p.add_argument(
        "--levels",
        type=_positive,
        nargs="+",
        default=[8, 1],
        help="numbers of levels (default: 8 1)",
        metavar="L",
    )
    p.add_argument("--depth", type=_positive, help="layers (default: 2048)", metavar="K")
    p.add_argument(
        "--learning-rate",
        type=_positive_float,
        help="of gradient descent (default: the problem's setting)",
        metavar="RATE",
    )
    p.add_argument(
        "--beta",
        type=_non_negative_float,
        help="Tikhonov regularisation (default: the problem's setting)",
        metavar="BETA",
    )
    p.add_argument(
        "--seed",
        type=_non_negative,
        default=0,
        help="of data and initial parameters (default: 0)",
        metavar="N",
    )
    p.add_argument("--quiet", action="store_true", help="no progress display")
    p.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for result.json and the plot",
        metavar="DIR",
    )

    p = _command(
        commands,
        common,
        "reproduce",
        _reproduce,
        "Run an experiment of the paper.",
        "mgres reproduce table1 --problem circles --seeds 5 --out runs/table1",
    )
    p.add_argument("name", choices=EXPERIMENTS, help="table or figure")
    p.add_argument(
        "--problem", choices=("circles", "mnist"), default="circles", help="(default: circles)"
    )
    p.add_argument("--seeds", type=_positive, default=5, help="how many (default: 5)", metavar="N")
    p.add_argument(
        "--quick",
        action="store_true",
        help=f"minutes instead of hours: {QUICK}",
    )
    p.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for result.json and the plot",
        metavar="DIR",
    )
    p.set_defaults(interrupted="finished runs are kept; the same command resumes")

    p = _command(
        commands,
        common,
        "compare",
        _compare,
        "Compare methods, every one tuned on some seeds and judged on others, by work and seconds.",
        "mgres compare --problem circles,spirals --seeds 8 --out runs/compare",
    )
    p.add_argument(
        "--problem",
        type=_names,
        required=True,
        help=f"of {', '.join(PROBLEMS)}; or a Python file that defines problem(), or a table *.csv",
        metavar="NAME[,NAME]",
    )
    p.add_argument(
        "--target", help="of a table: the column to be predicted from the others", metavar="COLUMN"
    )
    p.add_argument("--seeds", type=_positive, default=5, help="how many (default: 5)", metavar="N")
    p.add_argument(
        "--methods",
        type=_names,
        help=f"(default: all that are installed) of {', '.join(METHODS)}",
        metavar="NAME[,NAME]",
    )
    p.add_argument("--depth", type=_positive, help="layers (default: the problem's)", metavar="K")
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

    p = _command(
        commands,
        common,
        "check",
        _check,
        "Run the diagnostics of a hierarchy: adjointness, coherence, descent, transferred loss.",
        "mgres check circles --levels 8 --projection mean",
    )
    p.add_argument("data", choices=SETUPS, help="the problem")
    p.add_argument(
        "--levels", type=_positive, default=8, help="number of levels (default: 8)", metavar="L"
    )
    p.add_argument("--depth", type=_positive, help="layers (default: 2048)", metavar="K")
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
        type=_non_negative,
        default=0,
        help="of data and initial parameters (default: 0)",
        metavar="N",
    )

    _command(
        commands, common, "info", _info, "Print versions, threads and processor.", "mgres info"
    )
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
    name: str,
    run: object,
    description: str,
    example: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        parents=[common],
        help=description,
        description=description,
        epilog=f"example: {example}",
    )
    parser.set_defaults(run=run)
    return parser


def _number(text: str, kind: type, ok: str, accept: object) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accept(value):  # type: ignore[operator]
        raise argparse.ArgumentTypeError(f"expected {ok}, got {text!r}")
    return value  # type: ignore[no-any-return]


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names with commas between them, got {text!r}")
    return names


def _positive(text: str) -> int:
    return int(_number(text, int, "an integer from 1 to 2**31 - 1", lambda n: 1 <= n < 2**31))


def _non_negative(text: str) -> int:
    return int(_number(text, int, "an integer from 0", lambda n: n >= 0))


def _positive_float(text: str) -> float:
    return _number(text, float, "a positive number", lambda x: 0 < x < float("inf"))


def _non_negative_float(text: str) -> float:
    return _number(text, float, "a number from 0", lambda x: 0 <= x < float("inf"))


if __name__ == "__main__":
    sys.exit(main())

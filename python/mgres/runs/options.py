"""The options of a run: one table for the command line and for configuration files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..blocks import NORMS
from ..datasets.columns import suggestion
from ..datasets.targets import TASKS
from ..recipes import defaults
from ..recipes.methods import METHODS
from ..resnet.initialize import SCHEMES
from ..resnet.network import ACTIVATIONS
from ..resnet.objective import LOSSES
from . import values
from .images import BATCH
from .optimizers import OPTIMIZERS
from .regularizers import REGULARIZERS
from .values import Reader

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Option:
    """An option of ``mgres train``.

    Attributes
    ----------
    name : str
        In a configuration file; on the command line with dashes.
    group : str
        Under which heading it is shown.
    read : callable
        Returns the value or raises a ValueError; see ``mgres.runs.values``.
    help : str
        One line, with the default.
    metavar : str
        What stands for the value, empty for a switch.
    choices : tuple of str
        All values, if they are few.
    """

    name: str
    group: str
    read: Reader
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return "--" + self.name.replace("_", "-")


def _choice(name: str, group: str, choices: tuple[str, ...], help: str) -> Option:
    return Option(name, group, values.choice(*choices), help, choices=choices)


CONV = "conv"
"""The block that is a network of several stages: it needs images, which have a shape."""

OPTIONS: tuple[Option, ...] = (
    # ---- data ------------------------------------------------------------------------------------
    Option(
        "target",
        "data",
        values.text,
        "the column to be predicted; of idx files, the file of labels; of *.npz, the array "
        "(default: y)",
        "COLUMN",
    ),
    _choice("task", "data", TASKS, "(default: guessed from the target, and told)"),
    Option("ignore", "data", values.texts, "columns to leave out", "COLUMN"),
    Option(
        "delimiter",
        "data",
        values.character,
        "between cells of a text file (default: guessed)",
        "C",
    ),
    Option(
        "channels",
        "data",
        values.channels,
        "1 makes images grey, 3 RGB (default: as they are)",
        "1|3",
    ),
    Option(
        "size",
        "data",
        values.size,
        "pixels to which pictures are resized, rows x columns, such as 32 or 24x32 (default: all "
        "must have the same)",
        "N",
    ),
    Option(
        "validation_fraction",
        "data",
        values.share_below_one,
        "share of the rows that is held out, of each class (default: 0.2)",
        "SHARE",
    ),
    # ---- network ---------------------------------------------------------------------------------
    Option(
        "depth",
        "network",
        values.positive_integer,
        f"layers, with --block conv of each stage (default: {defaults.DEPTH}; 2048 for circles, "
        "mnist, digits but with --block conv)",
        "K",
    ),
    Option(
        "width",
        "network",
        values.positive_integer,
        f"features of the state (default: {defaults.LEAST_WIDTH}, or the number of outputs if that "
        "is larger)",
        "V",
    ),
    _choice(
        "block",
        "network",
        (*defaults.BY_NAME, CONV),
        "what a layer computes (default: dense); conv makes a convolutional network of several "
        "stages, for images",
    ),
    Option(
        "stages",
        "network",
        values.numbers,
        "with --block conv, channels of the stages, each on half as many pixels as the one before "
        "it (default: 8,16,32)",
        "C,C,...",
    ),
    Option(
        "hidden",
        "network",
        values.positive_integer,
        "features inside of a block (default: twice the width for two_layer, the width for "
        "gradient)",
        "H",
    ),
    _choice("norm", "network", NORMS, "of what a block is fed with (default: none)"),
    Option("paced", "network", values.truth, "each layer learns how far it steps"),
    _choice("activation", "network", ACTIVATIONS, f"(default: {defaults.ACTIVATION})"),
    Option(
        "final_time",
        "network",
        values.positive_number,
        f"T of the ODE (default: {defaults.FINAL_TIME:g})",
        "T",
    ),
    _choice("dtype", "network", ("float32", "float64"), "of all numbers (default: float32)"),
    _choice("init", "network", SCHEMES, "how the layers start (default: he)"),
    # ---- method ----------------------------------------------------------------------------------
    _choice("method", "method", METHODS, "what is repeated (default: recommended)"),
    Option(
        "schedule",
        "method",
        values.text,
        "steps of V, W or F in the paper's notation, such as '[(1), 1, {2}]'",
        "'[...]'",
    ),
    _choice(
        "optimizer",
        "method",
        tuple(OPTIMIZERS),
        "on every level (default: lbfgs; adam with --batch-size)",
    ),
    Option(
        "learning_rate",
        "method",
        values.positive_number,
        "of optimizers that have one (default: what suits it)",
        "RATE",
    ),
    Option(
        "batch_size",
        "method",
        values.positive_integer,
        "samples of a mini-batch (default: all samples; 1000 for mnist)",
        "N",
    ),
    Option(
        "augment",
        "method",
        values.augment,
        "images of each mini-batch are shifted by up to so many pixels and flipped left to right, "
        f"at random; with --batch-size {BATCH} unless it is given",
        "shift=N,flip",
    ),
    Option(
        "patience",
        "method",
        values.positive_integer,
        "a level has had enough when the loss fell by less than 1 %% over so many cycles "
        "(mini-batches: epochs; default: 20)",
        "N",
    ),
    # ---- objective -------------------------------------------------------------------------------
    _choice("loss", "objective", LOSSES, "(default: cross_entropy for classes)"),
    _choice(
        "regularizer",
        "objective",
        REGULARIZERS,
        "squared distance of the layers from their start or from zero (default: decay)",
    ),
    Option(
        "beta",
        "objective",
        values.number_from_zero,
        f"strength of the regularizer (default: {defaults.CLASSIFIER_ALPHA / 2:g}/rows for "
        f"classes, {defaults.REGRESSOR_ALPHA / 2:g}/rows for a regression; less for blocks that "
        "spread their inputs less)",
        "BETA",
    ),
    # ---- limits ----------------------------------------------------------------------------------
    Option("target_accuracy", "limits", values.share, "stop at this validation accuracy", "SHARE"),
    Option("target_loss", "limits", values.number_from_zero, "stop at this training loss", "LOSS"),
    Option("max_cycles", "limits", values.count, "stop after so many (default: 1000)", "N"),
    Option("max_work_units", "limits", values.positive_number, "stop after so many", "WU"),
    Option("max_minutes", "limits", values.positive_number, "stop after so many", "M"),
    # ---- run -------------------------------------------------------------------------------------
    Option(
        "seed",
        "run",
        values.count,
        "of initial parameters, batches, held-out rows and made data (default: 0)",
        "N",
    ),
    Option(
        "checkpoint_minutes",
        "run",
        values.number_from_zero,
        "from one checkpoint to the next (default: 1)",
        "M",
    ),
    Option(
        "checkpoint_cycles",
        "run",
        values.positive_integer,
        "from one checkpoint to the next",
        "N",
    ),
    Option("no_plots", "run", values.truth, "write no plots"),
    Option("quiet", "run", values.truth, "no progress display"),
)
"""The options of ``mgres train`` and of configuration files."""

BY_NAME = {option.name: option for option in OPTIONS}

# on the command line `data` is no option, `levels` may be several, `threads` is for all commands
FURTHER: dict[str, Reader] = {
    "data": values.text,
    "levels": values.positive_integer,
    "threads": values.threads,
    "out": values.text,
}
ALIASES = {"cycle": "method"}


def read_config(path: Path) -> dict[str, Any]:
    """Return the options in a TOML file, by name.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no TOML file, or a name or a value is none; the message names it.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    if path.is_dir():
        raise FileNotFoundError(f"{path}: expected a file, got a folder")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise ValueError(f"{path}: expected TOML: brackets are nested too deeply") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected TOML: {error}") from None
    return read_values(found, f"{path}: ")


def read_values(found: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return checked values of options by name; `where` begins a message."""
    known = {**{name: option.read for name, option in BY_NAME.items()}, **FURTHER}
    options = {}
    for given, value in found.items():
        name = ALIASES.get(given, given)
        if name not in known:
            near = suggestion(given, known)
            raise ValueError(f"{where}{given}: there is no such option{near}")
        if isinstance(value, str) and known[name] in values.NUMBERS:
            raise ValueError(f"{where}{given}: expected a number, got the text {value!r}")
        try:
            options[name] = known[name](value)
        except ValueError as error:
            raise ValueError(f"{where}{given}: {error}") from None
    return options

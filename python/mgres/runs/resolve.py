"""From what was given to all settings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..mgopt import Schedule
from ..recipes import defaults
from ..recipes.methods import WITHOUT_OPTIMIZER
from ..stages.convolutional import CHANNELS
from .data import VALIDATION_FRACTION, Data
from .images import BATCH, augmented
from .optimizers import choose
from .options import CONV
from .settings import Settings


def resolve(given: Mapping[str, Any], data: Data) -> Settings:
    """Return all settings, with defaults for what was not given.

    Raises
    ------
    ValueError
        If options do not fit the data or each other; the message says what to do.
    """
    task = data.scaling.task
    _check_task(given, task)
    stages = _stages(given, data)
    setup = data.setup
    shaped = setup if stages is None else None  # what says how large the network is
    n, outputs = len(data.X), len(data.scaling.classes) or 1
    alpha = defaults.CLASSIFIER_ALPHA if data.scaling.classes else defaults.REGRESSOR_ALPHA
    batch_size = given.get("batch_size", setup.batch_size if setup else None)
    if "augment" in given:
        batch_size = batch_size or min(BATCH, n)
        augmented(given["augment"], batch_size, given["data"], data.shape, data.background)
    if batch_size is not None and batch_size > n:
        raise ValueError(f"--batch-size {batch_size}: there are {n} training samples")
    regularizer = given.get("regularizer", "tikhonov" if setup else "decay")
    width = given.get("width", shaped.width if shaped else defaults.default_width(outputs))
    fallback = "silu" if stages else "relu" if setup else defaults.ACTIVATION
    activation = given.get("activation", fallback)
    block = defaults.block_of(
        given.get("block", "dense") if stages is None else "dense",
        width,
        activation=activation,
        **{name: given[name] for name in ("hidden", "norm", "paced") if name in given},
    )
    block.check(width)
    beta = setup.beta if setup else defaults.default_beta(alpha, n, block)
    values: dict[str, Any] = {
        "validation_fraction": (
            VALIDATION_FRACTION if data.is_own and not data.has_validation else None
        ),
        "depth": shaped.depth if shaped else defaults.DEPTH,
        "width": width if stages is None else None,
        "activation": activation,
        "final_time": 1.0 if shaped else defaults.FINAL_TIME,
        "dtype": "float32",
        "init": shaped.scheme if shaped else defaults.SCHEME,
        "loss": "cross_entropy" if data.scaling.classes else "squared_error",
        "beta": 0.0 if regularizer == "none" else beta,
        "max_cycles": 1000,
        "seed": 0,
        "checkpoint_minutes": 1.0,
        **({"target_accuracy": shaped.target} if shaped and "target_loss" not in given else {}),
        **given,
        **_method(given, batches=batch_size is not None),
        "data": data.name,
        "task": task,
        "regularizer": regularizer,
        "target": data.target,
        "batch_size": batch_size,
        "ignore": tuple(given.get("ignore", ())),
        "size": tuple(given["size"]) if "size" in given else None,
        "hidden": getattr(block, "hidden", None),
        "stages": stages,
    }
    settings = Settings(**values)
    _check_levels(settings)
    return settings


def _stages(given: Mapping[str, Any], data: Data) -> tuple[int, ...] | None:
    """Return the channels of a convolutional network's stages, None for one of another kind."""
    if given.get("block") != CONV:
        if "stages" in given:
            raise ValueError(f"--stages: is for --block {CONV}")
        return None
    if data.shape is None:
        raise ValueError(
            f"--block {CONV}: is for images, and {data.name} has features without places; leave it "
            "out"
        )
    for name in ("width", "hidden", "paced"):
        if given.get(name):  # False where a run goes on
            raise ValueError(f"--{name}: not with --block {CONV}; --stages says how many channels")
    return tuple(given.get("stages", CHANNELS))


def _method(given: Mapping[str, Any], *, batches: bool) -> dict[str, Any]:
    """Return method, levels, schedule, optimiser and learning rate that fit each other."""
    own = [o for o in ("levels", "schedule", "optimizer", "learning_rate") if o in given]
    on_levels = "schedule" in given or given.get("levels", 1) > 1
    fallback = "V" if on_levels else "single" if "levels" in given else "cascade"
    method = given.get("method", fallback if own else "recommended")
    own_rule = method == "paper" or (batches and method == "recommended")
    patience = given.get("patience", None if own_rule else defaults.PATIENCE)
    if method in WITHOUT_OPTIMIZER:
        given_away = [o for o in own if method != "paper" or o != "levels"]
        if given_away:
            option = given_away[0].replace("_", "-")
            raise ValueError(
                f"--{option}: the {method} method chooses it itself; name another one by "
                "--method, such as V"
            )
        return {"method": method, "patience": patience}
    if "schedule" in given:
        if method not in ("V", "W", "F"):
            raise ValueError(f"--schedule: is for --method V, W or F, got {method}")
        levels = len(Schedule.parse(given["schedule"]))
        if given.get("levels", levels) != levels:
            raise ValueError(f"--levels {given['levels']}: the schedule has {levels}")
    if method == "single" and given.get("levels", 1) > 1:
        raise ValueError(f"--levels {given['levels']}: the method single has one level")
    optimizer, rate = choose(given.get("optimizer"), given.get("learning_rate"), batches=batches)
    return {
        "method": method,
        "patience": patience,
        "optimizer": optimizer,
        "learning_rate": rate,
    }


def _check_task(given: Mapping[str, Any], task: str) -> None:
    if task == "regression" and given.get("loss") == "cross_entropy":
        raise ValueError("--loss cross_entropy: is for classes, and the target is a quantity")
    if task == "regression" and "target_accuracy" in given:
        raise ValueError("--target-accuracy: is for classes; a regression takes --target-loss")
    if "target_accuracy" in given and given.get("validation_fraction") == 0:
        raise ValueError("--target-accuracy: needs rows that are held out: --validation-fraction")


def _check_levels(settings: Settings) -> None:
    levels = settings.levels
    if levels is None and settings.schedule is not None:
        levels = len(Schedule.parse(settings.schedule))
    if levels is not None:
        check_levels(levels, settings.depth)


def check_levels(levels: int, depth: int) -> None:
    """Raise a ValueError unless so many levels fit the depth."""
    most = (depth & -depth).bit_length()
    if levels > most:
        raise ValueError(
            f"--levels {levels}: a depth of {depth} allows at most {most}, because it must be "
            "divisible by 2**(levels - 1)"
        )

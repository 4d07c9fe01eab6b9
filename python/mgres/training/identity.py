"""What makes a training run the one it is: to be compared before another one is continued."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np

from ..mgopt import Hierarchy, Method
from ..resnet import LayeredObjective
from .batches import BatchStrategy

MOST_ROWS = 1000


def identify(
    f: LayeredObjective, hierarchy: Hierarchy, method: Method, strategy: BatchStrategy
) -> dict[str, str]:
    """Return texts that are the same for runs that may continue each other.

    Limits, validation and callbacks may differ.  Up to 1,000 samples, evenly spaced, stand for all,
    so that data larger than memory are not read through.
    """
    levels = [
        f"{level.objective.size} parameters, {_plain(level.optimizer)}, "
        f"{type(level.metric).__name__}, {type(level.transfer).__name__}"
        for level in hierarchy
    ]
    return {
        "network": _plain(f.net),
        "loss": f.loss if isinstance(f.loss, str) else _plain(f.loss),
        "regularizer": _plain(f.regularizer),
        "fixed parts": _plain(f.fixed),
        "samples": _digest(f),
        "hierarchy": "; ".join(levels),
        "cycle": _plain(method),
        "batch size": _plain(strategy),
    }


def _plain(value: Any) -> str:
    """Return the representation without addresses, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _digest(f: LayeredObjective) -> str:
    X, y = f.samples.X, f.samples.y
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(np.int64))
    digest = hashlib.blake2b(digest_size=8)
    for row in rows:  # one by one: all together they may be large
        digest.update(X[row].tobytes() + y[row].tobytes())
    return f"{len(X)} samples of {X.dtype} with digest {digest.hexdigest()}"

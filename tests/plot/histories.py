"""Runs with known numbers."""

from __future__ import annotations

import numpy as np

from mgres.training import FitResult, History, Record


def history(losses, accuracies=None, work=1.0, seconds=0.1, cycles_per_epoch=1):
    accuracies = [None] * len(losses) if accuracies is None else accuracies
    return History(
        [
            Record(i, i // cycles_per_epoch, loss, accuracy, work * i, seconds * i)
            for i, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True))
        ]
    )


def cascade():
    """Return a history whose coarse losses and accuracies are better than the deep network's.

    The finest level is asked in cycle 2.  The last cycle makes the loss worse, so a second record
    of it is about the result.
    """
    return History(
        [
            Record(0, 0, 4.0, 0.5, 0.0, 0.0),
            Record(1, 1, 0.3, 0.8, 1.0, 0.1, level=2),
            Record(2, 2, 0.1, 0.9, 2.0, 0.2, level=2, finest=3.0),
            Record(3, 3, 0.2, None, 3.0, 0.3, level=1),
            Record(4, 4, 2.0, 0.6, 5.0, 0.5),
            Record(5, 5, 2.5, 0.7, 7.0, 0.7),
            Record(5, 5, 2.0, 0.6, 7.0, 0.7),
        ]
    )


def result(losses, accuracies=None, **more):
    h = history(losses, accuracies, **more)
    return FitResult(np.zeros(1), h, h[-1].work_units, "cycles")

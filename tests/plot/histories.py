"""Runs with known numbers."""

from __future__ import annotations

import numpy as np

from mgres.training import FitResult, History, Record


def history(losses, accuracies=None, work=1.0, seconds=0.1):
    accuracies = [None] * len(losses) if accuracies is None else accuracies
    return History(
        [
            Record(i, i, loss, accuracy, work * i, seconds * i)
            for i, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True))
        ]
    )


def result(losses, accuracies=None, **more):
    h = history(losses, accuracies, **more)
    return FitResult(np.zeros(1), h, h[-1].work_units, "cycles")

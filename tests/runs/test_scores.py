"""What is told of scores."""

from __future__ import annotations

import math

from mgres.runs.scores import Scores


def test_only_what_applies_and_is_finite_is_told():
    scores = Scores(9, math.nan, accuracy=0.5, r2=None, mse=math.inf)
    assert scores.plain() == {"accuracy": 0.5}
    assert Scores(9, 0.25, r2=0.0, mse=0.0).plain() == {"loss": 0.25, "r2": 0.0, "mse": 0.0}

"""Histories as curves, seeds as bands; no drawing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mgres.plot.runs import make_band, make_curve, named_histories
from mgres.training import History, Record

from .histories import cascade, history, result


def test_all_forms_of_runs():
    a, b = history([2.0, 1.0]), result([3.0, 2.0])
    assert named_histories(a) == {"": [a]}
    assert named_histories(b) == {"": [b.history]}
    assert named_histories([a, b]) == {"": [a, b.history]}
    assert named_histories({"a": a, 2: [b, a]}) == {"a": [a], "2": [b.history, a]}


WRONG_RUNS = [
    ({}, ValueError, "runs: expected at least one run, got none"),
    ([], ValueError, "runs: expected at least one record, got none"),
    (History(), ValueError, "runs: expected at least one record, got none"),
    ({"a": [History()]}, ValueError, r"runs\['a'\]: expected at least one record"),
    ({"a": 3}, TypeError, r"runs\['a'\]: expected a FitResult, a History or a list of them"),
    ([[1.0, 2.0]], TypeError, "runs: expected a FitResult, a History or a list of them, got list"),
    ("loss", TypeError, "got str"),
]


@pytest.mark.parametrize(("runs", "error", "message"), WRONG_RUNS)
def test_wrong_runs(runs, error, message):
    with pytest.raises(error, match=message):
        named_histories(runs)


@pytest.mark.parametrize(
    ("x", "expected"),
    [("cycles", [0, 1, 2]), ("work_units", [0, 3, 6]), ("seconds", [0, 0.1, 0.2])],
)
def test_curve_over(x, expected):
    curve = make_curve(history([4.0, 2.0, 3.0], work=3.0), x, "loss")
    assert curve.x == pytest.approx(expected)
    assert [*curve.y] == [4, 2, 3]


def test_losses_of_coarse_networks_are_not_those_of_the_deep_one():
    curve = make_curve(cascade(), "work_units", "loss")
    assert [*curve.x] == [0, 2, 5, 7, 7]
    assert [*curve.y] == [4, 3, 2, 2, 2]
    assert curve.y[-1] == cascade()[-1].loss


def test_accuracies_of_coarse_networks_are_left_out():
    curve = make_curve(cascade(), "cycles", "accuracy")
    assert [*curve.x] == [0, 4, 5, 5]
    assert [*curve.y] == [0.5, 0.6, 0.7, 0.6]


def test_on_all_samples_the_loss_is_the_smallest_so_far():
    assert [*make_curve(history([4.0, 2.0, 3.0, 1.0]), "cycles", "loss").y] == [4, 2, 2, 1]


def test_on_mini_batches_the_loss_is_as_recorded():
    h = history([4.0, 2.0, 3.0, 1.0], cycles_per_epoch=2)
    assert [*make_curve(h, "cycles", "loss").y] == [4, 2, 3, 1]


def test_the_end_is_the_loss_of_what_came_back():
    """A network that met a goal of accuracy, with a larger loss than one before."""
    h = history([4.0, 2.0, 3.0], [0.1, 0.2, 0.9])
    assert [*make_curve(h, "cycles", "loss").y] == [4, 2, 3]
    assert [*make_curve(h, "cycles", "loss", best=True).y] == [4, 2, 2]


def test_a_history_that_ends_on_a_coarse_level_ends_with_the_smallest_known_loss():
    """As that of a run that has not ended."""
    h = History([*cascade()[:3], Record(3, 3, 0.1, None, 3.0, 0.3, level=1, finest=3.5)])
    assert [*make_curve(h, "cycles", "loss").y] == [4, 3, 3]


def test_best_so_far_is_the_lowest_loss_and_the_highest_accuracy():
    h = history([4.0, 2.0, 3.0, 1.0], [0.5, 0.8, 0.7, 0.9])
    assert [*make_curve(h, "cycles", "loss", best=True).y] == [4, 2, 2, 1]
    assert [*make_curve(h, "cycles", "accuracy", best=True).y] == [0.5, 0.8, 0.8, 0.9]


def test_cycles_without_validation_are_left_out():
    curve = make_curve(history([1.0] * 4, [0.5, None, 0.7, None]), "cycles", "accuracy")
    assert [*curve.x] == [0, 2]
    assert [*curve.y] == [0.5, 0.7]


def test_what_is_not_finite_is_left_out():
    assert [*make_curve(history([1.0, math.nan, 0.5]), "cycles", "loss").y] == [1, 0.5]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ("time", "loss", "x: expected one of .*'seconds'.*, got 'time'"),
        ("cycles", "theta", "y: expected one of .*'accuracy'.*, got 'theta'"),
        ("cycles", "accuracy", "y: a run has no accuracy; fit needs validation"),
    ],
)
def test_wrong_axes(x, y, message):
    with pytest.raises(ValueError, match=message):
        make_curve(history([1.0]), x, y)


def test_band_takes_every_seed_as_a_step_function():
    """Seeds step at 0 2 4, at 0 3 and at 0; each keeps its last value."""
    curves = [
        make_curve(history([8.0, 4.0, 1.0], work=2.0), "work_units", "loss"),
        make_curve(history([6.0, 2.0], work=3.0), "work_units", "loss"),
        make_curve(history([5.0]), "work_units", "loss"),
    ]
    band = make_band(curves)
    assert [*band.x] == [0, 2, 3, 4]
    assert [*band.middle] == [6, 5, 4, 2]
    assert [*band.low] == [5, 4, 2, 1]
    assert [*band.high] == [8, 6, 5, 5]


def test_spreads():
    curves = [make_curve(history([float(v)]), "cycles", "loss") for v in range(1, 10)]
    ends = {
        spread: (make_band(curves, spread).low[0], make_band(curves, spread).high[0])
        for spread in ("range", "quartiles", "none")
    }
    assert ends == {"range": (1, 9), "quartiles": (3, 7), "none": (5, 5)}
    with pytest.raises(ValueError, match=r"spread: expected one of .*'quartiles'.*, got 'sd'"):
        make_band(curves, "sd")


def test_before_its_first_value_a_seed_has_that_value():
    late = make_curve(history([1.0] * 3, [None, None, 0.7]), "cycles", "accuracy")
    early = make_curve(history([1.0] * 3, [0.1, 0.2, 0.3]), "cycles", "accuracy")
    band = make_band([late, early])
    assert [*band.high] == [0.7, 0.7, 0.7]
    np.testing.assert_allclose(band.low, [0.1, 0.2, 0.3])

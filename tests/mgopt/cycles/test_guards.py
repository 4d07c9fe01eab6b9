"""What the engine refuses: pieces that do not fit, and steps that would spoil the parameters."""

import numpy as np
import pytest

from mgres.mgopt import (
    Armijo,
    Diagonal,
    GradientDescent,
    Hierarchy,
    Level,
    LevelSteps,
    Schedule,
    Step,
    VCycle,
)
from mgres.problems import ControlObjective, control_hierarchy
from mgres.testing import Quadratic


def quadratic(n=4, dtype=np.float64):
    return Quadratic(np.eye(n, dtype=dtype), np.ones(n, dtype))


@pytest.mark.parametrize("costs", [[], [1.0], [1.0, 0.5, 0.25]])
def test_costs_must_fit_the_schedule(costs):
    with pytest.raises(ValueError, match=f"costs: expected 2 numbers, got {len(costs)}"):
        Schedule.parse("[(1), {2}]").work_units(costs)


@pytest.mark.parametrize(("name", "steps"), [("pre", (1.5, 1)), ("post", (1, 2.0))])
def test_steps_are_integers(name, steps):
    with pytest.raises(ValueError, match=f"{name}: expected an integer from 0"):
        LevelSteps(*steps)


def test_trials_are_an_integer():
    with pytest.raises(ValueError, match=r"max_trials: expected an integer from 1, got 2\.5"):
        Armijo(max_trials=2.5)


@pytest.mark.parametrize("cost", [0.0, -1.0, np.nan, np.inf])
def test_cost_is_positive(cost):
    with pytest.raises(ValueError, match="level 0: cost: expected a finite number > 0"):
        Hierarchy([Level(quadratic(), GradientDescent(0.1), cost=cost)])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"level 0: metric.weights.shape: expected \(4,\), got \(3,\)"),
        (np.ones(4, np.float32), "level 0: metric.weights.dtype: expected float64, got float32"),
    ],
)
def test_metric_must_fit_the_level(weights, message):
    with pytest.raises(ValueError, match=message):
        Hierarchy([Level(quadratic(), GradientDescent(0.1), metric=Diagonal(weights))])


def test_weights_are_a_vector():
    with pytest.raises(ValueError, match=r"weights: expected one dimension, got shape \(2, 2\)"):
        Diagonal(np.ones((2, 2)))


def test_table_of_levels_with_different_details():
    hierarchy = control_hierarchy(ControlObjective(16))
    levels = [Level(**(vars(level) | {"details": {}})) for level in hierarchy[1:]]
    table = str(Hierarchy([Level(**(vars(hierarchy[0]) | {"details": {"a": 1}})), *levels]))
    assert table.splitlines()[2].split()[1] == "-"


@pytest.mark.parametrize(
    "x", [np.ones(8)[::2], np.frombuffer(np.ones(4).tobytes())], ids=["strided", "read-only"]
)
def test_parameters_can_be_changed_in_place(x):
    hierarchy = Hierarchy([Level(quadratic(), GradientDescent(0.1))])
    with pytest.raises(ValueError, match="x: expected a contiguous, writable array"):
        VCycle(Schedule.paper(1)).init(hierarchy, x)


@pytest.mark.parametrize("alpha", [np.nan, np.inf])
def test_a_step_length_that_is_not_finite_is_rejected(alpha):
    hierarchy = control_hierarchy(ControlObjective(16))
    cycle = VCycle(
        Schedule.parse("[0, {1}]"),
        lambda f, x, d, fx, slope: Step(alpha, accepted=True),
    )
    x = np.linspace(0, 1, 16)
    before = x.copy()
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    np.testing.assert_array_equal(x, before)
    assert [c.accepted for c in report.corrections] == [False]

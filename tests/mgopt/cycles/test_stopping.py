import math

import pytest

from mgres.mgopt import AnyOf, GradientReduction, MaxSteps, Stall


def steps_until_met(rule, values, norms=None):
    """How many values the rule has seen when it says stop; None if it never does."""
    state = rule.init()
    for k, value in enumerate(values):
        if rule.met(state, value, norms[k] if norms else 1.0):
            return k + 1
    return None


@pytest.mark.parametrize("n", [1, 3])
def test_max_steps_allows_exactly_so_many(n):
    assert steps_until_met(MaxSteps(n), [1.0] * 10) == n


def test_stall_compares_with_the_value_so_many_steps_ago():
    slow = [0.999**k for k in range(100)]  # 4 % in 40 steps
    assert steps_until_met(Stall(0.01, 40), slow) is None
    assert steps_until_met(Stall(0.05, 40), slow) == 41
    assert steps_until_met(Stall(0.01, 5), [5.0, 4.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]) == 9


def test_stall_of_a_negative_objective():
    falling = [-1.0 - 0.1 * k for k in range(20)]
    assert steps_until_met(Stall(0.05, 4), falling) is None
    assert steps_until_met(Stall(0.01, 4), [-2.0] * 10) == 5


def test_smooth_stall_sees_through_noise():
    falling = [1.0 - 0.02 * k + 0.3 * (-1) ** k for k in range(40)]
    assert steps_until_met(Stall(0.05, 10, smooth=True), falling) is None
    assert steps_until_met(Stall(0.05, 3), falling) is not None
    flat = [1.0 + 0.3 * (-1) ** k for k in range(40)]
    assert steps_until_met(Stall(0.05, 10, smooth=True), flat) == 20


def test_gradient_reduction_is_relative_to_the_first():
    norms = [8.0, 9.0, 3.0, 0.9, 0.8, 0.1]
    assert steps_until_met(GradientReduction(0.1), [1.0] * 6, norms) == 5
    assert steps_until_met(GradientReduction(0.1), [1.0] * 3, norms) is None


def test_any_of_lets_every_rule_see_every_step():
    rule = AnyOf(MaxSteps(3), Stall(0.01, 5), GradientReduction(0.5))
    assert steps_until_met(rule, [1.0] * 10) == 3
    assert steps_until_met(rule, [1.0] * 10, [1.0, 0.4, 0.4]) == 2
    state = rule.init()
    for _ in range(4):
        rule.met(state, 1.0, 0.1)
    assert state[0].steps == 4
    assert len(state[1]) == 4


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: MaxSteps(0), "steps"),
        (lambda: MaxSteps(1.5), "steps"),
        (lambda: Stall(gain=0.0), "gain"),
        (lambda: Stall(gain=1.0), "gain"),
        (lambda: Stall(gain=math.nan), "gain"),
        (lambda: Stall(over=0), "over"),
        (lambda: GradientReduction(0.0), "share"),
        (lambda: GradientReduction(1.0), "share"),
        (lambda: AnyOf(), "rules"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        make()

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    Adam,
    Constant,
    CosineDecay,
    GradientDescent,
    LearningRate,
    LinearDecay,
    Scaled,
    StepDecay,
    WarmUp,
    by_level,
)

from ..chains import chain_hierarchy

CASES = [
    (Constant(0.3), {0: 0.3, 7: 0.3}),
    (StepDecay(0.8, every=3), {0: 0.8, 2: 0.8, 3: 0.4, 5: 0.4, 6: 0.2, 9: 0.1}),
    (StepDecay(1.0, every=1, factor=0.1), {0: 1.0, 1: 0.1, 2: 0.01}),
    (LinearDecay(1.0, 4, 0.2), {0: 1.0, 1: 0.8, 2: 0.6, 4: 0.2, 5: 0.2, 99: 0.2}),
    (LinearDecay(0.1, 2, 0.5), {0: 0.1, 1: 0.3, 2: 0.5}),
    (CosineDecay(1.0, 6), {0: 1.0, 2: 0.75, 3: 0.5, 4: 0.25, 6: 0.0, 7: 0.0}),
    (CosineDecay(1.0, 6, 0.2), {0: 1.0, 3: 0.6, 6: 0.2, 60: 0.2}),
    (WarmUp(1.0, 3), {0: 0.25, 1: 0.5, 2: 0.75, 3: 1.0, 4: 1.0}),
    (WarmUp(StepDecay(1.0, 2), 1), {0: 0.5, 1: 1.0, 2: 1.0, 3: 0.5, 5: 0.25}),
    (Scaled(0.5, StepDecay(1.0, 2)), {0: 0.5, 1: 0.5, 2: 0.25}),
    (Scaled(0.5, 0.4), {0: 0.2, 9: 0.2}),
]


@pytest.mark.parametrize(("rate", "expected"), CASES, ids=[str(case[0]) for case in CASES])
def test_rates(rate, expected):
    assert isinstance(rate, LearningRate)
    for step, value in expected.items():
        assert rate.rate(step) == pytest.approx(value, abs=1e-15)
        assert isinstance(rate.rate(step), float)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Constant(0.0), "value"),
        *[(lambda r=r: StepDecay(r, 1), "initial") for r in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda n=n: StepDecay(1.0, n), "every") for n in (0, -1, 1.5, True)],
        *[(lambda f=f: StepDecay(1.0, 1, f), "factor") for f in (0.0, 1.0, np.nan)],
        (lambda: LinearDecay(0.0, 1, 1.0), "initial"),
        (lambda: LinearDecay(1.0, 0, 1.0), "steps"),
        (lambda: LinearDecay(1.0, 1, 0.0), "final"),
        (lambda: CosineDecay(0.0, 1), "initial"),
        (lambda: CosineDecay(1.0, 0), "steps"),
        (lambda: CosineDecay(1.0, 1, -0.1), "final"),
        (lambda: WarmUp(0.0, 1), "after"),
        (lambda: WarmUp(1.0, 0), "steps"),
        (lambda: Scaled(0.0, 1.0), "by"),
        (lambda: Scaled(1.0, 0.0), "inner"),
        (lambda: by_level(GradientDescent(0.1), 0.0, 3), "factor"),
        (lambda: by_level(GradientDescent(0.1), 0.5, 0), "levels"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        make()


def test_rates_of_levels_are_powers_of_the_factor():
    assert by_level(Adam(0.08, 0.8), 0.5, 3) == [Adam(0.08, 0.8), Adam(0.04, 0.8), Adam(0.02, 0.8)]
    schedule = CosineDecay(0.1, 50)
    fine, middle, coarse = by_level(GradientDescent(schedule), 2.0, 3)
    assert fine == GradientDescent(schedule)
    for step in (0, 10, 50):
        assert middle.learning_rate.rate(step) == 2 * schedule.rate(step)
        assert coarse.learning_rate.rate(step) == 4 * schedule.rate(step)


def test_an_optimizer_without_rate_has_none_by_level():
    with pytest.raises(TypeError, match=r"^optimizer: expected one with a learning_rate, got"):
        by_level(LBFGS(), 0.5, 2)


def test_rates_are_readable_in_the_table_of_levels():
    optimizer = by_level(GradientDescent(StepDecay(0.1, 50)), 0.5, 2)[1]
    table = str(chain_hierarchy(2, optimizer=optimizer))
    assert "learning_rate=Scaled(by=0.5, inner=StepDecay(initial=0.1, every=50" in table

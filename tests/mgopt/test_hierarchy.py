from dataclasses import replace

import numpy as np
import pytest

from mgres.mgopt import (
    Counted,
    Diagonal,
    Euclidean,
    GradientDescent,
    Hierarchy,
    Level,
    Schedule,
    VCycle,
)
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic

from .oracles import generic_hierarchy

STEP = GradientDescent(0.5)


def level(n, coarse=None, **options):
    transfer = None if coarse is None else PiecewiseConstant(coarse)
    return Level(Quadratic(np.ones(n)), STEP, transfer, **options)


def test_prints_as_a_table():
    hierarchy = Hierarchy(
        [
            level(2048, 1024, details={"layers": 64, "dt": 0.015625}),
            replace(
                level(1024, details={"layers": 32, "dt": 0.03125}), optimizer=GradientDescent(0.25)
            ),
        ]
    )
    expected = """\
level  layers        dt  parameters  gradient (WU)  optimizer
    0      64  0.015625       2,048              1  GradientDescent(learning_rate=0.5)
    1      32   0.03125       1,024            0.5  GradientDescent(learning_rate=0.25)"""
    assert str(hierarchy) == expected
    assert repr(hierarchy) == f"<Hierarchy of 2 levels>\n{expected}"


def test_prints_without_details():
    expected = """\
level  parameters  gradient (WU)  optimizer
    0           4              1  GradientDescent(learning_rate=0.5)
    1           2            0.3  GradientDescent(learning_rate=0.5)"""
    assert str(Hierarchy([level(4, 2), level(2, cost=0.3)])) == expected


def test_is_a_sequence_of_its_levels():
    given = [level(8, 4), level(4, 2), level(2)]
    hierarchy = Hierarchy(given)
    assert len(hierarchy) == 3
    assert [made.objective.size for made in hierarchy] == [8, 4, 2]
    assert hierarchy[-1].objective.size == 2
    assert [made.objective.size for made in hierarchy[1:]] == [4, 2]
    for made, original in zip(hierarchy, given, strict=True):
        assert made.transfer is original.transfer
        assert made.optimizer is original.optimizer
        assert made.metric == Euclidean()


def test_cost_is_relative_to_the_finest_level_unless_given():
    assert generic_hierarchy(4).work.costs == (1.0, 0.5, 0.25, 0.125)
    assert Hierarchy([level(4, 2), level(2, cost=0.7)]).work.costs == (1.0, 0.7)
    assert [made.cost for made in Hierarchy([level(4, 2), level(2)])] == [1.0, 0.5]


def test_evaluations_on_a_level_are_counted():
    hierarchy = Hierarchy([level(4, 2), level(2)])
    hierarchy[1].objective.value(np.zeros(2))
    hierarchy[0].objective.value_and_grad(np.zeros(4), np.empty(4))
    assert (hierarchy.work.gradients, hierarchy.work.values) == ([1, 0], [0, 1])


def test_finest_is_the_objective_itself_and_not_counted():
    f = Quadratic(np.ones(4))
    hierarchy = Hierarchy([replace(level(4, 2), objective=f), level(2)])
    assert hierarchy.finest is f
    hierarchy.finest.value(np.zeros(4))
    assert hierarchy.work.total == 0


def test_rebuilding_starts_a_new_ledger_and_counts_once():
    first = Hierarchy([level(4, 2), level(2)])
    second = Hierarchy(first)
    second[0].objective.value(np.zeros(4))
    assert first.work.total == 0
    assert second.work.values == [1, 0]
    assert isinstance(second[0].objective, Counted)
    assert not isinstance(second[0].objective.objective, Counted)


def test_coarser_levels_share_the_ledger():
    hierarchy = Hierarchy([level(8, 4), level(4, 2), level(2)])
    for part in (hierarchy.coarser(1), hierarchy[1:]):
        assert isinstance(part, Hierarchy)
        assert list(part) == [hierarchy[1], hierarchy[2]]
        assert part.work is hierarchy.work
        assert part.finest is hierarchy[1].objective.objective
    hierarchy.coarser(1)[0].objective.value_and_grad(np.zeros(4), np.empty(4))
    assert hierarchy.work.gradients == [0, 1, 0]
    assert hierarchy.work.total == 0.5
    assert list(hierarchy.coarser(1).coarser(1)) == [hierarchy[2]]
    assert hierarchy[:2] == (hierarchy[0], hierarchy[1])  # no hierarchy: the last needs a transfer
    assert hierarchy[3:] == ()


def test_cycle_on_coarser_levels():
    whole = generic_hierarchy(4)
    part = whole.coarser(1)
    alone = Hierarchy(part)
    cycle = VCycle(Schedule.paper(3))
    x, expected = np.zeros(8), np.zeros(8)
    report = cycle.step(part, x, cycle.init(part, x))
    cycle.step(alone, expected, cycle.init(alone, expected))
    assert x.tobytes() == expected.tobytes()
    # in work units of the finest level of all
    assert report.work_units == whole.work.total == Schedule.paper(3).work_units() / 2


@pytest.mark.parametrize("l", [-1, 3])
def test_coarser_than_the_coarsest(l):
    hierarchy = Hierarchy([level(8, 4), level(4, 2), level(2)])
    with pytest.raises(ValueError, match=f"l: expected a level from 0 to 2, got {l}"):
        hierarchy.coarser(l)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ([], "levels: expected at least one level"),
        ([level(4), level(2)], "level 0: a transfer to level 1 is needed"),
        ([level(4, 2)], "level 0: the coarsest level takes no transfer"),
        ([level(4, 2), level(2, 1)], "level 1: the coarsest level takes no transfer"),
        ([level(6, 2), level(2)], "level 0: transfer.fine_size: expected 6, got 4"),
        ([level(4, 2), level(3)], "level 0: transfer.coarse_size: expected 3, got 2"),
        ([level(8, 4), level(4, 2), level(1)], "level 1: transfer.coarse_size: expected 1, got 2"),
        (
            [level(4, 2), replace(level(2), objective=Quadratic([1.0, 1.0], dtype=np.float32))],
            "level 1: dtype: expected float64, got float32",
        ),
    ],
)
def test_levels_that_do_not_fit(levels, message):
    with pytest.raises(ValueError, match=message):
        Hierarchy(levels)


def test_default_metric_is_euclidean():
    assert level(2).metric == Euclidean()
    assert isinstance(level(2, metric=Diagonal(np.ones(2))).metric, Diagonal)

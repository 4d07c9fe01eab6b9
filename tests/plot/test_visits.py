"""The way of a method through the levels, against what the engine does; no drawing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import mgres
from mgres.mgopt import MaxSteps, Smoothing, Stall
from mgres.plot.visits import rule_in_words, way_of

CYCLES = {"V": mgres.VCycle, "W": mgres.WCycle, "F": mgres.FCycle}


def levels_of(way):
    return [node.level for node in way.nodes]


def steps_of(way):
    return [node.steps for node in way.nodes]


def test_v_cycle_of_the_paper():
    way = way_of(mgres.VCycle(mgres.Schedule.parse("[(1), 1, 2, {3}]")), 4)
    assert levels_of(way) == [0, 1, 2, 3, 2, 1, 0]
    assert steps_of(way) == [1, 1, 2, 3, 2, 1, 0]
    assert [node.kind for node in way.nodes].index("coarsest") == 3
    assert [edge.kind for edge in way.edges] == ["restrict"] * 3 + ["correct"] * 3
    assert [(edge.start, edge.end) for edge in way.edges] == [(i, i + 1) for i in range(6)]


def test_where_a_w_cycle_turns_it_makes_one_node():
    way = way_of(mgres.WCycle(mgres.Schedule.parse("[1/2, 3/4, {5}]")), 3)
    assert levels_of(way) == [0, 1, 2, 1, 2, 1, 0]
    assert steps_of(way) == [1, 3, 5, 4 + 3, 5, 4, 2]


def test_f_cycle():
    way = way_of(mgres.FCycle(mgres.Schedule.paper(4)), 4)
    assert levels_of(way) == [0, 1, 2, 3, 2, 3, 2, 1, 2, 3, 2, 1, 0]


@pytest.mark.parametrize("shape", "VWF")
@pytest.mark.parametrize("levels", [1, 2, 3, 5, 8])
def test_steps_on_each_level_are_those_of_the_engine(shape, levels):
    """Every level's optimiser counts its steps."""
    X, y, *_ = mgres.datasets.circles(0, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 2, 2, depth=128), X, y)
    taken = Counter()

    class Counting:
        def __init__(self, level):
            self.level = level

        def init(self, x, metric):
            return None

        def step(self, objective, x, state):
            taken[self.level] += 1
            return objective.value(x)

    hierarchy = mgres.resnet_hierarchy(f, levels, optimizer=[Counting(l) for l in range(levels)])
    cycle = CYCLES[shape](mgres.Schedule.paper(levels))
    theta = f.net.init(0)
    cycle.step(hierarchy, theta, cycle.init(hierarchy, theta))
    drawn = Counter()
    for node in way_of(cycle, levels).nodes:
        drawn[node.level] += node.steps
    assert drawn == taken


def test_additive_cycle_fans_out_and_in():
    way = way_of(mgres.AdditiveCycle(mgres.Schedule.parse("[1/2, 0, {4}]")), 3)
    assert levels_of(way) == [0, 0, 1, 2, 0]
    assert steps_of(way) == [0, 3, 0, 4, 0]
    assert {(edge.start, edge.end) for edge in way.edges} == {
        (0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)
    }  # fmt: skip
    assert [node.column for node in way.nodes] == [0, 1, 1, 1, 2]


def test_cascade_climbs():
    way = way_of(mgres.Cascade(MaxSteps(10)), 3)
    assert levels_of(way) == [2, 1, 0]
    assert steps_of(way) == [10, 10, 10]
    assert [edge.kind for edge in way.edges] == ["prolong", "prolong"]
    assert way.notes == []


def test_cascade_says_what_the_numbers_do_not():
    X, y, *_ = mgres.datasets.circles(0, 10)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=128), X, y)
    recipe = mgres.recommended(f)
    levels = len(recipe.hierarchy)
    way = way_of(recipe.method, levels)
    assert levels_of(way) == [*reversed(range(levels))]
    assert [node.kind for node in way.nodes] == ["coarsest"] + ["smooth"] * (levels - 1)
    assert steps_of(way) == [None] * levels
    rule, judge = way.notes
    assert rule == f"steps on a level end {rule_in_words(recipe.method.stop)}"
    assert "gain less" in rule
    assert judge == "or when the finest level says that they no longer help it"


def test_only_a_judge_asks_the_finest_level():
    (note,) = way_of(mgres.Cascade(Stall()), 3).notes
    assert note.startswith("steps on a level end when")


def test_full_multigrid_prolongs_between_growing_cycles():
    way = way_of(mgres.FullMultigrid(), 3)
    assert levels_of(way) == [2, 1, 2, 1, 0, 1, 2, 1, 0]
    kinds = [edge.kind for edge in way.edges]
    assert [i for i, kind in enumerate(kinds) if kind == "prolong"] == [0, 3]
    assert way.repeats == []
    repeated = way_of(mgres.FullMultigrid(stop=MaxSteps(2)), 3)
    assert [text for *_, text in repeated.repeats] == ["2 ×", "2 ×"]
    assert levels_of(repeated) == levels_of(way)


def test_full_multigrid_of_other_methods():
    way = way_of(mgres.FullMultigrid(lambda n: Smoothing()), 2)
    assert levels_of(way) == [1, 0]
    ways = way_of(mgres.FullMultigrid(lambda n: mgres.AdditiveCycle(mgres.Schedule.paper(n))), 2)
    assert max(levels_of(ways)) == 1


def test_unknown_method():
    with pytest.raises(TypeError, match=r"cycle: expected a Schedule, a cycle, .*, got int"):
        way_of(3, 2)


RULES = [
    (MaxSteps(7), "after 7 steps"),
    (Stall(0.02, over=5), "when 5 of them gain less than 0.02"),
    (mgres.mgopt.GradientReduction(0.1), "when the gradient is 0.1 of what it was"),
    (mgres.mgopt.AnyOf(MaxSteps(7), MaxSteps(8)), "after 7 steps or after 8 steps"),
    (np, "by module"),
]


@pytest.mark.parametrize(("rule", "words"), RULES)
def test_rules_in_words(rule, words):
    assert rule_in_words(rule) == words

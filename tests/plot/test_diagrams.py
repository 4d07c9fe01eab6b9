"""What `hierarchy` and `cycle` draw, by its data."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres import plot
from mgres.mgopt import MaxSteps

pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")


@pytest.fixture
def objective():
    X, y, *_ = mgres.datasets.circles(0, 10)
    return mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=2048), X, y)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_hierarchy_has_a_bar_for_each_level(objective, axes):
    levels = mgres.resnet_hierarchy(objective, levels=4)
    assert plot.hierarchy(levels, axes) is axes
    assert [bar.get_width() for bar in axes.patches] == [1, 0.5, 0.25, 0.125]
    assert texts(axes)[0] == "1 WU, 24,590 parameters"
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[0] == "2,048 layers\nΔt = 0.0004883"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the finest on top
    axes.figure.canvas.draw()


def test_hierarchy_of_something_else_than_a_network(axes):
    class Flat:
        size, dtype = 3, np.dtype(float)

        def value(self, x):
            return 0.0

        def value_and_grad(self, x, out):
            return 0.0

    only = mgres.Hierarchy([mgres.Level(Flat(), mgres.GradientDescent(0.1))])
    plot.hierarchy(only, axes)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["level 0"]
    axes.figure.canvas.draw()


def test_cycle_draws_its_step_counts(axes):
    assert plot.cycle("[(1), 1, 2, {12}]", axes) is axes
    assert texts(axes) == ["1", "1", "2", "12", "2", "1"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [f"level {l}" for l in range(4)]
    points = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.get_lines()
        if len(line.get_xdata()) == 1
    ]
    assert points == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 2), (5, 1), (6, 0)]


def methods():
    paper = mgres.Schedule.paper
    return [
        paper(1),
        paper(8),
        mgres.VCycle(paper(3)),
        mgres.WCycle(paper(8)),
        mgres.FCycle(paper(5)),
        mgres.AdditiveCycle(paper(4)),
        mgres.Cascade(),
        mgres.Cascade(MaxSteps(100)),
        mgres.FullMultigrid(),
        mgres.FullMultigrid(stop=mgres.mgopt.Stall()),
    ]


@pytest.mark.parametrize("method", methods(), ids=lambda m: type(m).__name__)
def test_every_method_can_be_drawn(method):
    ax = plot.cycle(method)
    ax.figure.canvas.draw()
    assert ax.get_lines()


def test_recipe_brings_its_levels(objective, axes):
    recipe = mgres.recommended(objective)
    plot.cycle(recipe, axes)
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names[0] == "2,048 layers"
    assert len(names) == len(recipe.hierarchy)
    assert "gain less" in axes.get_xlabel().replace("\n", " ")
    axes.figure.canvas.draw()


def test_levels_of_nested_iteration(objective):
    assert len(plot.cycle(mgres.Cascade()).get_yticks()) == 4
    for six in (6, np.int64(6)):
        assert len(plot.cycle(mgres.Cascade(), levels=six).get_yticks()) == 6
    hierarchy = mgres.resnet_hierarchy(objective, 3)
    ax = plot.cycle(mgres.FullMultigrid(), levels=hierarchy)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "2,048 layers", "1,024 layers", "512 layers",
    ]  # fmt: skip


WRONG = [
    ({"cycle": 3}, TypeError, "cycle: expected a Schedule, a cycle, a Cascade"),
    ({"cycle": "1, 2"}, ValueError, "schedule: expected"),
    ({"cycle": "[1, {1}]", "levels": 3}, ValueError, "levels: the schedule has 2, got 3"),
    ({"cycle": mgres.Cascade(), "levels": 0}, ValueError, "levels: expected at least 1, got 0"),
    ({"cycle": mgres.Cascade(), "levels": "3"}, TypeError, "levels: expected an integer or"),
    ({"cycle": "[{1}]", "ax": 3}, TypeError, "ax: expected matplotlib Axes, got int"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_wrong_arguments_of_cycle(arguments, error, message):
    import matplotlib.pyplot as plt

    with pytest.raises(error, match=message):
        plot.cycle(**arguments)
    assert plt.get_fignums() == []


def test_wrong_hierarchy():
    with pytest.raises(TypeError, match="hierarchy: expected a Hierarchy, got list"):
        plot.hierarchy([])

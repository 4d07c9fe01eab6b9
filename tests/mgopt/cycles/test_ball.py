"""Coarse visits confined to balls, one inside the other."""

from dataclasses import replace

import numpy as np
import pytest

from mgres.mgopt import (
    Cycle,
    Diagonal,
    Euclidean,
    GradientDescent,
    Hierarchy,
    Schedule,
    TrustRegion,
    VCycle,
)
from mgres.mgopt.cycles.trust import Ball

from ..chains import chain_hierarchy, start
from .oracles_cycle import assert_confined


@pytest.mark.parametrize("radius", [0.5, 1.5, 2.25, 6.75])
def test_step_that_leads_out_ends_on_the_boundary_and_ends_the_visit(radius):
    assert_confined(radius)


@pytest.mark.parametrize("metric", [Euclidean(), Diagonal(np.array([4.0, 0.25]))], ids=["I", "M"])
@pytest.mark.parametrize("y", [[1.0, 1.0], [1.5, 1.0], [0.6, 1.0], [1.0, 2.2]])
@pytest.mark.parametrize("step", [[3.0, 4.0], [-9.0, 2.0], [1e-3, 0.0], [1e8, -1e8]])
def test_share_leads_to_the_boundary(metric, y, step):
    ball = Ball(np.ones(2), metric, 1.3)
    y, step = np.array(y), np.array(step)
    t = ball.share(y, step)
    distance = metric.norm(y + t * step - np.ones(2))
    if t < 1:
        assert distance == pytest.approx(1.3, rel=1e-7)
        assert metric.norm(y + step - np.ones(2)) > 1.3
    else:
        assert distance <= 1.3


def test_step_from_the_boundary_outwards_has_no_length():
    ball = Ball(np.zeros(2), Euclidean(), 1.0)
    assert ball.share(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0
    assert ball.share(np.array([1.0, 0.0]), np.array([-3.0, 0.0])) == pytest.approx(2 / 3)
    assert ball.share(np.array([0.0, 0.0]), np.array([np.nan, 0.0])) == 1.0
    assert 0 < ball.remaining(np.array([1.0, 0.0])) < 1e-15
    assert ball.remaining(np.array([0.25, 0.0])) == 0.75


@pytest.mark.parametrize("shape", ["V", "W"])
def test_balls_are_nested(shape):
    hierarchy = chain_hierarchy(4, optimizer=GradientDescent(0.1))
    cycle = Cycle(Schedule.parse("[1, 2, 1, {9}]"), shape=shape, trust=TrustRegion(radius=0.4))
    x = 5 * start()
    state = cycle.init(hierarchy, x)
    seen = set()
    for _ in range(6):
        report = cycle.step(hierarchy, x, state)
        outer = report.corrections[-1].radius
        for c in report.corrections[:-1]:
            seen.add(c.level)
            # two steps were taken in the outer ball before the inner one was drawn
            assert c.radius < outer
        for own, level in zip(state.levels[1:], hierarchy[1:], strict=True):
            if own.ball is not None:
                moved = level.metric.norm(own.point - own.origin)
                assert moved <= own.ball.radius * (1 + 1e-12)
    assert seen == {1, 2}


def test_correction_that_would_leave_the_ball_of_a_coarse_visit():
    # metrics that are not compatible: level 2 measures half of what level 1 does
    levels = list(chain_hierarchy(3))
    levels[2] = replace(
        levels[2], metric=Diagonal(np.full(4, 0.25 / 4)), optimizer=GradientDescent(0.2)
    )
    hierarchy = Hierarchy(levels)
    cycle = VCycle(Schedule.parse("[0, 0/3, {30}]"), trust=TrustRegion(radius=0.1))
    x = 5 * start()
    state = cycle.init(hierarchy, x)
    report = cycle.step(hierarchy, x, state)
    inner, outer = report.corrections
    assert inner.accepted
    assert inner.correction_norm == pytest.approx(0.1)
    assert state.levels[1].is_over
    assert outer.correction_norm == pytest.approx(0.1)
    # the prediction is that of the shortened correction: the ratio stays near 1
    assert inner.ratio == pytest.approx(1, abs=0.2)
    assert hierarchy.work.gradients[1] == 1  # no smoothing after the end of the visit

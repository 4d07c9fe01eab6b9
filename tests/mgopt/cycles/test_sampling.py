"""Coarse levels that change their samples at every step: what has to agree does.

f_B(x) = |x|^2 / 2 - <b_B, x> on the finest level and f_B(P y) on coarse ones.  With Pi = P^+ the
coarse gradient at Pi x is the restricted fine one, exactly, provided that both levels use the same
batch B; so |v| = 0, and a coarse visit predicts the decrease exactly.  Otherwise both are far off.
"""

from __future__ import annotations

import numpy as np
import pytest

from mgres.mgopt import (
    AdditiveCycle,
    Armijo,
    FCycle,
    GradientDescent,
    Hierarchy,
    Level,
    MatrixTransfer,
    Schedule,
    TrustRegion,
    VCycle,
    WCycle,
)

SIZES = (16, 8, 4, 2)


class SampledMean:
    """f_B(P y), P the product of all prolongations from this level to the finest."""

    dtype = np.dtype(np.float64)

    def __init__(self, prolongation):
        self.P = prolongation
        self.size = prolongation.shape[1]
        self.batch = self.revision = self.draws = 0

    def _b(self):
        return self.P.T @ np.random.default_rng(self.batch).standard_normal(len(self.P))

    def value(self, y):
        return float((self.P @ y) @ (self.P @ y) / 2 - self._b() @ y)

    def value_and_grad(self, y, out):
        out[:] = self.P.T @ (self.P @ y) - self._b()
        return self.value(y)

    def use(self, batch):
        if batch != self.batch:
            self.batch = batch
            self.revision += 1

    def draw(self):
        self.draws += 1
        self.use(1000 * self.size + self.draws)

    def agree_with(self, fine):
        self.use(fine.batch)


def make_hierarchy():
    P = [np.kron(np.eye(n // 2), np.ones((2, 1))) for n in SIZES[:-1]]
    objectives = [SampledMean(np.eye(SIZES[0]))]
    for p in P:
        objectives.append(SampledMean(objectives[-1].P @ p))
    transfers = [*map(MatrixTransfer, P), None]
    # a step that is stable, but solves no level, so that every level has something to do
    levels = [
        Level(f, GradientDescent(0.4 / 2**l), transfer)
        for l, (f, transfer) in enumerate(zip(objectives, transfers, strict=True))
    ]
    return Hierarchy(levels), objectives


def run(cycle, cycles=3):
    hierarchy, objectives = make_hierarchy()
    x = np.random.default_rng(5).standard_normal(SIZES[0])
    state = cycle.init(hierarchy, x)
    reports = []
    for i in range(cycles):
        for f in objectives:
            f.use(i)
        reports.extend(cycle.step(hierarchy, x, state).corrections)
        assert objectives[0].batch == i
    return reports, objectives


SCHEDULES = ("[1, 2, 1, {3}]", "[(1), 0, 0, {2}]", "[0/1, 0/1, 2/0, {2}]")
KINDS = [VCycle, WCycle, FCycle, AdditiveCycle]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kind", KINDS)
def test_couplings_compare_gradients_of_the_same_batch(kind, schedule):
    reports, objectives = run(kind(Schedule.parse(schedule)))
    assert reports
    assert max(r.coupling for r in reports) < 1e-13
    assert objectives[0].draws == 0
    assert objectives[-1].draws > 0


@pytest.mark.parametrize("kind", [VCycle, WCycle, FCycle])
def test_predictions_of_the_trust_region_come_from_the_batch_of_the_coupling(kind):
    cycle = kind(Schedule.parse("[1, 1, 1, {3}]"), trust=TrustRegion(radius=100.0))
    reports, _ = run(cycle)
    ratios = [r.ratio for r in reports if r.accepted and r.level == 0]
    assert ratios
    np.testing.assert_allclose(ratios, 1.0, rtol=1e-10)


def test_line_search_judges_on_the_batch_of_its_level():
    """On a coarse level too: the value before and the trials are of one batch."""
    cycle = VCycle(Schedule.parse("[0/1, 1, 1, {1}]"), Armijo(c1=0.5))
    hierarchy, objectives = make_hierarchy()
    seen = []
    for l, f in enumerate(objectives):
        original = f.value

        def spy(y, l=l, f=f, original=original):
            seen.append((l, f.batch))
            return original(y)

        f.value = spy
        f.value_and_grad = lambda y, out, f=f: (
            np.copyto(out, f.P.T @ (f.P @ y) - f._b()),
            SampledMean.value(f, y),
        )[1]
    x = np.random.default_rng(5).standard_normal(SIZES[0])
    cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    # level 1 has drawn for its step going down, and keeps that batch until its correction is judged
    assert {batch for l, batch in seen if l == 1} == {8001}
    assert {batch for l, batch in seen if l == 0} == {0}


@pytest.mark.parametrize("kind", KINDS)
def test_one_draw_for_each_coarse_step(kind, monkeypatch):
    steps = []
    original = GradientDescent.step

    def step(self, f, x, state):
        steps.append(len(x))
        return original(self, f, x, state)

    monkeypatch.setattr(GradientDescent, "step", step)
    _, objectives = run(kind(Schedule.parse("[1, 2, 1, {3}]")))
    assert objectives[0].draws == 0
    assert [f.draws for f in objectives[1:]] == [steps.count(n) for n in SIZES[1:]]

"""Cycles of every kind train a network, and cost what is computed in advance."""

import numpy as np
import pytest

import mgres
from mgres.mgopt import LBFGS, GradientDescent, NoCoupling, VerifiedOn

SCHEDULE = mgres.Schedule.parse("[1, 1, {2}]")


@pytest.fixture(scope="module")
def problem():
    X, y, X_val, y_val = mgres.datasets.circles(seed=1)
    net = mgres.ResNet(2, 3, 2, 32)
    tikhonov = mgres.Tikhonov(1e-4, measure="time")
    f = mgres.ResNetObjective(net, X[:200], y[:200], regularizer=tikhonov)
    other = mgres.ResNetObjective(net, X_val[:200], y_val[:200], regularizer=tikhonov)
    return f, other, net.init(seed=1)


def train(problem, cycle, optimizer, cycles=8, **options):
    f, _, theta = problem
    hierarchy = mgres.resnet_hierarchy(f, 3, optimizer=optimizer, metric="time")
    return mgres.fit(f, theta, hierarchy=hierarchy, cycle=cycle, max_cycles=cycles, **options)


CYCLES = {
    "V": mgres.VCycle(SCHEDULE, mgres.Armijo()),
    "W": mgres.WCycle(SCHEDULE, mgres.Armijo()),
    "F": mgres.FCycle(SCHEDULE, mgres.Armijo()),
    "additive": mgres.AdditiveCycle(SCHEDULE, mgres.Armijo()),
    "trust region": mgres.VCycle(SCHEDULE, trust=mgres.TrustRegion(1.0)),
    "uncoupled": mgres.VCycle(SCHEDULE, mgres.Armijo(), coupling=NoCoupling()),
    "state defect": mgres.VCycle(SCHEDULE, mgres.Armijo(), coupling=mgres.StateDefect()),
    "repaired": mgres.VCycle(
        SCHEDULE, coupling=mgres.StateDefect(), trust=mgres.TrustRegion(1.0), state="down"
    ),
    "transfer": mgres.VCycle(SCHEDULE, mgres.Armijo(), state="transfer"),
    "keep": mgres.VCycle(SCHEDULE, mgres.Armijo(), state="keep"),
}


@pytest.mark.parametrize("optimizer", [GradientDescent(0.2), LBFGS(), mgres.Adam(0.02)], ids=str)
@pytest.mark.parametrize("cycle", CYCLES.values(), ids=CYCLES)
def test_training(problem, cycle, optimizer):
    result = train(problem, cycle, optimizer)
    losses = [record.loss for record in result.history]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize(("cycle", "shape"), [(mgres.VCycle, "V"), (mgres.WCycle, "W")])
def test_work_units(problem, cycle, shape):
    result = train(problem, cycle(SCHEDULE), GradientDescent(0.1), cycles=2)
    assert result.work_units == 2 * SCHEDULE.work_units(shape=shape)


def test_verified_on_other_samples(problem):
    other = problem[1]
    cycle = mgres.VCycle(SCHEDULE, verify=VerifiedOn(other))
    result = train(problem, cycle, GradientDescent(0.1), cycles=3, batch_size=20)
    decisions = [c.verified for r in result.history[1:] for c in r.corrections if c.level == 0]
    assert set(decisions) <= {True, False}
    assert any(decisions)


def test_state_defect_lets_coarse_networks_know_the_gradient():
    """On a trained network the plain coarse gradient is nearly all wrong."""
    X, y, _, _ = mgres.datasets.circles(seed=1)
    net = mgres.ResNet(2, 3, 2, 64, final_time=5.0, activation="tanh", dtype=np.float64)
    tikhonov = mgres.Tikhonov(1e-4, measure="time")
    f = mgres.ResNetObjective(net, X[:200].astype(float), y[:200], regularizer=tikhonov)
    alone = mgres.resnet_hierarchy(f, 1, optimizer=LBFGS(), metric="time")
    theta = net.init(1, coarse_depth=16)
    theta = mgres.fit(f, theta, hierarchy=alone, max_cycles=40).theta
    couplings = {}
    for name, options in {"tilt": {}, "defect": {"coupling": mgres.StateDefect()}}.items():
        hierarchy = mgres.resnet_hierarchy(f, 2, optimizer=LBFGS(), metric="time")
        cycle = mgres.VCycle(mgres.Schedule.parse("[0, {1}]"), **options)
        x = theta.copy()
        (correction,) = cycle.step(hierarchy, x, cycle.init(hierarchy, x)).corrections
        couplings[name] = correction.coupling
    assert couplings["tilt"] > 5
    assert couplings["defect"] < 0.5

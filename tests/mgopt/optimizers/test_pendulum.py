"""What the state defect repairs, on a problem whose coarse trajectories end elsewhere."""

import numpy as np
import pytest

from mgres.mgopt import LBFGS, FirstOrder, Schedule, StateDefect, TrustRegion, VCycle
from mgres.testing import check_gradient

from ..chains import run
from .pendulum import Pendulum, pendulum_hierarchy


def trained(steps, cycles=6):
    """Controls near the minimum, by L-BFGS on the finest level."""
    x, _ = run(pendulum_hierarchy(steps, 1), VCycle(Schedule.paper(1)), np.zeros(steps), cycles)
    return x


def minimum(steps):
    f = Pendulum(steps)
    return f.value(trained(steps, cycles=80))


def test_gradient_with_and_without_defect():
    x = np.random.default_rng(0).standard_normal(32)
    coarse = Pendulum(16)
    shifted = coarse.with_state_defect(Pendulum(32), x, np.zeros(16))
    check_gradient(Pendulum(32), x).raise_if_failed()
    check_gradient(shifted, x[:16]).raise_if_failed()
    np.testing.assert_allclose(
        shifted.states(np.zeros(16)), Pendulum(32).states(x)[::2], rtol=1e-12, atol=1e-14
    )
    assert shifted.value(np.zeros(16)) == pytest.approx(Pendulum(32).value(x), rel=1e-12)


@pytest.mark.parametrize("steps", [64, 128, 256])
def test_coarse_gradient_at_trained_controls(steps):
    """Without the defect the coarse gradient is nearly all wrong; its start is another state."""
    x, couplings = trained(steps), {}
    for coupling in (FirstOrder(), StateDefect()):
        cycle = VCycle(Schedule.parse("[0, {1}]"), coupling=coupling)
        _, (report,) = run(pendulum_hierarchy(steps, 2), cycle, x)
        couplings[coupling] = report.corrections[0].coupling
    assert couplings[FirstOrder()] > 100
    assert couplings[StateDefect()] < 5
    assert couplings[StateDefect()] < 0.01 * couplings[FirstOrder()]


@pytest.mark.parametrize("state", ["reset", "down"])
@pytest.mark.parametrize("coupling", [FirstOrder(), StateDefect()], ids=str)
def test_trust_region_makes_any_coupling_safe(coupling, state):
    cycle = VCycle(
        Schedule.parse("[0/2, 0/2, {20}]"), coupling=coupling, trust=TrustRegion(), state=state
    )
    hierarchy = pendulum_hierarchy(128, 3, LBFGS())
    x, reports = run(hierarchy, cycle, np.zeros(128), cycles=20)
    values = [*(r.value for r in reports), hierarchy.finest.value(x)]
    assert all(np.diff(values) <= 1e-14)
    assert values[-1] == pytest.approx(minimum(128), rel=1e-5)
    radii = [c.radius for r in reports for c in r.corrections if c.level == 0]
    assert len(set(radii)) > 1

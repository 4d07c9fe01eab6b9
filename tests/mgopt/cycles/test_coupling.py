"""What coarse levels minimise: tilted, shifted, both or as they are."""

import numpy as np
import pytest

from mgres.mgopt import (
    FirstOrder,
    GradientDescent,
    Hierarchy,
    Level,
    NoCoupling,
    Schedule,
    StateDefect,
    Tilted,
    Untilted,
    VCycle,
)
from mgres.mgopt.cycles.coupling import innermost
from mgres.problems import ControlObjective, control_hierarchy
from mgres.testing import Quadratic, check_gradient, check_hierarchy

from ..chains import chain_hierarchy, run, start
from ..oracles import assert_fixed_point, error_history
from .oracles_cycle import (
    assert_state_defect_is_first_order_on_a_quadratic,
    assert_states_are_the_fine_ones,
    by_hand,
    uniform,
)

COUPLINGS = [FirstOrder(), NoCoupling(), StateDefect(), StateDefect(first_order=False)]


def visit(steps, coupling, x, coarsest=None):
    """Two levels (or more), nothing but the coarse solve; the report on the finest correction."""
    hierarchy = control_hierarchy(ControlObjective(steps), coarsest_steps=coarsest or steps // 2)
    cycle = VCycle(uniform(len(hierarchy), 0, 0), coupling=coupling)
    x = x.copy()
    report = cycle.step(hierarchy, x, cycle.init(hierarchy, x))
    return report.corrections[-1], hierarchy


# ---- state defect --------------------------------------------------------------------------------


@pytest.mark.parametrize(("fine", "coarse"), [(16, 8), (64, 8), (24, 8), (8, 8)])
def test_shifted_states_are_the_fine_ones(fine, coarse):
    shifted = assert_states_are_the_fine_ones(fine, coarse)
    x = np.random.default_rng(4).standard_normal(coarse)
    check_gradient(shifted, x).raise_if_failed()
    plain = ControlObjective(coarse)
    np.testing.assert_array_equal(shifted.hessian(x), plain.hessian(x))
    assert np.linalg.norm(shifted.states(x) - plain.states(x)) > 1e-2 or fine == coarse


def test_defect_of_a_problem_with_a_defect():
    # three discretisations: the states of the coarsest are those of the finest
    f, mid, coarse = (ControlObjective(n) for n in (32, 16, 8))
    rng = np.random.default_rng(1)
    x, y, z = (rng.standard_normal(n) for n in (32, 16, 8))
    shifted = coarse.with_state_defect(mid.with_state_defect(f, x, y), y, z)
    np.testing.assert_allclose(shifted.states(z), f.states(x)[3::4], rtol=1e-13)
    assert shifted.value(z) == pytest.approx(f.value(x), rel=1e-13)


def test_coarser_levels_see_the_shifted_objectives_of_finer_ones(monkeypatch):
    seen = []
    original = ControlObjective.with_state_defect

    def spy(self, fine, x, origin):
        shifted = original(self, fine, x, origin)
        seen.append((self.steps, fine, shifted))
        return shifted

    monkeypatch.setattr(ControlObjective, "with_state_defect", spy)
    _, hierarchy = visit(32, StateDefect(), np.ones(32), coarsest=8)
    assert [steps for steps, _, _ in seen] == [16, 8]
    assert seen[0][1] is hierarchy.finest
    assert seen[1][1] is seen[0][2]  # the level's shifted objective, not its own


@pytest.mark.parametrize("steps", [16, 64])
def test_state_defect_and_tilt_are_the_tilt_alone_on_a_quadratic(steps):
    assert_state_defect_is_first_order_on_a_quadratic(steps)


def test_state_defect_costs_a_value_on_either_level():
    x = np.ones(32)
    costs = []
    for coupling in (FirstOrder(), StateDefect(), StateDefect(first_order=False), NoCoupling()):
        _, hierarchy = visit(32, coupling, x, coarsest=8)
        costs.append((hierarchy.work.gradients, hierarchy.work.values))
    # a gradient on each level, and with the defect a value for each pair of levels
    assert costs == [([1, 1, 1], values) for values in ([0] * 3, [1, 2, 1], [1, 2, 1], [0] * 3)]


@pytest.mark.parametrize("n", [32, 64])
def test_errors_without_the_tilt_are_those_of_the_discretisation(n):
    # how far a coarse solve leads away from the minimiser: h without tilt, 0 with it
    moved = {}
    for size in (n, 2 * n):
        x = ControlObjective(size).minimiser()
        for coupling in COUPLINGS:
            report, hierarchy = visit(size, coupling, x)
            moved[size, coupling] = report.correction_norm / hierarchy[0].metric.norm(x)
    for coupling in (NoCoupling(), StateDefect(first_order=False)):
        assert moved[n, coupling] / moved[2 * n, coupling] == pytest.approx(2, abs=0.1)
    for coupling in (FirstOrder(), StateDefect()):
        assert moved[n, coupling] < 1e-14
    assert moved[n, StateDefect(first_order=False)] < 0.75 * moved[n, NoCoupling()]


@pytest.mark.parametrize("coupling", [FirstOrder(), StateDefect()], ids=str)
def test_minimiser_is_a_fixed_point(coupling):
    f = ControlObjective(64)
    hierarchy = control_hierarchy(f)
    assert_fixed_point(
        hierarchy, f.minimiser(), VCycle(uniform(len(hierarchy), 1, 1), coupling=coupling)
    )


def test_hierarchy_passes_its_check_with_state_defects():
    hierarchy = control_hierarchy(ControlObjective(64))
    cycle = VCycle(uniform(len(hierarchy), 1, 0), coupling=StateDefect())
    report = check_hierarchy(hierarchy, np.linspace(0, 1, 64), cycle)
    report.raise_if_failed()
    assert report.fixed_point < 1e-14
    wrong = VCycle(cycle.schedule, coupling=StateDefect(first_order=False))
    assert not check_hierarchy(hierarchy, np.linspace(0, 1, 64), wrong).ok


def test_state_defect_converges_like_the_tilt():
    f = ControlObjective(64)
    hierarchy = control_hierarchy(f)
    cycle = VCycle(uniform(len(hierarchy), 1, 0), coupling=StateDefect())
    errors = error_history(hierarchy, cycle, f.minimiser(), 5, lambda e: float(np.linalg.norm(e)))
    assert (errors[5] / errors[2]) ** (1 / 3) == pytest.approx(0.0169, rel=0.03)


def test_float32():
    f, coarse = (ControlObjective(n, dtype=np.float32) for n in (32, 16))
    x, y = np.ones(32, np.float32), np.ones(16, np.float32)
    shifted = coarse.with_state_defect(f, x, y)
    assert shifted.states(y).dtype == np.float32
    np.testing.assert_allclose(shifted.states(y), f.states(x)[1::2], rtol=1e-5)


def test_bad_arguments():
    coarse, x, y = ControlObjective(8), np.ones(16), np.ones(8)
    with pytest.raises(TypeError, match="fine: expected a ControlObjective, got Quadratic"):
        coarse.with_state_defect(Quadratic(np.ones(16)), x, y)
    for fine in (ControlObjective(12), ControlObjective(4), ControlObjective(16, 2.0)):
        with pytest.raises(ValueError, match=r"fine: expected a multiple of 8 steps to time 1\.0"):
            coarse.with_state_defect(fine, x, y)
    with pytest.raises(TypeError, match="coarse: expected an objective with_state_defect, got"):
        run(chain_hierarchy(2), VCycle(Schedule.paper(2), coupling=StateDefect()), start())


# ---- no coupling, and what is reported -----------------------------------------------------------


def test_without_coupling_the_coarse_objective_is_minimised_as_it_is():
    # from (1, 3): y0 = 2, g'(2) = 2; rate 1/2 leads to 1, so x becomes (0, 2)
    hierarchy = by_hand(rate=0.5)
    x, (report,) = run(
        hierarchy, VCycle(Schedule.parse("[0, {1}]"), coupling=NoCoupling()), np.array([1.0, 3.0])
    )
    np.testing.assert_array_equal(x, [0.0, 2.0])
    assert report.corrections[0].coupling == 0.5  # |2 - 4| / |4|: what was left out
    assert report.work_units == 1.5


@pytest.mark.parametrize("coupling", COUPLINGS, ids=str)
def test_coupling_is_measured_whether_it_is_corrected_for_or_not(coupling):
    x = np.cos(2 * np.arange(32) / 32)
    report, _ = visit(32, coupling, x)
    shifted = isinstance(coupling, StateDefect)
    assert report.coupling == pytest.approx(0.0541 if shifted else 0.0700, rel=0.01)


def test_unwrapping_reaches_the_innermost_objective():
    x = np.ones(2)
    f = Quadratic(np.ones(2))
    hierarchy = Hierarchy([Level(f, GradientDescent(0.1))])
    state = VCycle(Schedule.paper(1)).init(hierarchy, x)
    memo = state.levels[0].objective
    for wrapped in (Tilted(memo, x, x), Untilted(memo, x, x), memo, hierarchy[0].objective, f):
        assert innermost(wrapped) is f


def test_untilted_answers_like_its_objective():
    f, x, r = Quadratic(np.array([1.0, 2.0])), np.array([1.0, 1.0]), np.array([0.5, 0.5])
    h, out = Untilted(f, x, r), np.empty(2)
    np.testing.assert_array_equal(h.v, [0.5, 1.5])
    for point in (x, np.array([2.0, 3.0])):
        assert h.value(point) == f.value(point) == h.value_and_grad(point, out)
        np.testing.assert_array_equal(out, [1.0, 2.0] * point)
    assert (h.size, h.dtype) == (2, np.float64)

"""V-, W- and F-cycles: classical multigrid on quadratics, algorithm 1 on everything else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mgres.mgopt import SHAPES, Cycle, FCycle, LevelSteps, Schedule, VCycle, WCycle
from mgres.problems import ControlObjective, PoissonObjective, control_hierarchy, poisson_hierarchy

from .chains import Chain, chain_hierarchy, run, start
from .cycles.oracles_cycle import assert_counted, assert_equals_multigrid, problem, uniform
from .linear import error_operator, poisson_levels, spectral_radius
from .oracles import (
    assert_fixed_point,
    energy_norm,
    error_history,
)

CYCLES = {"V": VCycle, "W": WCycle, "F": FCycle}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "n"), [("poisson", 31), ("poisson", 127), ("control", 64)])
@pytest.mark.parametrize(("pre", "post"), [(1, 1), (1, 0), (0, 2)])
def test_cycle_is_linear_multigrid(name, n, shape, pre, post):
    assert_equals_multigrid(name, n, shape, pre, post)


@pytest.mark.parametrize("shape", ["W", "F"])
@pytest.mark.parametrize("n", [31, 127, 1023])
def test_factor_is_that_of_the_two_grid_cycle(n, shape):
    # V(1, 1) on two grids with omega = 2/3: 1/9 (Trottenberg et al., section 3.3); V-cycles: 0.18
    f = PoissonObjective.random(n, seed=7)
    hierarchy = poisson_hierarchy(f)
    cycle = CYCLES[shape](uniform(len(hierarchy), 1, 1))
    errors = error_history(hierarchy, cycle, f.minimiser(), 8, energy_norm)
    assert 0.105 < (errors[8] / errors[4]) ** 0.25 < 0.118


@pytest.mark.parametrize("shape", SHAPES)
def test_oracle_has_the_textbook_factors(shape):
    radius = spectral_radius(error_operator(poisson_levels(63), 1, 1, shape))
    assert radius == pytest.approx({"V": 0.184, "W": 1 / 9, "F": 1 / 9}[shape], abs=0.006)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["poisson", "control"])
def test_minimiser_is_a_fixed_point(name, shape):
    n = {"poisson": 63, "control": 64}[name]
    f, hierarchy, _ = problem(name, n)
    assert_fixed_point(hierarchy, f.minimiser(), CYCLES[shape](uniform(len(hierarchy), 1, 1)))


def reference(x, coupling, steps, shape, alpha=0.4):
    """Algorithm 1, literally, for any shape: minimise f(x) + <coupling, x>."""
    n, f = x.size, Chain(x.size)

    def gradient(y, of=f):
        g = np.empty(y.size)
        of.value_and_grad(y, g)
        return g

    (pre, post), coarser = steps[0], steps[1:]
    for _ in range(pre):
        x = x - alpha * n * (gradient(x) + coupling)
    if not coarser:
        return x
    P = np.kron(np.eye(n // 2), [[1.0], [1.0]])
    origin = P.T @ x / 2
    delta_g = P.T @ (gradient(x) + coupling) - gradient(origin, Chain(n // 2))
    y = origin
    for inner in {"V": "V", "W": "WW", "F": "FV"}[shape] if len(coarser) > 1 else "V":
        y = reference(y, delta_g, coarser, inner, alpha)
    x = x + P @ (y - origin)
    for _ in range(post):
        x = x - alpha * n * (gradient(x) + coupling)
    return x


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("[1, {1}]", [(1, 1), (1, 0)]),
        ("[(1), 2, {2}]", [(1, 0), (2, 2), (2, 0)]),
        ("[2/1, (3), 0/1, {2}]", [(2, 1), (3, 0), (0, 1), (2, 0)]),
    ],
)
def test_cycle_is_algorithm_1_when_nothing_is_quadratic(text, steps, shape):
    x, _ = run(chain_hierarchy(len(steps)), CYCLES[shape](Schedule.parse(text)), start(), cycles=2)
    expected = start()
    for _ in range(2):
        expected = reference(expected, 0.0, steps, shape)
    np.testing.assert_allclose(x, expected, rtol=1e-13, atol=1e-14)


# ---- cost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("levels", "shape", "visits"),
    [
        (1, "W", [1]),
        (2, "W", [1, 1]),
        (3, "W", [1, 2, 2]),
        (5, "W", [1, 2, 4, 8, 8]),
        (5, "F", [1, 2, 3, 4, 4]),
        (5, "V", [1, 1, 1, 1, 1]),
    ],
)
def test_visits(levels, shape, visits):
    assert Schedule.paper(levels).visits(shape) == visits


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "text", ["[{3}]", "[1, {2}]", "[(1), 1, {2}]", "[0, 2/1, 0/3, {1}]", "[1, 1, 1, 1, {5}]"]
)
def test_cost_is_counted(text, shape):
    schedule = Schedule.parse(text)
    assert_counted(CYCLES[shape](schedule), schedule.work_units(shape=shape))


steps = st.integers(0, 3)


@given(
    levels=st.lists(st.builds(LevelSteps, steps, steps), max_size=4),
    coarsest=st.integers(1, 3),
    shape=st.sampled_from(SHAPES),
)
@settings(max_examples=40, deadline=None)
def test_cost_is_counted_for_any_schedule(levels, coarsest, shape):
    cycle = Cycle(Schedule(tuple(levels), coarsest), shape=shape)
    assert_counted(cycle, cycle.work_units())


def test_cost_by_hand():
    # levels 1, 1/2, 1/4, 1/8 visited 1, 2, 4, 4 times with 3, 3, 3, 2 gradients
    assert Schedule.parse("[1, 1, 1, {2}]").work_units(shape="W") == 3 + 3 + 3 + 1
    assert Schedule.parse("[1, 1, 1, {2}]").work_units([1, 1, 1, 1], shape="F") == 3 * 6 + 2 * 3


@pytest.mark.parametrize("shape", SHAPES)
def test_corrections_are_reported_for_every_visit(shape):
    schedule = Schedule.paper(4)
    _, (report,) = run(chain_hierarchy(4), CYCLES[shape](schedule), start())
    levels = [c.level for c in report.corrections]
    assert [levels.count(l) for l in range(3)] == schedule.visits(shape)[:3]
    assert levels[-1] == 0


def test_names_of_shapes():
    schedule = Schedule.paper(3)
    for shape, named in CYCLES.items():
        assert named(schedule).shape == shape
        results = [
            run(chain_hierarchy(3), cycle, start())[0]
            for cycle in (named(schedule), Cycle(schedule, shape=shape))
        ]
        assert results[0].tobytes() == results[1].tobytes()


def test_other_shapes():
    with pytest.raises(ValueError, match=r"shape: expected one of .*'F'.*, got 'X'"):
        Cycle(Schedule.paper(2), shape="X")
    with pytest.raises(ValueError, match="shape: expected one of"):
        Schedule.paper(2).work_units(shape="w")
    with pytest.raises(ValueError, match="costs: expected 2 numbers, got 1"):
        Schedule.paper(2).work_units([1.0], shape="W")


def test_more_visits_of_the_control_problem_do_not_hurt():
    f = ControlObjective(128)
    factors = {}
    for shape, named in CYCLES.items():
        hierarchy = control_hierarchy(f)
        cycle = named(uniform(len(hierarchy), 1, 0))
        errors = error_history(hierarchy, cycle, f.minimiser(), 4, lambda e: np.linalg.norm(e))
        factors[shape] = (errors[4] / errors[2]) ** 0.5
    assert factors["W"] < 0.6 * factors["V"]
    assert factors["F"] == pytest.approx(factors["W"], rel=0.1)

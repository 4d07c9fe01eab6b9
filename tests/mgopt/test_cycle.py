from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from mgres.mgopt import (
    Adam,
    Armijo,
    Diagonal,
    Euclidean,
    FixedStep,
    GradientDescent,
    Hierarchy,
    Level,
    MatrixTransfer,
    Momentum,
    Schedule,
    Step,
    Tilted,
    VCycle,
)
from mgres.problems import NewtonStep, PiecewiseConstant
from mgres.testing import Quadratic, check_gradient

from .oracles import generic_hierarchy

DTYPES = [np.float32, np.float64]
STEP = GradientDescent(0.4)
OPTIMIZERS = [GradientDescent(0.2), Momentum(0.1), Momentum(0.1, nesterov=True), Adam(0.1)]


class Chain:
    """f(x) = h sum log cosh(x_i - c_i) + h/2 sum ((x_{i+1} - x_i) / 2)^2: smooth, not quadratic."""

    def __init__(self, n, dtype=np.float64):
        self.size, self.dtype, self.h = n, np.dtype(dtype), 1 / n
        self.centres = np.sin(np.arange(n) * 7.0 / n).astype(dtype)

    def value(self, x):
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x, out):
        jumps = np.diff(x) / 2
        np.tanh(x - self.centres, out=out)
        out[1:] += jumps / 2
        out[:-1] -= jumps / 2
        out *= self.h
        smooth = np.sum(np.log(np.cosh(x - self.centres)))
        return float(self.h * (smooth + np.sum(jumps**2) / 2))


def chain_hierarchy(levels=3, n=16, dtype=np.float64, optimizer=STEP):
    made = []
    for i in range(levels):
        transfer = PiecewiseConstant(n // 2) if i < levels - 1 else None
        f = Chain(n, dtype)
        metric = Diagonal(np.full(n, f.h, dtype))
        made.append(Level(f, optimizer, transfer, metric))
        n //= 2
    return Hierarchy(made)


def run(hierarchy, cycle, x, cycles=1):
    x = x.copy()
    state = cycle.init(hierarchy, x)
    return x, [cycle.step(hierarchy, x, state) for _ in range(cycles)]


def start(n=16, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal(n).astype(dtype)


# ---- the algorithm -------------------------------------------------------------------------------


def reference_cycle(x, coupling, steps, alpha=0.4):
    """Algorithm 1 of the paper, literally: minimise f(x) + <coupling, x>; steps = [(pre, post)]."""
    n, f = x.size, Chain(x.size)

    def gradient(y):
        g = np.empty(n)
        f.value_and_grad(y, g)
        return g + coupling

    (pre, post), coarser = steps[0], steps[1:]
    for _ in range(pre):
        x = x - alpha * n * gradient(x)
    if not coarser:
        return x
    P = np.kron(np.eye(n // 2), [[1.0], [1.0]])
    origin = P.T @ x / 2
    own = np.empty(n // 2)
    Chain(n // 2).value_and_grad(origin, own)
    delta_g = P.T @ gradient(x) - own
    x = x + P @ (reference_cycle(origin, delta_g, coarser, alpha) - origin)
    for _ in range(post):
        x = x - alpha * n * gradient(x)
    return x


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("[{3}]", [(3, 0)]),
        ("[1, {1}]", [(1, 1), (1, 0)]),
        ("[(1), 2, {2}]", [(1, 0), (2, 2), (2, 0)]),
        ("[0, 0/1, {4}]", [(0, 0), (0, 1), (4, 0)]),
        ("[2/1, (3), 1, {2}]", [(2, 1), (3, 0), (1, 1), (2, 0)]),
    ],
)
def test_cycle_is_algorithm_1(text, steps):
    hierarchy = chain_hierarchy(len(steps))
    x, _ = run(hierarchy, VCycle(Schedule.parse(text)), start(), cycles=3)
    expected = start()
    for _ in range(3):
        expected = reference_cycle(expected, 0.0, steps)
    np.testing.assert_allclose(x, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_one_level_is_the_plain_optimizer_bit_for_bit(optimizer, dtype):
    f, metric = Chain(8, dtype), Diagonal(np.full(8, 0.125, dtype))
    hierarchy = Hierarchy([Level(f, optimizer, metric=metric)])
    x, reports = run(hierarchy, VCycle(Schedule.parse("[{3}]")), start(8, dtype), cycles=4)
    expected = start(8, dtype)
    state = optimizer.init(expected, metric)
    values = [optimizer.step(f, expected, state) for _ in range(12)]
    assert x.tobytes() == expected.tobytes()
    assert [r.value for r in reports] == values[::3]
    assert [r.work_units for r in reports] == [3.0] * 4
    assert all(r.corrections == () for r in reports)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_float32_follows_float64(optimizer):
    cycle = VCycle(Schedule.parse("[(1), 1, {2}]"))
    ends = {}
    for dtype in DTYPES:
        hierarchy = chain_hierarchy(dtype=dtype, optimizer=optimizer)
        ends[dtype], reports = run(hierarchy, cycle, start(dtype=dtype), cycles=3)
        assert ends[dtype].dtype == dtype
        assert all(c.accepted for r in reports for c in r.corrections)
    np.testing.assert_allclose(ends[np.float32], ends[np.float64], atol=2e-5)


def test_cycles_are_deterministic():
    cycle = VCycle(Schedule.paper(3), Armijo())
    ends = [run(chain_hierarchy(optimizer=Adam(0.1)), cycle, start(), 5)[0] for _ in range(2)]
    assert ends[0].tobytes() == ends[1].tobytes()


def test_cycles_converge_to_the_minimiser():
    hierarchy = chain_hierarchy()
    x, _ = run(hierarchy, VCycle(Schedule.parse("[1, 1, {2}]")), start(), cycles=60)
    gradient = np.empty(16)
    hierarchy[0].objective.value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-14


# ---- the coarse surrogate ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_surrogate_has_the_prescribed_gradient(dtype):
    f, origin, prescribed = Chain(6, dtype), start(6, dtype), start(6, dtype, seed=2)
    surrogate = Tilted(f, origin, prescribed)
    gradient = np.empty(6, dtype)
    assert surrogate.value(origin) == surrogate.value_and_grad(origin, gradient)
    assert surrogate.value(origin) == f.value(origin)
    np.testing.assert_array_equal(gradient, prescribed)
    # nothing remembered: f' - v, and a neighbour one rounding away
    fresh, nearby = np.empty(6, dtype), np.nextafter(origin, np.inf, dtype=dtype)
    f.value_and_grad(origin, fresh)
    np.testing.assert_allclose(fresh - surrogate.v, prescribed, atol=4 * np.finfo(dtype).eps)
    surrogate.value_and_grad(nearby, gradient)
    np.testing.assert_allclose(gradient, prescribed, atol=8 * np.finfo(dtype).eps)
    assert (surrogate.size, surrogate.dtype) == (6, dtype)


def test_surrogate_is_an_objective():
    f, origin, prescribed = Chain(6), start(6), start(6, seed=2)
    surrogate = Tilted(f, origin, prescribed)
    check_gradient(surrogate, start(6, seed=3)).raise_if_failed()
    check_gradient(surrogate, origin).raise_if_failed()
    x = start(6, seed=3)
    expected = f.value(x) - surrogate.v @ (x - origin)
    assert surrogate.value(x) == pytest.approx(expected, rel=1e-14)


def test_surrogate_keeps_small_differences():
    # <v, x> would be about 1e8 here and drown a difference of 1e-6 in its rounding
    f = Quadratic([1e-6])
    origin = np.array([1e8])
    surrogate = Tilted(f, origin, np.array([1.0]))
    difference = surrogate.value(origin + 0.125) - surrogate.value(origin)
    assert difference == pytest.approx(0.125, rel=1e-4)


# ---- what happens to a correction ----------------------------------------------------------------


class Broken:
    """A coarse objective that answers with a given value and gradient away from its origin."""

    def __init__(self, n, value, gradient):
        self.size, self.dtype = n, np.dtype(np.float64)
        self._value, self._gradient = value, gradient

    def value(self, x):
        return self._value

    def value_and_grad(self, x, out):
        out[:] = self._gradient
        return self._value


class BadProlongation(PiecewiseConstant):
    """Puts a given number into one entry of every correction."""

    bad = np.nan

    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out[3] = self.bad


class InfiniteProlongation(BadProlongation):
    bad = np.inf


class UphillProlongation(PiecewiseConstant):
    def prolong(self, coarse, out):
        super().prolong(coarse, out)
        out *= -1


def two_levels(transfer=None, coarse=None, optimizer=None):
    coarse = coarse or Quadratic(np.ones(2))
    return Hierarchy(
        [
            Level(Quadratic(np.ones(4)), GradientDescent(0.1), transfer or PiecewiseConstant(2)),
            Level(coarse, optimizer or GradientDescent(0.1)),
        ]
    )


REJECTIONS = {
    "nan in the correction": lambda: two_levels(BadProlongation(2)),
    "inf in the correction": lambda: two_levels(InfiniteProlongation(2)),
    "uphill": lambda: two_levels(UphillProlongation(2)),
    "coarse gradient is nan": lambda: two_levels(coarse=Broken(2, 0.0, np.nan)),
    "coarse gradient is inf": lambda: two_levels(coarse=Broken(2, 0.0, np.inf)),
    "coarse objective is nan": lambda: two_levels(coarse=Broken(2, np.nan, np.nan)),
    "coarse optimizer overshoots": lambda: two_levels(optimizer=GradientDescent(1e308)),
}


@pytest.mark.parametrize("line_search", [FixedStep(), Armijo()], ids=["fixed", "armijo"])
@pytest.mark.parametrize("make", REJECTIONS.values(), ids=REJECTIONS)
def test_unfit_correction_leaves_every_bit(make, line_search):
    hierarchy = make()
    x0 = np.array([1.0, -0.0, 3.0, 1e-310])
    # no smoothing on the finest level, and enough coarse steps for nan to spread
    with np.errstate(over="ignore", invalid="ignore"):
        x, reports = run(hierarchy, VCycle(Schedule.parse("[0, {3}]"), line_search), x0)
    assert x.tobytes() == x0.tobytes()
    (correction,) = reports[0].corrections
    assert not correction.accepted
    assert correction.alpha == 0.0
    assert correction.level == 0


def test_line_search_that_finds_nothing_leaves_every_bit():
    # a coarse model that is 100 x too flat makes steps 100 x too long
    hierarchy = two_levels(coarse=Quadratic([0.02, 0.02]), optimizer=GradientDescent(100.0))
    x0 = start(4)
    x, reports = run(hierarchy, VCycle(Schedule.parse("[0, {1}]"), Armijo(max_trials=3)), x0)
    assert x.tobytes() == x0.tobytes()
    assert not reports[0].corrections[0].accepted
    assert reports[0].corrections[0].slope < 0


def test_rejection_on_one_level_does_not_stop_the_others():
    made = list(chain_hierarchy(3))
    made[1] = replace(made[1], transfer=UphillProlongation(4))
    hierarchy = Hierarchy(made)
    x, reports = run(hierarchy, VCycle(Schedule.parse("[1, 1, {2}]")), start())
    assert [(c.level, c.accepted) for c in reports[0].corrections] == [(1, False), (0, True)]
    f = hierarchy[0].objective
    assert f.value(x) < f.value(start())


def test_correction_report():
    # f = |x|^2 / 2 from (1, 3) with P = (1, 1)' and a coarse g(y) = y^2 / 2, gradient step 1/2:
    # Pi x = 2, R g = 4, v = g'(2) - 4 = -2, y - y0 = -2, d = (-2, -2), <g, d> = -8
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(2)), GradientDescent(0.1), PiecewiseConstant(1)),
            Level(Quadratic(np.ones(1)), GradientDescent(0.5)),
        ]
    )
    x, (report,) = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), np.array([1.0, 3.0]))
    np.testing.assert_array_equal(x, [-1.0, 1.0])
    (c,) = report.corrections
    assert (c.level, c.value, c.coupling, c.slope, c.alpha) == (0, 5.0, 0.5, -8.0, 1.0)
    assert c.accepted
    assert c.gradient_norm == pytest.approx(np.sqrt(10))
    assert c.correction_norm == pytest.approx(np.sqrt(8))
    assert report.value == 5.0
    assert report.work_units == 1.5


def test_report_measures_in_the_metric_of_the_level():
    metric = Diagonal(np.array([4.0, 4.0]))
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(2)), GradientDescent(0.1), PiecewiseConstant(1), metric),
            Level(Quadratic(np.ones(1)), GradientDescent(0.5), metric=Diagonal(np.array([9.0]))),
        ]
    )
    _, (report,) = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), np.array([1.0, 3.0]))
    (c,) = report.corrections
    assert c.gradient_norm == pytest.approx(np.sqrt(10 / 4))
    assert c.correction_norm == pytest.approx(np.sqrt(2 * 4) * 2 / 9)
    assert c.coupling == pytest.approx(0.5)


def test_corrections_are_reported_coarse_levels_first():
    cycle = VCycle(Schedule.paper(4))
    hierarchy = generic_hierarchy(4)
    x = np.zeros(hierarchy[0].objective.size)
    state = cycle.init(hierarchy, x)
    for _ in range(2):
        report = cycle.step(hierarchy, x, state)
        assert [c.level for c in report.corrections] == [2, 1, 0]


@dataclass
class Recorder:
    """A line search that notes what it was asked and takes half the correction."""

    asked: list = field(default_factory=list)

    def __call__(self, f, x, d, fx, slope):
        h, gradient = 1e-6, np.empty_like(x)
        assert f.value_and_grad(x, gradient) == fx
        assert slope == pytest.approx(gradient @ d, rel=1e-12)
        difference = (f.value(x + h * d) - f.value(x - h * d)) / (2 * h)
        assert slope == pytest.approx(difference, rel=1e-5)
        self.asked.append((f, x.copy(), d.copy()))
        return Step(0.5, accepted=True)


def test_line_search_judges_the_objective_of_the_level_with_its_coupling():
    recorder = Recorder()
    hierarchy = chain_hierarchy(4)
    run(hierarchy, VCycle(Schedule.parse("[1, 1, 1, {2}]"), recorder), start())
    assert [x.size for _, x, _ in recorder.asked] == [4, 8, 16]
    for f, x, d in recorder.asked[:2]:
        assert isinstance(f, Tilted)
        raw = Chain(x.size)
        change, raw_change = f.value(x + d) - f.value(x), raw.value(x + d) - raw.value(x)
        assert change == pytest.approx(raw_change - f.v @ d, rel=1e-9)
        assert abs(f.v @ d) > 1e-3 * abs(change)
    assert recorder.asked[2][0] is hierarchy[0].objective


def test_the_step_of_the_line_search_is_taken():
    cycle = VCycle(Schedule.parse("[0, {1}]"), FixedStep(0.25))
    hierarchy = two_levels()
    x0 = start(4)
    full, _ = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), x0)
    quarter, reports = run(hierarchy, cycle, x0)
    np.testing.assert_allclose(quarter - x0, (full - x0) / 4, rtol=1e-14)
    assert reports[0].corrections[0].alpha == 0.25


def test_armijo_never_lets_a_correction_increase_the_objective():
    # corrections up to 8 x too long: without the search the objective grows
    hierarchy = generic_hierarchy(4)
    x0 = start(hierarchy[0].objective.size)
    f = hierarchy[0].objective
    schedule = Schedule.parse("[0, 0, 0, {40}]")
    assert f.value(run(hierarchy, VCycle(schedule), x0)[0]) > f.value(x0)
    x, reports = run(hierarchy, VCycle(schedule, Armijo()), x0)
    assert f.value(x) < f.value(x0)
    assert any(c.alpha < 1 for c in reports[0].corrections)


# ---- states --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Watched:
    """A momentum method that notes which state takes which step."""

    log: list
    inner: Momentum = field(default_factory=lambda: Momentum(0.05))

    def init(self, x, metric):
        state = self.inner.init(x, metric)
        self.log.append(("init", x.size, state, None))
        return state

    def step(self, f, x, state):
        self.log.append(("step", x.size, state, state.velocity.copy()))
        return self.inner.step(f, x, state)


def test_finest_state_is_kept_and_coarse_states_start_afresh():
    log = []
    hierarchy = generic_hierarchy(3, optimizer=Watched(log))
    cycle = VCycle(Schedule.parse("[2/1, 1/1, {2}]"))
    x = np.zeros(8)
    state = cycle.init(hierarchy, x)
    finest = state.levels[0].optimizer
    log.clear()
    for number in range(3):
        cycle.step(hierarchy, x, state)
        steps = {n: [e for e in log if e[0] == "step" and e[1] == n] for n in (8, 4, 2)}
        fresh = {n: [e[2] for e in log if e[0] == "init" and e[1] == n] for n in (8, 4, 2)}
        # the finest level: one state, its velocity handed on from cycle to cycle
        assert fresh[8] == []
        assert all(e[2] is finest for e in steps[8])
        assert np.any(steps[8][0][3] != 0) == (number > 0)
        # coarse levels: one fresh state at rest per visit, kept from before to after the correction
        for n in (4, 2):
            assert len(fresh[n]) == 1
            assert len(steps[n]) == 2
            assert all(e[2] is fresh[n][0] for e in steps[n])
            assert np.all(steps[n][0][3] == 0)
            assert np.any(steps[n][1][3] != 0)
        log.clear()


def test_two_states_of_one_cycle_are_independent():
    hierarchy = chain_hierarchy(optimizer=Momentum(0.1))
    cycle = VCycle(Schedule.paper(3))
    alone, _ = run(hierarchy, cycle, start(), cycles=3)
    x, other = start(), -start()
    state, other_state = cycle.init(hierarchy, x), cycle.init(hierarchy, other)
    for _ in range(3):
        cycle.step(hierarchy, x, state)
        cycle.step(hierarchy, other, other_state)
    assert x.tobytes() == alone.tobytes()


def test_each_level_may_have_its_own_optimizer():
    f_coarse = Quadratic([1.0, 2.0])
    hierarchy = Hierarchy(
        [
            Level(Quadratic(np.ones(4)), Adam(0.1), MatrixTransfer(np.eye(4, 2))),
            Level(f_coarse, NewtonStep(f_coarse)),
        ]
    )
    x, _ = run(hierarchy, VCycle(Schedule.parse("[0, {1}]")), np.ones(4))
    # P = (I, 0)': the coarse Newton step from x = 1 with gradient 1 is -1 / (1, 2)
    np.testing.assert_allclose(x, [0.0, 0.5, 1.0, 1.0], rtol=1e-15)


# ---- the report and bad arguments ----------------------------------------------------------------


@pytest.mark.parametrize("text", ["[1, {1}]", "[(0), {1}]", "[0/1, {1}]"])
def test_value_is_the_finest_objective_at_the_start(text):
    hierarchy = chain_hierarchy(2)
    _, (report,) = run(hierarchy, VCycle(Schedule.parse(text)), start())
    assert report.value == Chain(16).value(start())


def test_schedule_of_other_length():
    cycle = VCycle(Schedule.parse("[1, {1}]"))
    with pytest.raises(ValueError, match=r"schedule: expected 3 levels, got 2: \[1, \{1\}\]"):
        cycle.init(chain_hierarchy(3), start())


@pytest.mark.parametrize(
    "x",
    [np.zeros(15), np.zeros(17), np.zeros((16, 1)), np.zeros(16, np.float32), np.zeros(16, int)],
)
def test_x_that_does_not_fit(x):
    with pytest.raises(ValueError, match=r"x: expected shape \(16,\) and dtype float64"):
        VCycle(Schedule.paper(3)).init(chain_hierarchy(3), x)


def test_metric_of_the_level_reaches_its_optimizer():
    log = []

    @dataclass(frozen=True)
    class Spy(GradientDescent):
        def init(self, x, metric):
            log.append((x.size, metric))
            return super().init(x, metric)

    hierarchy = chain_hierarchy(2, optimizer=Spy(0.1))
    run(hierarchy, VCycle(Schedule.parse("[1, {1}]")), start())
    assert {size for size, _ in log} == {16, 8}
    assert all(metric is hierarchy[0 if size == 16 else 1].metric for size, metric in log)
    assert not any(isinstance(metric, Euclidean) for _, metric in log)

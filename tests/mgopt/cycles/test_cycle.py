from dataclasses import dataclass, field

import numpy as np
import pytest

from mgres.mgopt import (
    Adam,
    Armijo,
    Diagonal,
    Euclidean,
    GradientDescent,
    Hierarchy,
    Level,
    MatrixTransfer,
    Momentum,
    Schedule,
    VCycle,
)
from mgres.problems import NewtonStep
from mgres.testing import Quadratic

from ..chains import DTYPES, Chain, chain_hierarchy, run, start
from ..oracles import generic_hierarchy

OPTIMIZERS = [GradientDescent(0.2), Momentum(0.1), Momentum(0.1, nesterov=True), Adam(0.1)]


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


# ---- report and bad arguments --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[1, {1}]", "[(0), {1}]", "[0/1, {1}]"])
def test_value_is_the_finest_objective_at_the_start(text):
    hierarchy = chain_hierarchy(2)
    _, (report,) = run(hierarchy, VCycle(Schedule.parse(text)), start())
    assert report.value == Chain(16).value(start())


@pytest.mark.parametrize("levels", [1, 3])
def test_schedule_of_other_length(levels):
    cycle = VCycle(Schedule.parse("[1, {1}]"))
    message = rf"schedule: expected {levels} levels, got 2: \[1, \{{1\}}\]"
    with pytest.raises(ValueError, match=message):
        cycle.init(chain_hierarchy(levels), start())


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

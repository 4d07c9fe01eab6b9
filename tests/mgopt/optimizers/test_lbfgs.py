"""L-BFGS against a dense BFGS, in changed variables, on rounding and on what is not finite."""

import math

import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    Carrier,
    Counted,
    Diagonal,
    Euclidean,
    MatrixTransfer,
    Memo,
    Tilted,
    WorkUnits,
)
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic

from ..chains import DTYPES, Chain, start

N = 12


def spd(n=N, condition=50.0, seed=3):
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    return q @ np.diag(np.geomspace(1, condition, n)) @ q.T


def weights(n=N, seed=4):
    return np.exp(np.random.default_rng(seed).uniform(-2, 2, n))


class Rosenbrock:
    """f(x) = sum 20 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2: curved, not convex."""

    def __init__(self, n, dtype=np.float64):
        self.size, self.dtype = n, np.dtype(dtype)

    def value(self, x):
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x, out):
        a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
        out[:] = 0
        out[1:] += 40 * a
        out[:-1] -= 80 * a * x[:-1] + 2 * b
        return float(20 * np.sum(a**2) + np.sum(b**2))


class Fails:
    """An objective that is not defined wherever `bad(x)` says so: value, gradient or both."""

    def __init__(self, f, bad, value=math.nan, gradient=math.nan):
        self.f, self.bad, self.bad_value, self.bad_gradient = f, bad, value, gradient
        self.size, self.dtype, self.failures = f.size, f.dtype, 0

    def value(self, x):
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x, out):
        value = self.f.value_and_grad(x, out)
        if not self.bad(x):
            return value
        self.failures += 1
        if self.bad_gradient is not None:
            out[-1] = self.bad_gradient
        return value if self.bad_value is None else self.bad_value


def gradient(f, x):
    out = np.empty_like(x)
    f.value_and_grad(x, out)
    return out


def dense_inverse(pairs, metric_weights):
    """H of BFGS: formula (6.17) of Nocedal and Wright from H0 = gamma M^-1, oldest pair first."""
    s, y = pairs[-1]
    inverse = np.diag(s @ y / (y @ (y / metric_weights)) / metric_weights)
    for s, y in pairs:
        shift = np.eye(s.size) - np.outer(s, y) / (s @ y)
        inverse = shift @ inverse @ shift.T + np.outer(s, s) / (s @ y)
    return inverse


def follow(optimizer, f, x, metric, steps):
    """Yield (x, state) after each step."""
    x = x.copy()
    state = optimizer.init(x, metric)
    for _ in range(steps):
        optimizer.step(f, x, state)
        yield x, state


# ---- directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("w", [None, weights()], ids=["euclidean", "diagonal"])
@pytest.mark.parametrize("memory", [1, 3, 30])
@pytest.mark.parametrize("f", [Quadratic(spd()), Rosenbrock(N)], ids=["quadratic", "rosenbrock"])
def test_direction_is_that_of_dense_bfgs(f, memory, w):
    metric = Euclidean() if w is None else Diagonal(w)
    optimizer = LBFGS(memory)
    before, pairs, compared = start(N), [], 0
    x = before.copy()
    state = optimizer.init(x, metric)
    for _ in range(25):
        g = gradient(f, before)
        optimizer.step(f, x, state)
        if pairs:
            expected = -dense_inverse(pairs[-memory:], np.ones(N) if w is None else w) @ g
            np.testing.assert_allclose(state.direction, expected, rtol=1e-8, atol=1e-10)
            compared += 1
        s, y = x - before, gradient(f, x) - g
        if s @ y > 0:
            pairs.append((s, y))
        before = x.copy()
    assert compared > 15
    assert len(state.pairs) == min(memory, len(pairs))


def test_first_direction_is_the_gradient_in_the_metric_of_bounded_length():
    f, w, x = Quadratic(spd()), weights(), start(N)
    for first_move, scale in ((1e6, 1.0), (0.01, 0.01 / np.max(np.abs(gradient(f, x) / w)))):
        _, state = next(follow(LBFGS(first_move=first_move), f, x, Diagonal(w), 1))
        np.testing.assert_allclose(state.direction, -scale * gradient(f, x) / w, rtol=1e-14)
    x1, state = next(follow(LBFGS(first_move=0.01), f, x, Diagonal(w), 1))
    assert state.moved == pytest.approx(0.01)
    assert np.max(np.abs(x1 - x)) == pytest.approx(0.01)


def test_metric_is_a_change_of_variables():
    f, w = Quadratic(spd()), weights()
    root = np.sqrt(w)
    scaled = Quadratic(f.matrix / np.outer(root, root))
    optimizer = LBFGS(5, first_move=1e6)
    ways = zip(
        follow(optimizer, f, start(N), Diagonal(w), 15),
        follow(optimizer, scaled, root * start(N), Euclidean(), 15),
        strict=True,
    )
    for k, ((x, state), (u, scaled_state)) in enumerate(ways):
        np.testing.assert_allclose(x, u / root, rtol=1e-6, atol=1e-9, err_msg=f"step {k}")
        assert len(state.pairs) == len(scaled_state.pairs)


@pytest.mark.parametrize("dtype", DTYPES)
def test_quadratic_with_full_memory_ends_in_few_steps(dtype):
    f = Quadratic(spd(), start(N, seed=9), dtype)
    *_, (x, _) = follow(LBFGS(first_move=1e6), f, start(N, dtype), Euclidean(), 45)
    assert np.linalg.norm(x - f.minimiser) < {np.float32: 1e-4, np.float64: 1e-9}[dtype]


def test_quadratic_with_exact_steps_ends_after_n_steps():
    """Directions of BFGS with exact line searches are those of conjugate gradients."""
    f = Quadratic(spd(6), start(6, seed=9))
    optimizer, x = LBFGS(), start(6)
    state = optimizer.init(x, Euclidean())
    for _ in range(6):
        g = gradient(f, x)
        state.gradient[:] = g
        optimizer._set_direction(state)
        d = state.direction.copy()
        s = -(g @ d) / (d @ f.matrix @ d) * d
        x += s
        optimizer.learn(s, f.matrix @ s, state)
    assert np.linalg.norm(x - f.minimiser) < 1e-12


def test_curved_valley():
    f = Rosenbrock(6)
    *_, (x, _) = follow(LBFGS(), f, np.full(6, -0.5), Euclidean(), 150)
    np.testing.assert_allclose(x, 1.0, atol=1e-8)


# ---- between levels ------------------------------------------------------------------------------


def carrier(n_coarse=N // 2, fine=1.0, coarse=2.0):
    metrics = (Diagonal(np.full(2 * n_coarse, fine)), Diagonal(np.full(n_coarse, coarse)))
    return Carrier(PiecewiseConstant(n_coarse), *metrics)


def test_curvature_of_pairs_survives_the_way_up_and_back():
    coarse_f, optimizer, c = Quadratic(spd(6)), LBFGS(), carrier(6)
    *_, (_, coarse) = follow(optimizer, coarse_f, start(6), c.coarse_metric, 5)
    expected = [(p.s.copy(), p.y.copy(), p.curvature) for p in coarse.pairs]
    fine = optimizer.init(np.zeros(12), c.fine_metric)
    optimizer.carry_up(fine, coarse, c)
    back = optimizer.carry_down(fine, c)
    for up, down, (s, y, curvature) in zip(fine.pairs, back.pairs, expected, strict=True):
        np.testing.assert_allclose(up.s, np.repeat(s, 2), rtol=1e-15)
        np.testing.assert_allclose(up.y, np.repeat(y, 2) / 2, rtol=1e-15)
        assert up.curvature == pytest.approx(curvature, rel=1e-14)
        np.testing.assert_allclose(down.s, s, rtol=1e-15)
        np.testing.assert_allclose(down.y, y, rtol=1e-15)
    assert optimizer.init(np.zeros(12), c.fine_metric).moved == math.inf


def test_first_direction_after_the_way_up_is_that_of_the_carried_pairs():
    optimizer, c = LBFGS(), carrier(6)
    *_, (_, coarse) = follow(optimizer, Quadratic(spd(6)), start(6), c.coarse_metric, 5)
    f, x = Quadratic(spd()), start(N)
    fine = optimizer.init(x, c.fine_metric)
    optimizer.carry_up(fine, coarse, c)
    g = gradient(f, x)
    optimizer.step(f, x, fine)
    pairs = [(np.repeat(p.s, 2), np.repeat(p.y, 2) / 2) for p in coarse.pairs]
    np.testing.assert_allclose(fine.direction, -dense_inverse(pairs, np.ones(N)) @ g, rtol=1e-10)
    # H_f = P H_c P' on what comes from the coarse level: gamma is the same function of t
    assert len(fine.pairs) == len(pairs) + 1


def test_first_direction_after_the_way_down_is_that_of_the_carried_pairs():
    optimizer, c = LBFGS(), carrier(6)
    *_, (_, fine) = follow(optimizer, Chain(N), start(N), c.fine_metric, 5)
    coarse = optimizer.carry_down(fine, c)
    pairs = []
    for p in fine.pairs:
        s, y = p.s.reshape(6, 2).mean(axis=1), p.y.reshape(6, 2).sum(axis=1)
        if s @ y > 0:
            pairs.append((s, y))
    assert pairs
    f, x = Chain(6), start(6)
    g = gradient(f, x)
    optimizer.step(f, x, coarse)
    expected = -dense_inverse(pairs, np.full(6, 2.0)) @ g
    np.testing.assert_allclose(coarse.direction, expected, rtol=1e-10)


def test_pairs_without_curvature_stay_behind():
    """Pi s and R y may point apart though s and y did not."""
    optimizer, c = LBFGS(), carrier(1)
    fine = optimizer.init(np.zeros(2), c.fine_metric)
    optimizer.learn(np.array([2.0, -1.0]), np.array([1.0, -1.5]), fine)
    assert len(fine.pairs) == 1
    assert not optimizer.carry_down(fine, c).pairs


def test_only_new_pairs_go_up_and_only_once():
    optimizer, c = LBFGS(), carrier(6)
    *_, (_, fine) = follow(optimizer, Chain(N), start(N), c.fine_metric, 4)
    known = list(fine.pairs)
    coarse = optimizer.carry_down(fine, c)
    optimizer.carry_up(fine, coarse, c)
    assert list(fine.pairs) == known
    x = start(6)
    for _ in range(2):
        optimizer.step(Chain(6), x, coarse)
    for _ in range(2):
        optimizer.carry_up(fine, coarse, c)
        assert len(fine.pairs) == len(known) + 2
        assert fine.pairs[-1].s.tobytes() == np.repeat(coarse.pairs[-1].s, 2).tobytes()


def test_pairs_pass_three_levels():
    optimizer = LBFGS()
    upper = Carrier(PiecewiseConstant(6), Euclidean(), Euclidean())
    lower = Carrier(PiecewiseConstant(3), Euclidean(), Euclidean())
    fine = optimizer.init(np.zeros(12), Euclidean())
    middle = optimizer.carry_down(fine, upper)
    coarse = optimizer.carry_down(middle, lower)
    x = start(3)
    optimizer.step(Quadratic(np.ones(3)), x, coarse)
    optimizer.carry_up(middle, coarse, lower)
    optimizer.carry_up(fine, middle, upper)
    np.testing.assert_array_equal(fine.pairs[0].s, np.repeat(coarse.pairs[0].s, 4))


def test_pairs_do_not_see_the_coupling():
    f, optimizer = Chain(N), LBFGS()
    metric = Euclidean()
    tilted = Tilted(f, start(N), gradient(f, start(N)))  # no tilt
    other = Tilted(f, start(N), gradient(f, start(N)) + 1e-3)
    states = [optimizer.init(np.zeros(N), metric) for _ in range(2)]
    for h, state in zip((tilted, other), states, strict=True):
        optimizer.step(h, start(N), state)
    plain, coupled = (state.pairs[0] for state in states)
    expected = gradient(f, start(N) + coupled.s) - gradient(f, start(N))
    np.testing.assert_allclose(coupled.y, expected, atol=1e-15)
    assert np.linalg.norm(coupled.s - plain.s) > 1e-6


# ---- acceptance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_obey_armijo_and_never_ascend(dtype):
    f = Rosenbrock(6, dtype)
    values = [f.value(np.full(6, -0.5, dtype))]
    for x, state in follow(LBFGS(), f, np.full(6, -0.5, dtype), Euclidean(), 30):
        values.append(f.value(x))
        if state.moved > 0:
            assert values[-1] < values[-2]
        else:
            assert values[-1] == values[-2]


@pytest.mark.parametrize(
    "unfit",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"value": -math.inf},
        {"value": None, "gradient": math.nan},
        {"value": None, "gradient": math.inf},
        {"value": math.inf, "gradient": None},
    ],
    ids=str,
)
def test_trials_that_are_not_finite_are_survived(unfit):
    f = Fails(Quadratic(spd(), np.ones(N)), lambda x: np.max(np.abs(x - 1)) > 1.2, **unfit)
    x0 = np.zeros(N)
    *_, (x, state) = follow(LBFGS(first_move=100.0), f, x0, Euclidean(), 60)
    assert f.failures > 0
    assert state.rejected == 0 or np.linalg.norm(x - 1) < 1e-6
    np.testing.assert_allclose(x, 1.0, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "make",
    [
        lambda x0: lambda x: True,
        lambda x0: lambda x: not np.array_equal(x, x0),
    ],
    ids=["everywhere", "but at the start"],
)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_rejected_steps_keep_every_bit(make, value, dtype):
    x0 = start(N, dtype)
    f = Fails(Quadratic(spd(), None, dtype), make(x0), value=value, gradient=None)
    for x, state in follow(LBFGS(), f, x0, Euclidean(), 3):
        assert x.tobytes() == x0.tobytes()
        assert state.moved == 0.0
        assert not state.pairs
    assert state.rejected == 3


def test_function_that_is_not_finite_now_leaves_the_memory_alone():
    f, x, optimizer = Quadratic(spd()), start(N), LBFGS()
    state = optimizer.init(x, Euclidean())
    for _ in range(3):
        optimizer.step(f, x, state)
    before, pairs = x.copy(), list(state.pairs)
    broken = Fails(f, lambda x: True)
    assert math.isnan(optimizer.step(broken, x, state))
    assert x.tobytes() == before.tobytes()
    assert list(state.pairs) == pairs


def test_failed_search_forgets_the_pairs_and_the_next_step_is_the_steepest_descent():
    f, x, optimizer = Quadratic(spd()), start(N), LBFGS()
    state = optimizer.init(x, Euclidean())
    for _ in range(3):
        optimizer.step(f, x, state)
    before = x.copy()
    optimizer.step(Fails(f, lambda y: not np.array_equal(y, before)), x, state)
    assert x.tobytes() == before.tobytes()
    assert not state.pairs
    g = gradient(f, x)
    optimizer.step(f, x, state)
    np.testing.assert_allclose(state.direction, -g * min(1, 0.1 / np.max(np.abs(g))), rtol=1e-14)
    assert len(state.pairs) == 1


@pytest.mark.parametrize(
    ("s", "y", "kept"),
    [
        ([1.0, 1.0], [1.0, -0.9], True),
        ([1.0, 1.0], [1.0, -1.0], False),
        ([1.0, 1.0], [-1.0, 0.0], False),
        ([1.0, 1.0], [1.0, -1.0 + 2e-16], False),  # a positive product that is all rounding
        ([1.0, 0.0], [math.nan, 0.0], False),
        ([1.0, 0.0], [math.inf, 0.0], False),
        ([0.0, 0.0], [0.0, 0.0], False),
    ],
)
def test_pairs_that_count(s, y, kept):
    optimizer = LBFGS()
    state = optimizer.init(np.zeros(2), Euclidean())
    optimizer.learn(np.array(s), np.array(y), state)
    assert len(state.pairs) == state.learnt == kept


def test_at_rest_nothing_moves_and_nothing_is_forgotten():
    f, optimizer = Quadratic(spd(), np.ones(N)), LBFGS()
    *_, (_, state) = follow(optimizer, f, start(N), Euclidean(), 3)
    pairs, x = list(state.pairs), np.ones(N)
    assert optimizer.step(f, x, state) == 0.0
    assert x.tobytes() == np.ones(N).tobytes()
    assert list(state.pairs) == pairs


def test_gradients_that_overflow_in_the_metric_do_not_warn():
    f = Quadratic(np.full(3, 1e30), np.zeros(3), np.float32)
    metric = Diagonal(np.full(3, 1e-6, np.float32))
    x0 = np.full(3, 1e3, np.float32)
    *_, (x, state) = follow(LBFGS(), f, x0, metric, 3)
    assert x.tobytes() == x0.tobytes()
    assert state.rejected == 3


# ---- cost ----------------------------------------------------------------------------------------


def test_a_step_that_is_accepted_at_once_costs_one_gradient():
    work = WorkUnits([1.0])
    f = Memo(Counted(Rosenbrock(6), work, 0))
    spent, trials = [], []
    for _x, state in follow(LBFGS(), f, np.full(6, -0.5), Euclidean(), 40):
        spent.append(work.gradients[0])
        trials.append(state.trials)
        assert state.moved > 0
    costs = np.diff([1, *spent])
    np.testing.assert_array_equal(costs, trials)
    assert np.count_nonzero(costs == 1) > 25
    assert work.values[0] == 0


def test_steps_lost_in_rounding_are_not_tried():
    work = WorkUnits([1.0])
    f = Memo(Counted(Quadratic(np.ones(1), np.full(1, 1e8)), work, 0))
    x = np.full(1, 1e8 + 2 * np.spacing(1e8))
    optimizer = LBFGS(first_move=1e-30)
    state = optimizer.init(x, Euclidean())
    optimizer.step(f, x, state)
    assert state.rejected == 1
    assert work.gradients[0] == 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        *[({"memory": m}, "memory") for m in (0, -1, 1.5, True, "3")],
        *[({"max_trials": m}, "max_trials") for m in (0, 2.0)],
        *[({"c1": c}, "c1") for c in (0.0, 1.0, math.nan)],
        *[({"first_move": c}, "first_move") for c in (0.0, -1.0, math.nan, math.inf)],
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        LBFGS(**arguments)


def test_transfers_of_matrices_carry_pairs():
    """lift = P (P'P)^-1, so that R lift = I for any P of full rank."""
    rng = np.random.default_rng(0)
    c = Carrier(MatrixTransfer(rng.standard_normal((5, 3))), Euclidean(), Euclidean())
    optimizer = LBFGS()
    coarse = optimizer.init(np.zeros(3), Euclidean())
    s = rng.standard_normal(3)
    optimizer.learn(s, spd(3) @ s, coarse)
    fine = optimizer.init(np.zeros(5), Euclidean())
    optimizer.carry_up(fine, coarse, c)
    assert fine.pairs[0].curvature == pytest.approx(s @ spd(3) @ s)

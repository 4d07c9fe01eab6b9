"""L-SR1: the model against dense updates, its subproblem against eigenvectors, the trust region."""

import math

import numpy as np
import pytest

from mgres.mgopt import LSR1, Carrier, Counted, Diagonal, Euclidean, Memo, WorkUnits
from mgres.mgopt.optimizers.sr1_model import PairMemory, SR1Model
from mgres.mgopt.optimizers.trust_subproblem import solve_diagonal
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic

from ..chains import DTYPES, Chain, start
from .test_lbfgs import Fails, N, Rosenbrock, follow, gradient, spd, weights

# ---- the diagonal subproblem ---------------------------------------------------------------------

SPECTRA = {
    "convex": [1.0, 2.0, 10.0],
    "indefinite": [-3.0, 0.5, 2.0],
    "singular": [0.0, 1.0, 2.0],
    "negative": [-5.0, -4.0, -1e-3],
    "double least": [-2.0, -2.0, 1.0],
    "wide": [-1e-6, 1e-3, 1e6],
}
GRADIENTS = {
    "generic": [1.0, -2.0, 0.5],
    "hard": [0.0, 1e-2, 1e-2],
    "nearly hard": [1e-13, 1e-2, 1e-2],
    "zero": [0.0, 0.0, 0.0],
    "large": [1e8, -1e8, 1.0],
}


@pytest.mark.parametrize("radius", [1e-6, 0.1, 1.0, 30.0, 1e6])
@pytest.mark.parametrize("g", GRADIENTS.values(), ids=GRADIENTS)
@pytest.mark.parametrize("spectrum", SPECTRA.values(), ids=SPECTRA)
def test_subproblem_fulfils_the_conditions_of_a_global_minimum(spectrum, g, radius):
    """Theorem 4.1 of Nocedal and Wright: necessary and sufficient."""
    spectrum, g = np.array(spectrum), np.array(g)
    p = solve_diagonal(spectrum, g, radius)
    length = np.linalg.norm(p)
    assert length <= radius * (1 + 1e-9)
    # the multiplier that fits best; its residual is the first condition
    tau = -p @ (g + spectrum * p) / length**2 if length > 0 else 0.0
    size = np.linalg.norm(g) + np.max(np.abs(spectrum)) * length
    assert np.linalg.norm(g + (spectrum + tau) * p) <= 1e-8 * size
    assert tau >= -1e-8 * np.max(np.abs(spectrum))
    assert np.min(spectrum) + tau >= -1e-8 * np.max(np.abs(spectrum))
    assert min(tau * radius, size * (1 - length / radius)) <= 1e-8 * size


def test_subproblem_inside_is_the_newton_step():
    p = solve_diagonal(np.array([2.0, 4.0]), np.array([1.0, -2.0]), 10.0)
    np.testing.assert_allclose(p, [-0.5, 0.5], rtol=1e-15)


# ---- the model -----------------------------------------------------------------------------------


def dense_sr1(pairs, sigma, metric_weights, skip=1e-8):
    """B by formula (6.24) of Nocedal and Wright from sigma M, skipping by (6.26) in the metric.

    An r that is all rounding is 0.
    """
    matrix, used = sigma * np.diag(metric_weights), []
    for s, y in pairs:
        r = y - matrix @ s
        size = np.sqrt(s @ (metric_weights * s)) * np.sqrt(r @ (r / metric_weights))
        used.append(bool(abs(s @ r) >= skip * size and np.linalg.norm(r) > 1e-10))
        if used[-1]:
            matrix = matrix + np.outer(r, r) / (r @ s)
    return matrix, tuple(used)


def random_pairs(kind, seed=0, count=5):
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((N, N))
    a = (a + a.T) / 2
    pairs = []
    for _ in range(count):
        s = rng.standard_normal(N)
        noise = rng.standard_normal(N) if kind == "not symmetric" else 0.0
        pairs.append((s, a @ s + noise))
    if kind == "repeated":
        pairs[3] = (2 * pairs[1][0], 2 * pairs[1][1])
    if kind == "known":
        s = rng.standard_normal(N)
        pairs[0] = (s, s)
    return pairs


def model_of(pairs, sigma, w, skip=1e-8):
    memory = PairMemory(10, Diagonal(w))
    for s, y in pairs:
        memory.append(s, y / w)
    return SR1Model.build(memory, sigma, skip)


def dense_model(model, w, tolerance=1e-9):
    """B from its spectrum: sigma M + sum (lambda_i - sigma) (M v_i)(M v_i)'."""
    pairs = zip(model.memory.s, model.memory.z, strict=True)
    psi = np.array([w * (z - model.sigma * s) for s, z in pairs]).T
    v = psi @ model.basis  # M times the eigenvectors
    np.testing.assert_allclose(v.T @ (v / w[:, None]), np.eye(v.shape[1]), atol=tolerance)
    return model.sigma * np.diag(w) + v @ np.diag(model.eigenvalues - model.sigma) @ v.T


KINDS = ["symmetric", "not symmetric", "repeated", "known"]


@pytest.mark.parametrize("w", [np.ones(N), weights()], ids=["euclidean", "diagonal"])
@pytest.mark.parametrize("kind", KINDS)
def test_model_is_that_of_dense_updates(kind, w):
    pairs = random_pairs(kind)
    sigma = 1.0 if kind == "known" else 0.7
    if kind == "known":
        pairs[0] = (pairs[0][0], w * pairs[0][0])  # B0 says so already
    expected, used = dense_sr1(pairs, sigma, w)
    model = model_of(pairs, sigma, w)
    assert model.used == used
    assert all(used) == (kind in ("symmetric", "not symmetric"))
    np.testing.assert_allclose(dense_model(model, w), expected, rtol=1e-8, atol=1e-8)


def test_pairs_that_would_let_the_matrix_grow_are_skipped():
    """<s, y - B s> = 1e-3 |s| |y - B s| gives an eigenvalue of about 1e3."""
    pairs = [(np.array([1.0, 0.0]), np.array([1.0 + 1e-3, 1.0]))]
    for skip, used in ((1e-4, True), (1e-2, False)):
        model = model_of(pairs, 1.0, np.ones(2), skip)
        assert model.used == (used,)
        assert (np.max(np.abs(model.eigenvalues), initial=0.0) > 500) == used


def test_secant_equations_hold_for_a_quadratic():
    pairs = random_pairs("symmetric")
    model = dense_model(model_of(pairs, 0.7, np.ones(N)), np.ones(N))
    for s, y in pairs:
        np.testing.assert_allclose(model @ s, y, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("radius", [0.01, 1.0, 1e4])
@pytest.mark.parametrize("w", [np.ones(N), weights()], ids=["euclidean", "diagonal"])
@pytest.mark.parametrize("kind", [*KINDS, "none"])
def test_step_is_the_minimiser_in_the_ball(kind, w, radius):
    """Against all eigenvectors of M^-1/2 B M^-1/2."""
    pairs, g = random_pairs(kind) if kind != "none" else [], start(N)
    p, predicted = model_of(pairs, 0.7, w).minimise(g / w, radius)
    matrix, _ = dense_sr1(pairs, 0.7, w)
    root = np.sqrt(w)
    values, vectors = np.linalg.eigh(matrix / np.outer(root, root))
    expected = vectors @ solve_diagonal(values, vectors.T @ (g / root), radius) / root
    minimum = g @ expected + expected @ matrix @ expected / 2
    assert predicted == pytest.approx(minimum, rel=1e-7)
    assert g @ p + p @ matrix @ p / 2 == pytest.approx(minimum, rel=1e-7)
    assert np.sqrt(p @ (w * p)) <= radius * (1 + 1e-9)


def test_memory_forgets_the_oldest_pair_and_knows_all_products():
    w, pairs = weights(), random_pairs("not symmetric", count=7)
    memory = PairMemory(4, Diagonal(w))
    for s, y in pairs:
        memory.append(s, y / w)
        memory.trim()
        assert len(memory) <= 4
    memory.remove(-1)
    kept = pairs[3:6]
    for i, (s, y) in enumerate(kept):
        np.testing.assert_array_equal(memory.s[i], s)
        for j, (other_s, other_y) in enumerate(kept):
            assert memory.sz[i, j] == pytest.approx(s @ other_y)
            assert memory.ss[i, j] == pytest.approx(s @ (w * other_s))
            assert memory.zz[i, j] == pytest.approx(y @ (other_y / w))


# ---- steps ---------------------------------------------------------------------------------------


def test_indefinite_quadratic_is_learnt():
    """On a quadratic the model becomes exact, negative curvature included: theorem 6.2."""
    rng = np.random.default_rng(2)
    q = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    matrix = q @ np.diag([-2.0, -1.0, 0.5, 1.0, 2.0, 3.0]) @ q.T
    f = Quadratic(matrix)
    *_, (_, state) = follow(LSR1(skip=1e-8), f, start(6), Euclidean(), 12)
    model = SR1Model.build(state.memory, state.sigma, 1e-8)
    np.testing.assert_allclose(dense_model(model, np.ones(6), 1e-5), matrix, atol=1e-5)


def test_negative_curvature_is_followed_away_from_a_saddle():
    class Saddle:
        size, dtype = 2, np.dtype(np.float64)

        def value_and_grad(self, x, out):
            out[:] = [x[0], x[1] ** 3 - x[1]]
            return float(x[0] ** 2 / 2 + x[1] ** 4 / 4 - x[1] ** 2 / 2)

    *_, (x, _) = follow(LSR1(), Saddle(), np.array([1.0, 1e-6]), Euclidean(), 40)
    np.testing.assert_allclose(x, [0.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_convergence(dtype):
    tolerance = {np.float32: 1e-4, np.float64: 1e-9}[dtype]
    f = Quadratic(spd(), start(N, seed=9), dtype)
    *_, (x, _) = follow(LSR1(), f, start(N, dtype), Diagonal(weights().astype(dtype)), 60)
    assert x.dtype == dtype
    assert np.linalg.norm(x - f.minimiser) < tolerance


def test_curved_valley():
    *_, (x, _) = follow(LSR1(), Rosenbrock(6), np.full(6, -0.5), Euclidean(), 200)
    np.testing.assert_allclose(x, 1.0, atol=1e-8)


def test_metric_is_a_change_of_variables():
    f, w = Quadratic(spd()), weights()
    root = np.sqrt(w)
    scaled = Quadratic(f.matrix / np.outer(root, root))
    optimizer = LSR1(5)
    x, u = start(N), root * start(N)
    states = optimizer.init(x, Diagonal(w)), optimizer.init(u, Euclidean())
    for state in states:
        state.radius = 0.5  # the first radius is set by components, which the change of x changes
    for _ in range(12):
        optimizer.step(f, x, states[0])
        optimizer.step(scaled, u, states[1])
        np.testing.assert_allclose(x, u / root, rtol=1e-6, atol=1e-9)
        assert states[0].radius == pytest.approx(states[1].radius)


def test_a_pair_that_says_nothing_new_drives_no_other_out():
    optimizer = LSR1(memory=3)
    state = optimizer.init(np.zeros(N), Euclidean())
    for s, y in random_pairs("symmetric", count=3):
        optimizer.learn(s, y, state)
    kept = [s.copy() for s in state.memory.s]
    assert len(kept) == 3
    optimizer.learn(2 * state.memory.s[-1], 2 * state.memory.z[-1], state)
    np.testing.assert_array_equal(state.memory.s, kept)
    optimizer.learn(*random_pairs("symmetric", seed=1, count=1)[0], state)
    np.testing.assert_array_equal(state.memory.s[:2], kept[1:])
    assert state.learnt == 4


def test_first_radius_bounds_the_change_of_a_parameter():
    f, w = Quadratic(spd()), weights()
    (x, state), *_ = follow(LSR1(first_move=0.01), f, start(N), Diagonal(w), 1)
    assert state.moved == pytest.approx(0.01)
    steepest = gradient(f, start(N)) / w
    np.testing.assert_allclose(x - start(N), -0.01 * steepest / np.max(np.abs(steepest)))


class Scripted:
    """f(x) = c'x whose values at trial points are made up: `ratios` of what is predicted."""

    size, dtype = 2, np.dtype(np.float64)

    def __init__(self, ratios):
        self.ratios, self.lengths = list(ratios), []

    def value_and_grad(self, x, out):
        out[:] = [3.0, 4.0]
        if not np.any(x):
            return 0.0
        self.lengths.append(np.linalg.norm(x))
        if not self.ratios:
            return math.nan
        # B = 0 nearly: a step of length r promises 5 r
        ratio = self.ratios.pop(0)
        return ratio if math.isnan(ratio) else -5 * ratio * self.lengths[-1]


@pytest.mark.parametrize(
    ("ratios", "lengths", "radius"),
    [
        ([1.0], [1.0], 2.0),
        ([0.5], [1.0], 1.0),
        ([0.2], [1.0], 1.0),
        ([0.05], [1.0], 0.5),
        ([-1.0, 1.0], [1.0, 0.5], 1.0),
        ([0.0, 0.0, 0.5], [1.0, 0.5, 0.25], 0.25),
        ([math.nan, 0.5], [1.0, 0.1], 0.1),
    ],
)
def test_radius_follows_the_ratio(ratios, lengths, radius):
    f, optimizer = Scripted(ratios), LSR1()
    x = np.zeros(2)
    state = optimizer.init(x, Euclidean())
    state.sigma, state.radius = 1e-9, 1.0
    optimizer.step(f, x, state)
    assert f.lengths == pytest.approx(lengths)
    assert state.radius == pytest.approx(radius)
    assert np.linalg.norm(x) == pytest.approx(lengths[-1])
    assert state.trials == len(lengths)


def test_radius_does_not_grow_for_steps_inside():
    f, x, optimizer = Quadratic(np.ones(2)), np.array([3.0, 4.0]), LSR1()
    for radius, expected in ((100.0, 100.0), (5.5, 11.0), (1.0, 2.0)):
        state = optimizer.init(x, Euclidean())
        state.radius = radius
        optimizer.step(f, x.copy(), state)  # sigma = 1 is exact: of length 5, with ratio 1
        assert state.radius == expected


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9])
def test_rejected_steps_keep_every_bit(value, dtype):
    x0 = start(N, dtype)
    f = Quadratic(spd(), None, dtype)
    f = Fails(f, lambda x: not np.array_equal(x, x0), value=value, gradient=None)
    for x, state in follow(LSR1(), f, x0, Euclidean(), 3):
        assert x.tobytes() == x0.tobytes()
        assert state.moved == 0.0
    assert state.rejected == 3


@pytest.mark.parametrize(
    "unfit",
    [{"value": math.nan}, {"value": -math.inf}, {"value": None, "gradient": math.inf}],
    ids=str,
)
def test_trials_that_are_not_finite_are_survived(unfit):
    f = Fails(Quadratic(spd(), np.ones(N)), lambda x: np.max(np.abs(x - 1)) > 1.2, **unfit)
    *_, (x, _) = follow(LSR1(first_move=100.0), f, np.zeros(N), Euclidean(), 60)
    assert f.failures > 0
    np.testing.assert_allclose(x, 1.0, atol=1e-6)


def test_function_that_is_not_finite_now_leaves_the_state_alone():
    f, x, optimizer = Quadratic(spd()), start(N), LSR1()
    state = optimizer.init(x, Euclidean())
    for _ in range(3):
        optimizer.step(f, x, state)
    before, radius, pairs = x.copy(), state.radius, len(state.memory)
    optimizer.step(Fails(f, lambda x: True), x, state)
    assert x.tobytes() == before.tobytes()
    assert (state.radius, len(state.memory)) == (radius, pairs)
    at_rest = np.zeros(N)
    assert optimizer.step(f, at_rest, state) == 0.0
    assert not np.any(at_rest)


def test_every_trial_costs_one_gradient():
    work = WorkUnits([1.0])
    f = Memo(Counted(Rosenbrock(6), work, 0))
    spent, trials = [1], []
    for _x, state in follow(LSR1(), f, np.full(6, -0.5), Euclidean(), 30):
        spent.append(work.gradients[0])
        trials.append(state.trials)
        assert state.moved > 0
    np.testing.assert_array_equal(np.diff(spent), trials)
    assert max(trials) > 1
    assert work.values[0] == 0


# ---- between levels ------------------------------------------------------------------------------


def test_pairs_and_radius_go_up_and_down():
    metrics = Diagonal(np.full(N, 0.5)), Diagonal(np.full(N // 2, 1.0))
    carrier, optimizer = Carrier(PiecewiseConstant(N // 2), *metrics), LSR1()
    *_, (_, coarse) = follow(optimizer, Chain(N // 2), start(N // 2), metrics[1], 4)
    fine = optimizer.init(np.zeros(N), metrics[0])
    optimizer.carry_up(fine, coarse, carrier)
    assert fine.radius == coarse.radius
    assert fine.sigma == pytest.approx(coarse.sigma)
    assert len(fine.memory) == len(coarse.memory) > 0
    for i in range(len(fine.memory)):
        np.testing.assert_allclose(fine.memory.s[i], np.repeat(coarse.memory.s[i], 2))
        np.testing.assert_allclose(fine.memory.z[i], np.repeat(coarse.memory.z[i], 2))
    # <P s, lift y> = <s, y>: all products of pairs are kept, so is the spectrum
    models = [SR1Model.build(state.memory, state.sigma, 1e-2) for state in (fine, coarse)]
    np.testing.assert_allclose(models[0].eigenvalues, models[1].eigenvalues, rtol=1e-7)

    optimizer.carry_up(fine, coarse, carrier)  # nothing new
    assert len(fine.memory) == len(coarse.memory)
    fine.radius = 7.0
    down = optimizer.carry_down(fine, carrier)
    assert down.radius == 7.0
    assert down.learnt == 0
    for i in range(len(down.memory)):
        np.testing.assert_allclose(down.memory.s[i], coarse.memory.s[i])
        np.testing.assert_allclose(down.memory.z[i], coarse.memory.z[i])
    optimizer.carry_up(fine, down, carrier)
    assert fine.radius == 7.0
    assert len(fine.memory) == len(coarse.memory)


def test_steps_that_vanish_on_the_way_down_stay_behind():
    optimizer, carrier = LSR1(), Carrier(PiecewiseConstant(1), Euclidean(), Euclidean())
    fine = optimizer.init(np.zeros(2), Euclidean())
    optimizer.learn(np.array([1.0, -1.0]), np.array([3.0, 1.0]), fine)
    assert len(fine.memory) == 1
    assert len(optimizer.carry_down(fine, carrier).memory) == 0


def test_first_step_after_the_way_up_is_that_of_the_carried_pairs():
    metrics = Diagonal(np.full(N, 0.5)), Diagonal(np.full(N // 2, 1.0))
    carrier, optimizer = Carrier(PiecewiseConstant(N // 2), *metrics), LSR1()
    *_, (_, coarse) = follow(optimizer, Chain(N // 2), start(N // 2), metrics[1], 4)
    f, x = Chain(N), start(N)
    fine = optimizer.init(x, metrics[0])
    optimizer.carry_up(fine, coarse, carrier)
    pairs = [  # y = M z with M = 1 on the coarse level
        (np.repeat(s, 2), np.repeat(z, 2) / 2)
        for s, z in zip(coarse.memory.s, coarse.memory.z, strict=True)
    ]
    model = model_of(pairs, coarse.sigma, metrics[0].weights, 1e-2)
    expected, _ = model.minimise(gradient(f, x) / 0.5, fine.radius)
    optimizer.step(f, x, fine)
    assert fine.trials == 1
    np.testing.assert_allclose(x - start(N), expected, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        *[({"memory": m}, "memory") for m in (0, -1, 1.5, True)],
        *[({"max_trials": m}, "max_trials") for m in (0, 2.0)],
        *[({"skip": c}, "skip") for c in (0.0, 1.0, math.nan)],
        *[({"acceptance": c}, "acceptance") for c in (0.0, 1.0, math.nan)],
        *[({"first_move": c}, "first_move") for c in (0.0, -1.0, math.nan, math.inf)],
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        LSR1(**arguments)

"""Soft thresholding against scalar minimisation, known minimisers, and several levels."""

import numpy as np
import pytest

import mgres
from mgres.mgopt import (
    L1,
    Carrier,
    Diagonal,
    Euclidean,
    Hierarchy,
    Level,
    ProximalGradient,
    Schedule,
    StepDecay,
    VCycle,
)
from mgres.problems import PiecewiseConstant
from mgres.testing import Quadratic, check_optimizer

from ..chains import DTYPES, run, start
from .test_lbfgs import spd, weights

N = 8


def steps(optimizer, f, x, metric, count):
    x = x.copy()
    state = optimizer.init(x, metric)
    for _ in range(count):
        optimizer.step(f, x, state)
    return x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("w", [None, weights(N)], ids=["euclidean", "diagonal"])
def test_step_minimises_penalty_plus_distance(w, dtype):
    """Against a search over each component, with z the gradient step."""
    m = np.ones(N) if w is None else w
    metric = Euclidean() if w is None else Diagonal(w.astype(dtype))
    penalty, x0 = np.abs(start(N, seed=5)), start(N)
    f = Quadratic(spd(N), start(N, seed=9))
    alpha, g = 0.005, f.matrix @ (x0 - f.minimiser)
    z = x0 - alpha * g / m
    optimizer = ProximalGradient(alpha, L1(penalty.astype(dtype)))
    x = steps(optimizer, Quadratic(f.matrix, f.minimiser, dtype), x0.astype(dtype), metric, 1)
    grid = np.linspace(-6, 6, 240_001)
    for i in range(N):
        cost = alpha * penalty[i] * np.abs(grid) + m[i] / 2 * (grid - z[i]) ** 2
        assert x[i] == pytest.approx(grid[np.argmin(cost)], abs=6e-5)
    assert x.dtype == dtype


def test_separable_minimiser_is_found_with_exact_zeros():
    """min sum a_i/2 (x_i - c_i)^2 + w_i |x_i| is soft thresholding of c by w/a."""
    a, c, w = np.array([1.0, 2.0, 4.0, 1.0]), np.array([3.0, -2.0, 0.2, -0.5]), np.full(4, 1.0)
    x = steps(ProximalGradient(0.25, L1(w)), Quadratic(a, c), np.ones(4), Euclidean(), 200)
    np.testing.assert_allclose(x, [2.0, -1.5, 0.0, 0.0], atol=1e-14)
    assert x[2] == x[3] == 0


def test_sum_never_grows_up_to_one_over_lipschitz():
    f, w = Quadratic(spd(N, 50.0), start(N, seed=9)), np.full(N, 5.0)
    penalty, x = L1(w), start(N)
    optimizer = ProximalGradient(1 / 50, penalty)
    state = optimizer.init(x, Euclidean())
    total = f.value(x) + penalty.value(x)
    for _ in range(400):
        before = f.value(x)
        assert optimizer.step(f, x, state) == before
        now = f.value(x) + penalty.value(x)
        assert now <= total + 1e-12
        total = now
    # -f'(x) is a subgradient of the penalty at x
    g = f.matrix @ (x - f.minimiser)
    moved = x != 0
    assert 0 < np.count_nonzero(moved) < N
    np.testing.assert_allclose(g[moved], -w[moved] * np.sign(x[moved]), rtol=1e-5)
    assert np.all(np.abs(g[~moved]) <= w[~moved])


def test_without_penalty_it_is_gradient_descent():
    optimizer = ProximalGradient(StepDecay(0.02, 5), L1(np.zeros(N)))
    plain = mgres.GradientDescent(StepDecay(0.02, 5))
    f, metric = Quadratic(spd(N)), Diagonal(weights(N))
    x = steps(optimizer, f, start(N), metric, 12)
    assert x.tobytes() == steps(plain, f, start(N), metric, 12).tobytes()


def test_contract():
    fine, coarse = (ProximalGradient(0.5, L1(np.full(n, 1e-3))) for n in (24, 12))
    report = check_optimizer(fine, coarse=coarse)
    report.raise_if_failed()
    assert not report.warnings


# ---- levels --------------------------------------------------------------------------------------


def lasso_hierarchy(n=8, levels=3, beta=0.3):
    """f(x) = h sum (x_i - c_i)^2 / 2 with c constant on the coarsest cells, in L2(0, 1)."""
    made, c = [], np.repeat([2.0, -1.5], n // 2)
    for l in range(levels):
        h = 1 / n
        weights = np.full(n, h)
        transfer = PiecewiseConstant(n // 2) if l < levels - 1 else None
        optimizer = ProximalGradient(0.4, L1(beta * weights))
        made.append(Level(Quadratic(weights, c), optimizer, transfer, Diagonal(weights)))
        n, c = n // 2, c[::2]
    return Hierarchy(made), np.repeat([1.7, -1.2], 4)


def test_minimiser_is_a_fixed_point_of_cycles_and_cycles_converge_to_it():
    hierarchy, solution = lasso_hierarchy()
    x, _ = run(hierarchy, VCycle(Schedule.parse("[1/1, 1/1, {2}]")), solution)
    np.testing.assert_allclose(x, solution, rtol=1e-13)
    x, _ = run(hierarchy, VCycle(Schedule.parse("[1/1, 1/1, {2}]")), start(8), cycles=40)
    np.testing.assert_allclose(x, solution, rtol=1e-10)


NET = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=8, final_time=2.0, dtype=np.float64)


def networks(measure):
    coarse = NET.with_depth(2)
    transfer = mgres.DepthTransfer(NET, coarse)
    lasso = mgres.Lasso(0.3, measure)
    return coarse, transfer, lasso.penalty(NET, 8), lasso.penalty(coarse, 8)


@pytest.mark.parametrize("measure", ["time", "layers"])
def test_lasso_is_the_same_functional_on_all_levels(measure):
    coarse, transfer, fine_penalty, coarse_penalty = networks(measure)
    y, x = start(coarse.size), np.empty(NET.size)
    transfer.prolong(y, x)
    assert fine_penalty.value(x) == pytest.approx(coarse_penalty.value(y), rel=1e-14)
    views = NET.views(x)
    c = 0.25 if measure == "time" else 1.0
    expected = c * (np.abs(views.W).sum() + np.abs(views.b).sum())
    expected += np.abs(views.W_out).sum() + np.abs(views.b_out).sum()
    assert fine_penalty.value(x) == pytest.approx(0.3 * expected)


def test_proximal_step_commutes_with_prolongation_in_the_time_metric():
    """prox_fine(P y) = P prox_coarse(y): the threshold is alpha beta on every level."""
    coarse, transfer, fine_penalty, coarse_penalty = networks("time")
    metrics = [mgres.resnet.time_metric(net) for net in (NET, coarse)]
    y, x = start(coarse.size), np.empty(NET.size)
    transfer.prolong(y, x)
    flat = [Quadratic(np.zeros(net.size)) for net in (NET, coarse)]
    fine = steps(ProximalGradient(0.5, fine_penalty), flat[0], x, metrics[0], 2)
    small = steps(ProximalGradient(0.5, coarse_penalty), flat[1], y, metrics[1], 2)
    expected = np.empty(NET.size)
    transfer.prolong(small, expected)
    np.testing.assert_allclose(fine, expected, rtol=1e-14)
    blocks = NET.part("blocks")
    np.testing.assert_allclose(fine_penalty.thresholds(metrics[0])[blocks], 0.3)
    assert np.any(fine[blocks] == 0)
    assert np.all(fine[NET.part("opening")] == x[NET.part("opening")])


def test_lasso_makes_weights_of_a_network_zero():
    X, y, *_ = mgres.datasets.circles(seed=1, n_train=300, dtype=np.float64)
    f = mgres.ResNetObjective(NET, X, y)
    lasso = mgres.Lasso(0.02)
    hierarchy = mgres.resnet_hierarchy(
        f, 3, optimizer=lasso.optimizers(NET, 0.2, levels=3), metric="time"
    )
    x, penalty = NET.init(1, "glorot"), lasso.penalty(NET)
    before = f.value(x) + penalty.value(x)
    cycle = VCycle(Schedule.parse("[1/1, 1/1, {2}]"))
    x, _ = run(hierarchy, cycle, x, cycles=60)
    assert f.value(x) + penalty.value(x) < 0.8 * before
    assert np.count_nonzero(x[NET.part("blocks")] == 0) > 10
    assert np.all(x[NET.part("opening")] != 0)


def test_fixed_parts_are_not_penalised():
    penalty = mgres.Lasso(1.0).penalty(NET, fixed=("closing",))
    assert not np.any(penalty.weights[NET.part("closing")])
    assert np.all(penalty.weights[NET.part("blocks")] == NET.dt)
    (optimizer,) = mgres.Lasso(1.0).optimizers(NET, 0.1, 1, fixed=("blocks",))
    assert not np.any(optimizer.penalty.weights[NET.part("blocks")])


def test_step_count_is_carried_and_thresholds_are_the_levels_own():
    fine, coarse = (ProximalGradient(0.1, L1(np.full(n, 1.0 / n))) for n in (4, 2))
    metrics = [Diagonal(np.full(n, 1.0 / n)) for n in (4, 2)]
    carrier = Carrier(PiecewiseConstant(2), *metrics)
    state = fine.init(np.zeros(4), metrics[0])
    state.steps = 7
    below = coarse.carry_down(state, carrier)
    assert below.steps == 7
    np.testing.assert_allclose(below.thresholds, 1.0)
    below.steps = 9
    fine.carry_up(state, below, carrier)
    assert state.steps == 9


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: L1(np.ones((2, 2))), ValueError, r"^weights: expected one dimension"),
        (lambda: L1(np.array([1.0, -1.0])), ValueError, r"^weights: .* got -1.0 at 1"),
        (lambda: L1(np.array([np.nan])), ValueError, r"^weights: expected"),
        (lambda: ProximalGradient(0.0, L1(np.ones(2))), ValueError, r"^learning_rate: expected"),
        (lambda: ProximalGradient(0.1, np.ones(2)), TypeError, r"^penalty: expected L1"),
        (
            lambda: ProximalGradient(0.1, L1(np.ones(2))).init(np.ones(3), Euclidean()),
            ValueError,
            r"^penalty: expected weights of shape \(3,\)",
        ),
        (
            lambda: ProximalGradient(0.1, L1(np.ones(2))).init(np.ones(2, np.float32), Euclidean()),
            ValueError,
            r"^penalty: expected weights of .* dtype float32",
        ),
        (lambda: L1(np.ones(2)).thresholds(object()), TypeError, r"^metric: expected"),
        (lambda: mgres.Lasso(-1.0), ValueError, r"^beta: expected"),
        (lambda: mgres.Lasso(1.0, "depth"), ValueError, r"^measure: expected"),
        (lambda: mgres.Lasso(1.0).optimizers(NET, 0.1, 5), ValueError, r"^levels: expected"),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_prints_shortly():
    assert str(ProximalGradient(0.1, L1(np.array([0.0, 0.25, 1.0])))) == (
        "ProximalGradient(learning_rate=0.1, penalty=L1(weights 0.25 to 1))"
    )
    assert str(L1(np.zeros(2))) == "L1(weights 0)"

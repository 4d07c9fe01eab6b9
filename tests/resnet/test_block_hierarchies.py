"""Every block on levels: transfers, cycles, regularisers, the recipe."""

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.resnet import DecayToStart, Smoothness
from mgres.testing import check_hierarchy, check_transfer

from .cases import CASES, FEW, network
from .problems import random_problem

X, Y, X_VAL, Y_VAL = mgres.datasets.spirals(seed=0)
# away from the origin, where a norm has derivatives as large as 1 / sqrt(epsilon)
X, X_VAL = X + np.float64(2), X_VAL + np.float64(2)
MODIFIED = blocks.TwoLayer(5, norm="layer", paced=True, activation="tanh")


def objective(name, depth=32, **options):
    net = network(name, depth=depth, n_inputs=2, n_outputs=2)
    return mgres.ResNetObjective(net, X[:300], Y[:300], **options)


@pytest.mark.parametrize("name", CASES)
def test_a_cycle_reduces_the_loss(name):
    f = objective(name)
    hierarchy = mgres.resnet_hierarchy(f, 3, optimizer=mgres.LBFGS(), metric="time")
    cycle, theta = mgres.VCycle(mgres.Schedule.paper(3), mgres.Armijo()), f.net.init(0, "coarse")
    state, start = cycle.init(hierarchy, theta), f.value(theta)
    for _ in range(3):
        cycle.step(hierarchy, theta, state)
    assert f.value(theta) < 0.98 * start


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("prolongation", ["constant", "linear"])
def test_transfers_are_transfers(name, prolongation):
    fine = network(name, depth=8)
    report = check_transfer(mgres.DepthTransfer(fine, fine.with_depth(4), prolongation))
    assert report.ok, str(report)


@pytest.mark.parametrize("name", FEW)
def test_arrays_of_a_layer_are_carried_alike(name):
    fine = network(name, depth=8)
    coarse = fine.with_depth(4)
    theta = np.random.default_rng(0).standard_normal(fine.size)
    x = np.empty(coarse.size)
    mgres.DepthTransfer(fine, coarse).project(theta, x)
    arrays, carried = fine.views(theta)._asdict(), coarse.views(x)._asdict()
    for array in fine.layer_arrays:
        means = arrays[array].reshape(4, 2, *carried[array].shape[1:]).mean(axis=1)
        np.testing.assert_allclose(carried[array], means, rtol=1e-13)


def test_coarse_layers_take_as_long_as_the_fine_ones():
    """Of a pace that is smooth in t: its mean is that of logarithms, so up to O(dt^2)."""
    errors = []
    for depth in (32, 64, 128):
        block = blocks.Dense(paced=True)
        fine = mgres.ResNet(2, 3, 2, depth, 2.0, block=block, dtype=np.float64)
        coarse = fine.with_depth(depth // 4)
        theta, x = np.zeros(fine.size), np.empty(coarse.size)
        fine.views(theta).pace[:, 0] = np.sin(3 * (np.arange(depth) + 0.5) / depth)
        mgres.DepthTransfer(fine, coarse).project(theta, x)
        times = [
            net.dt * np.exp(net.views(at).pace).sum() for net, at in ((fine, theta), (coarse, x))
        ]
        errors.append(abs(times[1] - times[0]) / times[0])
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    np.testing.assert_allclose(orders, 2, atol=0.1)


@pytest.mark.parametrize("name", FEW)
def test_the_hierarchy_is_one(name):
    f = objective(name, regularizer=mgres.Tikhonov(1e-3, "time"))
    hierarchy = mgres.resnet_hierarchy(f, 3, metric="time")
    report = check_hierarchy(hierarchy, f.net.init(0, "coarse"))
    assert report.ok, str(report)


@pytest.mark.parametrize("name", [n for n in CASES if n.endswith("matched")])
def test_matched_layers_below(name):
    f = objective(name)
    coarse = f.coarsen(4)
    assert coarse.net.scheme == mgres.schemes.Matched(12)
    assert coarse.net.block == f.net.block


def test_levels_of_other_blocks_do_not_fit():
    fine = mgres.ResNet(2, 4, 2, 8, block=blocks.TwoLayer(5))
    for block in (blocks.TwoLayer(6), blocks.Gradient(5), blocks.TwoLayer(5, norm="rms")):
        with pytest.raises(ValueError, match="coarse: expected"):
            mgres.DepthTransfer(fine, mgres.ResNet(2, 4, 2, 4, block=block))


@pytest.mark.parametrize(
    "block",
    [
        blocks.TwoLayer(16, activation="silu", norm="layer"),
        blocks.Gradient(8, activation="tanh"),
        blocks.Hamiltonian(8, activation="tanh"),
    ],
    ids=lambda block: block.name,
)
def test_the_recipe_trains(block):
    net = mgres.ResNet(2, 8, 2, 64, 5.0, dtype=np.float64, block=block)
    f = mgres.ResNetObjective(net, X, Y)
    result = mgres.fit(f, validation=(X_VAL, Y_VAL), max_work_units=60, seed=0)
    assert result.history[-1].loss < 0.5 * f.value(net.init(0, coarse_depth=16))


# ---- regularisers --------------------------------------------------------------------------------


def check_derivatives(penalty, theta):
    """Value, gradient and product of a quadratic function against each other."""
    gradient, v = np.full(theta.size, 7.0), np.random.default_rng(0).standard_normal(theta.size)
    assert penalty.add_gradient(theta, gradient) == pytest.approx(penalty.value(theta), rel=1e-13)
    slope = (penalty.value(theta + v) - penalty.value(theta - v)) / 2
    assert (gradient - 7) @ v == pytest.approx(slope, rel=1e-10)
    product, other = np.full(theta.size, 7.0), np.full(theta.size, 7.0)
    penalty.add_product(theta, v, product)
    penalty.add_gradient(theta + v, other)
    np.testing.assert_allclose(product - 7, other - gradient, atol=1e-10 * abs(other).max())


@pytest.mark.parametrize("name", FEW)
def test_decay_pulls_all_arrays_to_their_start(name):
    net = network(name, depth=8)
    start, theta = net.init(0), random_problem(net, 1)[0]
    blocks = start[net.part("blocks")].reshape(8, -1).copy()
    penalty = DecayToStart(0.3, blocks).bind(net, 8)
    own, at = net.views(theta)._asdict(), net.views(start)._asdict()
    expected = sum(((own[a] - at[a]) ** 2).sum() for a in net.layer_arrays) * net.dt
    expected += sum((own[a] ** 2).sum() for a in ("Q", "W_out", "b_out"))
    assert penalty.value(theta) == pytest.approx(0.3 * expected, rel=1e-13)
    check_derivatives(penalty, theta)
    pull = np.zeros(net.size)
    penalty.add_gradient(theta, pull)
    for array, neutral in (("scale", 1), ("pace", 0)):
        if array in own:
            expected = 0.6 * net.dt * (own[array] - neutral)
            np.testing.assert_allclose(net.views(pull)._asdict()[array], expected, rtol=1e-12)


@pytest.mark.parametrize("measure", ["layers", "time"])
@pytest.mark.parametrize("name", FEW)
def test_smoothness_is_about_all_arrays(name, measure):
    net = network(name, depth=8)
    theta = random_problem(net, 1)[0]
    penalty = Smoothness(0.3, measure).bind(net, 16)
    own = net.views(theta)._asdict()
    c = 1 / net.dt if measure == "time" else 8 / 16
    expected = 0.3 * c * sum((np.diff(own[a], axis=0) ** 2).sum() for a in net.layer_arrays)
    assert penalty.value(theta) == pytest.approx(expected, rel=1e-13)
    check_derivatives(penalty, theta)


@pytest.mark.parametrize("regularizer", [mgres.Tikhonov(0.3), Smoothness(0.3), None])
def test_regularisers_of_a_paced_norm_mean_the_same_on_all_levels(regularizer):
    """The decay with constant layers, smoothness with linear ones; from a start that is smooth."""
    fine = mgres.ResNet(2, 4, 2, 8, block=MODIFIED, dtype=np.float64)
    coarse = fine.with_depth(4)
    if regularizer is None:
        start = fine.init(0, coarse_depth=4)
        regularizer = DecayToStart(0.3, start[fine.part("blocks")].reshape(8, -1).copy())
    x, theta = random_problem(coarse, 1)[0], np.empty(fine.size)
    kind = "linear" if isinstance(regularizer, Smoothness) else "constant"
    mgres.DepthTransfer(fine, coarse, kind).prolong(x, theta)
    values = [regularizer.bind(net, 8).value(at) for net, at in ((fine, theta), (coarse, x))]
    assert values[0] == pytest.approx(values[1], rel=1e-13)


def test_scale_and_pace_take_over_what_tikhonov_takes_from_matrices():
    """The way out that its documentation tells, and that decay towards the start has not."""
    block = blocks.Dense(norm="layer", paced=True)
    net = mgres.ResNet(3, 4, 2, 8, block=block, dtype=np.float64)
    theta, samples, _, _ = random_problem(net, 10)
    tikhonov = mgres.Tikhonov(1.0).bind(net, 8)
    start = net.init(0)[net.part("blocks")].reshape(8, -1).copy()
    decay = DecayToStart(1.0, start).bind(net, 8)
    other, eps = theta.copy(), 1e-3
    p = net.views(other)
    p.W[:] *= eps
    p.b[:] *= eps
    p.pace[:] -= np.log(eps)
    np.testing.assert_allclose(net.logits(other, samples), net.logits(theta, samples), rtol=1e-10)
    without = theta.copy()
    without[net.part("blocks")] = 0
    rest = tikhonov.value(without)
    assert tikhonov.value(other) - rest < 1e-5 * (tikhonov.value(theta) - rest)
    assert decay.value(other) > decay.value(theta)
    p.W[:] *= 10
    p.scale[:] /= 10
    np.testing.assert_allclose(net.logits(other, samples), net.logits(theta, samples), rtol=1e-10)


def by_hand(net, theta, beta, c, power):
    """Sums over matrices and biases of the layers, and the classifier."""
    total = 0.0
    for array, view in net.views(theta)._asdict().items():
        if array in ("W_out", "b_out"):
            total += (np.abs(view) ** power).sum()
        elif array not in ("Q", "scale", "pace"):
            total += c * (np.abs(view) ** power).sum()
    return beta * total


@pytest.mark.parametrize("name", FEW)
def test_tikhonov_leaves_scale_and_pace_alone(name):
    net = network(name, depth=8)
    theta = random_problem(net, 1)[0]
    penalty = mgres.Tikhonov(0.3, "time").bind(net, 8)
    assert penalty.value(theta) == pytest.approx(by_hand(net, theta, 0.3, net.dt, 2), rel=1e-13)
    gradient = np.full(net.size, 7.0)
    value = penalty.add_gradient(theta, gradient)
    assert value == penalty.value(theta)
    v = np.random.default_rng(0).standard_normal(net.size)
    h = 1e-3
    slope = (penalty.value(theta + h * v) - penalty.value(theta - h * v)) / (2 * h)
    assert (gradient - 7) @ v == pytest.approx(slope, rel=1e-9)
    product = np.full(net.size, 7.0)
    penalty.add_product(theta, theta, product)
    np.testing.assert_allclose(product, gradient, rtol=1e-12)
    views = net.views(gradient)._asdict()
    for array in ("scale", "pace"):
        assert array not in views or (views[array] == 7).all()


def test_fixed_blocks_get_nothing():
    net = mgres.ResNet(2, 4, 2, 8, block=MODIFIED, dtype=np.float64)
    theta, out = random_problem(net, 1)[0], np.zeros(net.size)
    penalty = mgres.Tikhonov(0.3).bind(net, 8, ("blocks",))
    assert penalty.add_gradient(theta, out) == penalty.value(theta)
    assert not out[net.part("blocks")].any()


@pytest.mark.parametrize("measure", ["layers", "time", "mean"])
def test_all_levels_mean_the_same_functional(measure):
    fine = mgres.ResNet(2, 4, 2, 8, block=MODIFIED, dtype=np.float64)
    coarse = fine.with_depth(4)
    x, theta = random_problem(coarse, 1)[0], np.empty(fine.size)
    mgres.DepthTransfer(fine, coarse).prolong(x, theta)
    regularizer = mgres.Tikhonov(0.3, measure)
    values = [regularizer.bind(net, 8).value(at) for net, at in ((fine, theta), (coarse, x))]
    assert values[0] == pytest.approx(values[1], rel=1e-13)


def test_lasso_leaves_scale_and_pace_alone():
    net = mgres.ResNet(2, 4, 2, 8, block=MODIFIED, dtype=np.float64)
    theta = random_problem(net, 1)[0]
    expected = by_hand(net, theta, 0.3, net.dt, 1)
    assert mgres.Lasso(0.3).penalty(net).value(theta) == pytest.approx(expected, rel=1e-13)

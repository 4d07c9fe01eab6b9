"""Levels of a network hierarchy mean the same continuous problem (method: paper, section 3)."""

from itertools import pairwise

import numpy as np
import pytest

import mgres
from mgres.mgopt import Tilted
from mgres.testing import check_hierarchy

from .problems import random_problem


def project(transfer, x):
    out = np.empty(transfer.coarse_size, x.dtype)
    transfer.project(x, out)
    return out


def restrict(transfer, g):
    out = np.empty(transfer.coarse_size, g.dtype)
    transfer.restrict(g, out)
    return out


class InjectedGradients(mgres.DepthTransfer):
    """The mutation: R keeps every second layer's gradient instead of adding the two."""

    def restrict(self, fine, out):
        injection = mgres.DepthTransfer(*self.networks, "constant", "injection")
        injection.project(fine, out)

    def __init__(self, fine, coarse):
        super().__init__(fine, coarse)
        self.networks = fine, coarse


class SummedParameters(mgres.DepthTransfer):
    """The mutation of the paper's text: parameters go down by R = P^T."""

    def project(self, fine, out):
        self.restrict(fine, out)


@pytest.mark.parametrize("metric", ["euclidean", "time"])
@pytest.mark.parametrize("prolongation", ["constant", "linear"])
def test_surrogate_has_the_restricted_gradient(prolongation, metric):
    net = mgres.ResNet(3, 4, 3, 32, activation="tanh", dtype=np.float64)
    theta, X, _, y = random_problem(net, 40)
    measure = "time" if metric == "time" else "layers"
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-2, measure))
    hierarchy = mgres.resnet_hierarchy(f, 4, metric=metric, prolongation=prolongation)
    report = check_hierarchy(hierarchy, theta)
    assert report.ok, str(report)
    assert max(level.coherence for level in report.levels if level.coherence is not None) < 1e-12


def coupling_ratio(K, transfer_type):
    """|delta_g| / |grad f_H| between K and K/2 layers for weights that are smooth in t."""
    net = mgres.ResNet(2, 4, 2, K, 2.0, "tanh", np.float64)
    rng = np.random.default_rng(7)
    A, B = rng.standard_normal((2, 4, 4))
    theta = net.init(1)
    t = np.arange(K) * net.dt
    net.views(theta).W[:] = np.cos(t)[:, None, None] * A + np.sin(2 * t)[:, None, None] * B
    _, X, _, y = random_problem(net, 60)
    f = mgres.ResNetObjective(net, X, y)
    coarse = f.coarsen(2)
    transfer = transfer_type(net, coarse.net)
    gradient = np.empty(net.size)
    f.value_and_grad(theta, gradient)
    origin = project(transfer, theta)
    coarse_gradient = np.empty(coarse.size)
    coarse.value_and_grad(origin, coarse_gradient)
    surrogate = Tilted(coarse, origin, restrict(transfer, gradient))
    blocks = coarse.net.part("blocks")
    return np.linalg.norm(surrogate.v[blocks]) / np.linalg.norm(coarse_gradient[blocks])


def assert_coupling_halves(transfer_type):
    ratios = [coupling_ratio(K, transfer_type) for K in (128, 256, 512)]
    for coarser, finer in pairwise(ratios):
        assert finer / coarser == pytest.approx(0.5, abs=0.06)


def test_coupling_halves_with_each_refinement():
    assert_coupling_halves(mgres.DepthTransfer)


def test_injected_gradients_are_caught():
    with pytest.raises(AssertionError):
        assert_coupling_halves(InjectedGradients)
    assert coupling_ratio(256, InjectedGradients) == pytest.approx(0.5, abs=0.05)


def transferred_losses(transfer_type, levels=8):
    net = mgres.ResNet(2, 3, 2, 2048, dtype=np.float64)
    X, y, _, _ = mgres.datasets.circles(1, dtype=np.float64)
    f = mgres.ResNetObjective(net, X, y)
    hierarchy = mgres.resnet_hierarchy(f, levels, transfer=transfer_type)
    theta = net.init(1)
    losses = []
    for level in hierarchy:
        losses.append(level.objective.value(theta))
        if level.transfer is not None:
            theta = project(level.transfer, theta)
    return losses


def assert_losses_are_transferred(transfer_type):
    losses = transferred_losses(transfer_type)
    assert max(losses) < 2 * losses[0]


def test_loss_survives_the_way_down():
    assert_losses_are_transferred(mgres.DepthTransfer)


def test_summed_parameters_are_caught():
    with pytest.raises(AssertionError):
        assert_losses_are_transferred(SummedParameters)
    losses = transferred_losses(SummedParameters)
    assert losses[-1] > 20 * losses[0]


def test_check_hierarchy_names_summed_parameters():
    net = mgres.ResNet(2, 3, 2, 256, dtype=np.float64)
    X, y, _, _ = mgres.datasets.circles(1, dtype=np.float64)
    f = mgres.ResNetObjective(net, X, y)
    report = check_hierarchy(mgres.resnet_hierarchy(f, 5, transfer=SummedParameters), net.init(0))
    assert not report.ok
    assert "summed" in str(report)


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("measure", ["layers", "time", "mean"])
def test_penalty_of_weights_constant_in_t_is_the_same_on_all_levels(measure, factor):
    net = mgres.ResNet(2, 3, 2, factor**3, 2.0, dtype=np.float64)
    theta, X, _, y = random_problem(net, 10)
    theta = net.init(0, "constant")
    beta = 0.7
    plain = mgres.ResNetObjective(net, X, y)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(beta, measure))
    W, W_out = net.views(theta).W[0], net.views(theta).W_out
    blocks = {"layers": factor**3, "time": 2.0, "mean": 1.0}[measure] * (W**2).sum()
    expected = beta * (blocks + (W_out**2).sum())
    for _ in range(3):
        assert f.value(theta) - plain.value(theta) == pytest.approx(expected, rel=1e-12)
        theta = project(mgres.DepthTransfer(f.net, f.net.with_depth(f.net.depth // factor)), theta)
        plain, f = plain.coarsen(factor), f.coarsen(factor)


@pytest.mark.parametrize("opening", [False, True])
def test_penalty_counts_biases_and_the_opening_operator_if_asked_to(opening):
    net = mgres.ResNet(2, 3, 2, 4, dtype=np.float64)
    theta, X, _, y = random_problem(net, 10)
    f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1.0, opening=opening))
    plain = mgres.ResNetObjective(net, X, y)
    p = net.views(theta)
    expected = sum((part**2).sum() for part in (p.W, p.b, p.W_out, p.b_out))
    expected += (p.Q**2).sum() if opening else 0
    assert f.value(theta) - plain.value(theta) == pytest.approx(expected, rel=1e-12)


def test_in_the_metric_of_time_the_blocks_train_at_a_rate_that_does_not_depend_on_depth():
    X, y, _, _ = mgres.datasets.circles(2, n_train=300, dtype=np.float64)

    def steps_and_movement(K, metric, max_cycles=1000):
        net = mgres.ResNet(2, 3, 2, K, activation="tanh", dtype=np.float64)
        theta = net.init(2, "constant")
        f = mgres.ResNetObjective(net, X, y, regularizer=mgres.Tikhonov(1e-4, "time"))
        hierarchy = mgres.resnet_hierarchy(
            f, 1, metric=metric, optimizer=mgres.GradientDescent(0.5)
        )
        result = mgres.fit(f, theta, hierarchy=hierarchy, target_loss=0.55, max_cycles=max_cycles)
        moved = net.views(result.theta).W - net.views(theta).W
        return len(result.history), np.linalg.norm(moved) / np.linalg.norm(net.views(theta).W)

    steps = {K: steps_and_movement(K, "time") for K in (16, 64, 128)}
    counts = [count for count, _ in steps.values()]
    assert max(counts) <= 1.1 * min(counts)
    assert min(moved for _, moved in steps.values()) > 0.1
    _, moved = steps_and_movement(128, "euclidean", max_cycles=counts[-1])
    assert moved < 0.1 * steps[128][1]


def test_work_units_of_a_cycle_are_formula_10():
    net = mgres.ResNet(2, 3, 2, 128)
    X, y, _, _ = mgres.datasets.circles(0, n_train=50)
    f = mgres.ResNetObjective(net, X, y)
    for levels, expected in {1: 1.0, 2: 3.0, 4: 5.0, 6: 5.25, 8: 5.1875}.items():
        result = mgres.fit(f, levels=levels, max_cycles=3)
        assert result.work_units == 3 * expected
        assert mgres.Schedule.paper(levels).work_units() == expected

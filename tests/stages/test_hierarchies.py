"""Networks of several stages in hierarchies: transfers, metrics, regularisers, training."""

import numpy as np
import pytest

import mgres
from mgres.resnet import DecayToStart, time_metric
from mgres.testing import check_gradient, check_hierarchy

from ..resnet.problems import random_problem, relative_error
from .cases import CASES, images, vectors

EVERY_CASE = pytest.mark.parametrize("name", CASES)
DOUBLE = np.dtype("float64")
DEEPER = {"vectors": 8, "images": 8, "pooled": 8, "series": 12, "last_state": 12}


def deep(name, dtype=DOUBLE):
    net = CASES[name](dtype).with_depth(DEEPER[name])
    return net.with_scheme("euler") if name == "series" else net


def objective(name, dtype=DOUBLE, **options):
    net = deep(name, dtype)
    theta, X, _, y = random_problem(net, 60, labels=False, scale=0.2)
    return mgres.ResNetObjective(net, X, y, "squared_error", **options), theta


@EVERY_CASE
def test_layers_of_all_stacks_are_taken_out_alike(name):
    f, theta = objective(name)
    coarse = f.coarsen(4)
    assert [stack.depth * 4 for stack in coarse.net.stacks] == [s.depth for s in f.net.stacks]
    transfer = mgres.DepthTransfer(f.net, coarse.net)
    down, up = np.empty(coarse.size), np.empty(f.size)
    transfer.project(theta, down)
    for fine, below in zip(f.net.views(theta).stacks, coarse.net.views(down).stacks, strict=True):
        for one, other in zip(fine, below, strict=True):
            means = one.reshape(len(other), 4, *other.shape[1:]).mean(1)
            np.testing.assert_allclose(other, means, rtol=1e-13, atol=1e-15)
    transfer.prolong(down, up)
    for part in ("opening", "connections", "closing"):
        np.testing.assert_array_equal(up[f.net.part(part)], theta[f.net.part(part)])
    back = np.empty_like(down)
    transfer.project(up, back)
    np.testing.assert_allclose(back, down, rtol=1e-14)


@EVERY_CASE
def test_a_hierarchy_passes_its_check(name):
    f, theta = objective(name)
    hierarchy = mgres.resnet_hierarchy(f, 3, metric="time")
    report = check_hierarchy(hierarchy, theta, mgres.VCycle(mgres.Schedule.paper(3)))
    assert report.ok, report


def test_the_metric_of_time_has_the_step_of_each_stack():
    net = deep("vectors")
    weights = time_metric(net).weights
    for stack, part in zip(net.stacks, net.stack_parts, strict=True):
        assert (weights[part.part] == stack.final_time / stack.depth).all()
    assert (weights[: net.part("blocks").start] == 1).all()
    assert (weights[net.part("blocks").stop :] == 1).all()


@pytest.mark.parametrize("measure", ["layers", "time", "mean"])
def test_tikhonov_is_the_same_functional_on_all_levels(measure):
    f, theta = objective("vectors")
    coarse = f.coarsen(4).net
    transfer = mgres.DepthTransfer(f.net, coarse)
    down, up = np.empty(coarse.size), np.empty(f.size)
    transfer.project(theta, down)
    transfer.prolong(down, up)
    penalty = mgres.Tikhonov(0.3, measure, opening=True)
    fine = penalty.bind(f.net, f.net.depth).value(up)
    assert penalty.bind(coarse, f.net.depth).value(down) == pytest.approx(fine, rel=1e-13)
    factor = {"layers": lambda s: 1, "time": lambda s: s.dt, "mean": lambda s: 1 / s.depth}
    views = f.net.views(up)
    expected = sum((array**2).sum() for array in (*views.opening, *views.closing))
    expected += sum((array**2).sum() for maps in views.connections for array in maps)
    for stack, layers in zip(f.net.stacks, views.stacks, strict=True):
        arrays = [a for name, a in layers._asdict().items() if name not in ("scale", "pace")]
        expected += factor[measure](stack) * sum((array**2).sum() for array in arrays)
    assert fine == pytest.approx(0.3 * expected, rel=1e-13)


@pytest.mark.parametrize("kind", ["tikhonov", "smoothness", "decay"])
def test_regularisers_have_their_derivatives(kind):
    net = deep("vectors")
    start = net.init(0)
    penalty = {
        "tikhonov": mgres.Tikhonov(0.1, "time"),
        "smoothness": mgres.Smoothness(0.1, "time"),
        "decay": DecayToStart(0.1, start[net.part("blocks")]),
    }[kind]
    f, theta = objective("vectors", regularizer=penalty)
    assert check_gradient(f, theta).ok
    assert f.value(theta) > objective("vectors")[0].value(theta)
    f.coarsen(2)  # binds it to a coarser level


def test_the_lasso_is_the_same_functional_on_all_levels():
    f, theta = objective("vectors")
    coarse = f.coarsen(2).net
    down, up = np.empty(coarse.size), np.empty(f.size)
    transfer = mgres.DepthTransfer(f.net, coarse)
    transfer.project(theta, down)
    transfer.prolong(down, up)
    lasso = mgres.Lasso(0.1)
    fine = lasso.penalty(f.net).value(up)
    assert lasso.penalty(coarse, f.net.depth).value(down) == pytest.approx(fine, rel=1e-13)
    views = f.net.views(up)
    expected = sum(np.abs(array).sum() for array in views.closing)
    expected += sum(np.abs(array).sum() for maps in views.connections for array in maps)
    for stack, layers in zip(f.net.stacks, views.stacks, strict=True):
        arrays = [a for name, a in layers._asdict().items() if name not in ("scale", "pace")]
        expected += stack.dt * sum(np.abs(array).sum() for array in arrays)
    assert fine == pytest.approx(0.1 * expected, rel=1e-13)


def test_decay_and_smoothness_have_the_step_of_each_stack():
    net = deep("vectors")
    rng = np.random.default_rng(5)
    start, theta = rng.standard_normal((2, net.size))
    decay = DecayToStart(0.3, start[net.part("blocks")]).bind(net, net.depth)
    smoothness = mgres.Smoothness(0.3, "time").bind(net, net.depth)
    away, jumps = 0.0, 0.0
    for part in net.stack_parts:
        layers = theta[part.part].reshape(part.depth, -1)
        away += part.dt * ((layers.ravel() - start[part.part]) ** 2).sum()
        jumps += (np.diff(layers, axis=0) ** 2).sum() / part.dt
    for name in ("opening", "connections", "closing"):
        away += (theta[net.part(name)] ** 2).sum()
    assert decay.value(theta) == pytest.approx(0.3 * away, rel=1e-12)
    assert smoothness.value(theta) == pytest.approx(0.3 * jumps, rel=1e-12)


@EVERY_CASE
def test_a_state_defect_gives_the_coarse_network_the_fine_loss(name):
    f, theta = objective(name)
    coarse = f.coarsen(2)
    down = np.empty(coarse.size)
    mgres.DepthTransfer(f.net, coarse.net).project(theta, down)
    corrected = coarse.with_state_defect(f, theta, down)
    assert corrected.value(down) == pytest.approx(f.value(theta), rel=1e-12)
    assert coarse.value(down) != pytest.approx(f.value(theta), rel=1e-9)


@pytest.mark.parametrize("method", ["recommended", "paper", "V", "cascade"])
def test_training(method):
    net = images(np.float32).with_depth(16)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, net.n_inputs)).astype(np.float32)
    y = (X[:, :48].sum(1) > X[:, 48:].sum(1)).astype(int) + 2 * (X[:, 0] > 0)
    f = mgres.ResNetObjective(net, X, y)
    options = {} if method in ("recommended", "cascade") else {"levels": 3}
    result = mgres.fit(f, method=method, max_work_units=20, seed=1, **options)
    assert f.value(result.theta) < 0.8 * f.value(net.init(1, coarse_depth=4))


def test_training_in_batches_and_going_on(tmp_path):
    net = vectors(np.float32).with_depth(8)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 5)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    f = mgres.ResNetObjective(net, X, y)
    options = {"batch_size": 100, "validation": (X, y), "seed": 2}
    whole = mgres.fit(f, max_cycles=6, **options)
    path = tmp_path / "run.npz"
    mgres.fit(f, max_cycles=3, checkpoint=mgres.Checkpoint(path), **options)
    again = mgres.fit(f, max_cycles=6, resume=path, **options)
    np.testing.assert_array_equal(again.theta, whole.theta)
    assert relative_error(net.logits(whole.theta, X), net.logits(again.theta, X)) == 0

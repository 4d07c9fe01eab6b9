"""A new batch makes another function of an objective, and what was remembered is void."""

import numpy as np

import mgres
from mgres.mgopt import LBFGS, Hierarchy, Level, Memo


def objective(dtype=np.float64):
    rng = np.random.default_rng(0)
    net = mgres.ResNet(2, 3, 2, 4, dtype=dtype)
    X = rng.standard_normal((20, 2)).astype(dtype)
    return mgres.ResNetObjective(net, X, rng.integers(0, 2, 20)), net.init(1)


def test_memo_forgets_with_the_batch():
    f, theta = objective()
    memo, gradient, expected = Memo(f), np.empty(f.size), np.empty(f.size)
    whole = memo.value_and_grad(theta, gradient)
    f.samples.use(f.samples.X[:7], f.samples.y[:7])
    assert not memo.knows(theta)
    assert memo.value_and_grad(theta, gradient) == f.value_and_grad(theta, expected) != whole
    np.testing.assert_array_equal(gradient, expected)


def test_cycles_with_l_bfgs_see_the_new_batch():
    f, theta = objective()
    hierarchy = Hierarchy([Level(f, LBFGS())])
    cycle = mgres.VCycle(mgres.Schedule.parse("[{2}]"))
    state = cycle.init(hierarchy, theta)
    cycle.step(hierarchy, theta, state)
    f.samples.use(f.samples.X[:7], f.samples.y[:7])
    expected = f.value(theta)
    assert cycle.step(hierarchy, theta, state).value == expected

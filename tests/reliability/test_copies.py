"""What Python expects of an object: pickles and copies that do the same."""

import copy
import pickle

import numpy as np
import pytest

import mgres

X, Y, *_ = mgres.datasets.circles(1, 100, 10)
COPIES = {"pickle": lambda o: pickle.loads(pickle.dumps(o)), "deepcopy": copy.deepcopy}


def objective(**more):
    return mgres.ResNetObjective(
        mgres.ResNet(2, 3, 2, 16), X, Y, regularizer=mgres.Tikhonov(1e-3), **more
    )


@pytest.mark.parametrize("how", COPIES)
def test_an_objective(how):
    f = objective(fixed=("opening",))
    theta = f.net.init(0)
    g = COPIES[how](f)
    expected, gradient = np.empty_like(theta), np.empty_like(theta)
    assert g.value_and_grad(theta, gradient) == f.value_and_grad(theta, expected)
    np.testing.assert_array_equal(gradient, expected)
    assert g.samples is not f.samples


def test_a_copy_made_during_mini_batches_is_free():
    f = objective()
    copies = []
    mgres.fit(
        f,
        levels=2,
        batch_size=20,
        max_cycles=1,
        callbacks=[lambda record, theta: copies.append(copy.deepcopy(f)) or False],
    )
    assert copies[0].value(f.net.init(0)) > 0
    mgres.fit(copies[0], levels=2, batch_size=10, max_cycles=1)


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("prolongation", ["constant", "linear"])
def test_a_hierarchy(how, prolongation):
    f = objective()
    h = mgres.resnet_hierarchy(f, 3, prolongation=prolongation, metric="time")
    g = COPIES[how](h)
    cycle = mgres.VCycle(mgres.Schedule.paper(3))
    expected = mgres.fit(f, hierarchy=h, cycle=cycle, max_cycles=3, seed=1).theta
    found = mgres.fit(g.finest, hierarchy=g, cycle=cycle, max_cycles=3, seed=1).theta
    np.testing.assert_array_equal(found, expected)
    assert len({id(level.objective.objective.samples) for level in g}) == 1  # still shared


@pytest.mark.parametrize("how", COPIES)
def test_results_and_networks(how):
    f = objective()
    result = mgres.fit(f, levels=2, max_cycles=2)
    again = COPIES[how](result)
    np.testing.assert_array_equal(again.theta, result.theta)
    assert again.history[-1] == result.history[-1]
    net = COPIES[how](f.net)
    assert net == f.net
    np.testing.assert_array_equal(net.logits(result.theta, X), f.net.logits(result.theta, X))


def test_objectives_travel_to_spawned_processes(run_python):
    run_python("""
        import sys, multiprocessing
        import numpy as np
        import mgres
        from multiprocessing.reduction import ForkingPickler
        X, y, *_ = mgres.datasets.circles(1, 100, 10)
        f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, 16), X, y)
        theta = f.net.init(0)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(f.value, (theta,)) == f.value(theta)
    """)

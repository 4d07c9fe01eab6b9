"""PyTorch and JAX train the same network in the same way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.experiments.comparison import METHODS, Trial, peers, single
from mgres.experiments.comparison.trial import run_trial

ADAM = {"learning_rate": 0.05, "metric": "time", "start": "smooth"}


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="NOT TESTED: needs PyTorch")


def ours(problem):
    return run_trial(Trial(problem, 100), lambda t, s: single.train(t, "adam", s), ADAM)


def costs(result):
    return {target: reached and reached[0] for target, reached in result.reached.items()}


@pytest.mark.parametrize("which", ["discs", "bend", "batches", "antisymmetric"])
@pytest.mark.parametrize("package", ["torch", "jax"])
def test_adam_reaches_the_targets_after_as_many_steps(request, package, which):
    pytest.importorskip(package, reason=f"NOT TESTED: needs {package}")
    problem = request.getfixturevalue("bend" if which in ("bend", "antisymmetric") else "discs")
    # the library measures gradients of layers in L^2: the epsilon of Adam weighs a little less
    problem = replace(problem, dtype=np.float64)
    if which == "batches":
        problem = replace(problem, batch_size=50)
    if which == "antisymmetric":
        problem = replace(problem, weights=which, targets=(mgres.experiments.Target("loss", 0.02),))
    method = {"torch": peers.torch_adam, "jax": peers.jax_adam}[package]
    theirs = run_trial(Trial(problem, 100), method, ADAM)
    for target, cost in costs(ours(problem)).items():
        assert cost is not None
        assert costs(theirs)[target] == pytest.approx(cost, abs=1)
    assert theirs.seconds > 0


@pytest.mark.parametrize("weights", ["free", "antisymmetric"])
@pytest.mark.parametrize("regularized", [False, True])
@pytest.mark.parametrize("which", ["discs", "bend"])
def test_torch_has_the_same_objective_and_gradient(request, torch, which, regularized, weights):
    problem = replace(request.getfixturevalue(which), dtype=np.float64, weights=weights)
    if weights == "antisymmetric":
        problem = replace(problem, damping=0.2)
    if regularized:
        problem = replace(problem, regularizer=mgres.Tikhonov(0.1, "time"))
    trial = Trial(problem, 3)
    network = peers.TorchNetwork(trial, "independent")
    theta = problem.start(3)
    assert np.array_equal(network.theta(), theta)
    gradient = np.empty_like(theta)
    value = mgres.ResNetObjective(
        trial.net, *trial.data[:2], problem.loss, problem.regularizer, fixed=problem.fixed
    ).value_and_grad(theta, gradient)
    assert network.gradient() == pytest.approx(value, rel=1e-12)
    assert trial.work() == 1
    found = np.zeros_like(theta)
    for name, view in trial.net.views(found)._asdict().items():
        leaf = network._leaves[name]
        if leaf.grad is not None:
            view[...] = leaf.grad.numpy()
    assert np.max(np.abs(found - gradient)) < 1e-12


def test_torch_lbfgs(torch, discs, bend):
    for problem in (discs, bend, replace(discs, batch_size=100)):
        settings = {"memory": 10, "start": "smooth"}
        result = run_trial(Trial(problem, 100), peers.torch_lbfgs, settings)
        assert result.stopped == "targets"
        for reached in result.reached.values():
            assert reached is not None
            assert reached[0] == int(reached[0]) > 0


def test_labels_in_a_least_squares_problem(torch, discs):
    targets = (mgres.experiments.Target("loss", 0.05),)
    problem = replace(discs, loss="squared_error", targets=targets)
    trial = Trial(problem, 0)
    value = peers.TorchNetwork(trial, "smooth").gradient()
    assert value == pytest.approx(trial.loss(problem.start(0, "smooth")), rel=1e-5)


def test_installed():
    assert peers.installed("numpy")
    assert not peers.installed("no_such_package")
    assert not peers.installed("no_such_package.part")


@pytest.mark.parametrize(
    ("block", "activation", "known"),
    [
        (None, "relu", True),
        (None, "silu", False),
        (blocks.Antisymmetric(0.2), "tanh", True),
        (blocks.Dense(norm="rms"), None, False),
        (blocks.Antisymmetric(paced=True), None, False),
        (blocks.TwoLayer(4), None, False),
        (blocks.Hamiltonian(), None, False),
    ],
)
def test_they_take_no_part_where_they_have_another_network(discs, block, activation, known):
    problem = replace(discs, block=block, activation=activation, width=4)
    for name in ("torch/adam", "torch/lbfgs", "jax/adam"):
        method = METHODS[name]
        assert bool(method.grid(problem, True)) == known
        assert "dense and antisymmetric" in method.otherwise

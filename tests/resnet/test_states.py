"""The states between layers, against the plain NumPy network."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres.resnet import reference

NETWORKS = [
    {},
    {"activation": "tanh", "final_time": 3.0},
    {"scheme": "matched", "substeps": 4},
    {"scheme": "rk4"},
    {"scheme": "verlet", "activation": "tanh"},
    {"weights": "antisymmetric", "damping": 0.3},
]


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_states_are_those_of_the_reference(options, dtype, tolerance, rng):
    net = mgres.ResNet(3, 4, 2, depth=7, dtype=dtype, **options)
    theta = rng.standard_normal(net.size).astype(dtype)
    X = rng.standard_normal((5, 3)).astype(dtype)
    expected = np.array(reference.states(net, theta.astype(np.float64), X.astype(np.float64)))
    found = net.states(theta, X)
    assert found.shape == (8, 5, 4)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=20 * tolerance, atol=20 * tolerance)


def test_any_layers_in_any_order(rng):
    net = mgres.ResNet(2, 3, 2, depth=12, dtype=np.float64)
    theta, X = net.init(rng), rng.standard_normal((4, 2))
    every = net.states(theta, X)
    chosen = [12, 0, 5, 5]
    np.testing.assert_allclose(net.states(theta, X, chosen), every[chosen], rtol=1e-13)
    assert net.states(theta, X, []).shape == (0, 4, 3)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 300])
def test_rows_of_any_number_of_samples(n, dtype, rng):
    net = mgres.ResNet(2, 5, 2, depth=6, dtype=dtype)
    theta, X = net.init(rng), rng.standard_normal((n, 2)).astype(dtype)
    every = net.states(theta, X)
    for i in {0, n // 2, n - 1}:
        np.testing.assert_array_equal(net.states(theta, X[i : i + 1])[:, 0], every[:, i])


def test_same_bits_for_any_number_of_threads(dtype, rng):
    net = mgres.ResNet(2, 5, 2, depth=100, dtype=dtype)
    theta, X = net.init(rng), rng.standard_normal((2000, 2)).astype(dtype)
    with mgres.threads(1):
        one = net.states(theta, X, [0, 50, 100])
    with mgres.threads(3):
        np.testing.assert_array_equal(net.states(theta, X, [0, 50, 100]), one)


def test_classifier_at_the_last_state_gives_the_logits(rng):
    net = mgres.ResNet(2, 3, 4, depth=50, dtype=np.float64)
    theta, X = net.init(rng), rng.standard_normal((4, 2))
    p = net.views(theta)
    last = net.states(theta, X, [50])[0]
    np.testing.assert_allclose(last @ p.W_out.T + p.b_out, net.logits(theta, X), rtol=1e-12)


WRONG = [
    ({"layers": [17]}, ValueError, "layers: expected numbers from 0 to 16, got 17"),
    ({"layers": [-1]}, ValueError, "layers: expected numbers from 0 to 16, got -1"),
    ({"layers": [0.5]}, TypeError, "layers: expected integers"),
    ({"layers": [True]}, TypeError, "layers: expected integers"),
    ({"layers": 3}, TypeError, "layers: expected integers"),
    ({"X": np.ones((4, 3), np.float32)}, ValueError, r"X: expected shape \(n, 2\), got \(4, 3\)"),
    ({"X": np.ones(2, np.float32)}, ValueError, r"X: expected shape \(n, 2\), got \(2,\)"),
    ({"X": np.array(1, np.float32)}, ValueError, r"X: expected shape \(n, 2\), got \(\)"),
    ({"X": np.ones((4, 2))}, TypeError, "X: expected dtype float32, got float64"),
    ({"X": [[1.0, 2.0]]}, TypeError, "X: expected a numpy array"),
    ({"theta": np.ones(3, np.float32)}, ValueError, "theta: expected shape"),
    ({"theta": np.ones(206)}, TypeError, "theta: expected dtype float32, got float64"),
]


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG)
def test_wrong_arguments(wrong, error, message):
    net = mgres.ResNet(2, 3, 2, depth=16)
    arguments = {"theta": net.init(0), "X": np.ones((4, 2), np.float32), **wrong}
    with pytest.raises(error, match=message):
        net.states(**arguments)

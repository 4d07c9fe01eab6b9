"""Decay towards the start, against its formula and differences."""

import numpy as np
import pytest

import mgres
from mgres.resnet import DecayToStart

NET = mgres.ResNet(2, 3, 2, 8, 1.5, "tanh", np.float64)


def start(rng, pieces):
    return rng.standard_normal((pieces, NET.layer_size)).repeat(NET.depth // pieces, axis=0)


def test_value_and_gradient_are_the_formula(rng):
    blocks = start(rng, 8)
    penalty = DecayToStart(0.3, blocks).bind(NET, 8)
    theta, v = rng.standard_normal((2, NET.size))
    p = NET.views(theta)
    distance = theta[NET.part("blocks")] - blocks.ravel()
    squares = [np.sum(part**2) for part in (p.Q, p.W_out, p.b_out)]
    expected = 0.3 * (sum(squares) + NET.dt * distance @ distance)
    gradient, product = np.ones(NET.size), np.ones(NET.size)
    assert penalty.value(theta) == pytest.approx(expected, rel=1e-13)
    assert penalty.add_gradient(theta, gradient) == pytest.approx(expected, rel=1e-13)
    h = 1e-6
    slope = (penalty.value(theta + h * v) - penalty.value(theta - h * v)) / (2 * h)
    assert (gradient - 1) @ v == pytest.approx(slope, rel=1e-8)
    penalty.add_product(theta, v, product)
    other = np.ones(NET.size)
    penalty.add_gradient(theta + v, other)
    np.testing.assert_allclose(product - 1, other - gradient, atol=1e-13)


@pytest.mark.parametrize("depth", [4, 2])
def test_all_levels_mean_the_same_functional(rng, depth):
    """For starts and parameters that are constant on the coarse layers."""
    decay = DecayToStart(0.3, start(rng, 2))
    coarse = NET.with_depth(depth)
    theta = rng.standard_normal(coarse.size)
    fine = np.concatenate(
        [
            theta[coarse.part("opening")],
            theta[coarse.part("blocks")].reshape(depth, -1).repeat(8 // depth, axis=0).ravel(),
            theta[coarse.part("closing")],
        ]
    )
    expected = decay.bind(NET, 8).value(fine)
    assert decay.bind(coarse, 8).value(theta) == pytest.approx(expected, rel=1e-13)


def test_fixed_parts_have_no_derivative(rng):
    penalty = DecayToStart(0.3, start(rng, 8)).bind(NET, 8, ("blocks",))
    theta = rng.standard_normal(NET.size)
    gradient, product = np.zeros(NET.size), np.zeros(NET.size)
    penalty.add_gradient(theta, gradient)
    penalty.add_product(theta, theta, product)
    for out in (gradient, product):
        assert not out[NET.part("blocks")].any()
        assert out[NET.part("opening")].all()

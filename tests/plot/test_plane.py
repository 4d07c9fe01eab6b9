"""The plane on which states are seen; no drawing."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres.plot.plane import make_plane

SHAPES = [(2, 2), (2, 3), (3, 2), (5, 2), (5, 3), (6, 5), (4, 1)]


def example(rng, width, classes):
    net = mgres.ResNet(2, width, classes, depth=4, dtype=np.float64)
    theta = rng.standard_normal(net.size)
    states = rng.standard_normal((30, width)) * np.linspace(1, 2, width) + 1
    return net, theta, states


@pytest.mark.parametrize(("width", "classes"), SHAPES)
def test_basis_is_orthonormal_and_lift_is_a_right_inverse(rng, width, classes):
    plane = make_plane(*example(rng, width, classes))
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-12)
    points = rng.standard_normal((7, 2))
    np.testing.assert_allclose(plane.project(plane.lift(points)), points, atol=1e-12)
    np.testing.assert_allclose(plane.lift(plane.project(plane.origin)), plane.origin, atol=1e-12)


@pytest.mark.parametrize(("width", "classes"), SHAPES)
def test_an_exact_plane_keeps_the_predicted_class(rng, width, classes):
    net, theta, states = example(rng, width, classes)
    plane = make_plane(net, theta, states)
    p = net.views(theta)
    real = (states @ p.W_out.T + p.b_out).argmax(axis=1)
    seen = (plane.lift(plane.project(states)) @ p.W_out.T + p.b_out).argmax(axis=1)
    assert plane.exact == (1 < classes <= 3 or (width == 2 and classes > 1))
    if plane.exact:
        assert [*seen] == [*real]


def test_of_two_classes_the_second_lies_to_the_right(rng):
    net, theta, states = example(rng, 4, 2)
    plane = make_plane(net, theta, states)
    p = net.views(theta)
    margin = states @ (p.W_out[1] - p.W_out[0])
    right = plane.project(states)[:, 0]
    assert np.corrcoef(margin, right)[0, 1] == pytest.approx(1.0)


def test_upwards_is_where_the_states_differ_most_otherwise(rng):
    net = mgres.ResNet(2, 4, 2, depth=4, dtype=np.float64)
    theta = np.zeros(net.size)
    net.views(theta).W_out[1, 0] = 2.0
    states = rng.standard_normal((50, 4)) * [9.0, 0.01, 3.0, 0.1]
    np.testing.assert_allclose(
        make_plane(net, theta, states).basis, [[1, 0, 0, 0], [0, 0, 1, 0]], atol=0.02
    )


def test_classifier_and_states_that_say_nothing(rng):
    net = mgres.ResNet(2, 4, 2, depth=4, dtype=np.float64)
    plane = make_plane(net, np.zeros(net.size), np.zeros((5, 4)))
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-12)


def test_one_component_is_too_few():
    net = mgres.ResNet(2, 1, 2, depth=4)
    with pytest.raises(ValueError, match="net: expected a width of at least 2, got 1"):
        make_plane(net, net.init(0), np.zeros((3, 1)))

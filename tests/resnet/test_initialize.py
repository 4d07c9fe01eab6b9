"""Random initial parameters."""

import pickle

import mgres
import numpy as np
import pytest

NET = mgres.ResNet(5, 10, 4, 640, dtype=np.float64)


@pytest.mark.parametrize(
    ("scheme", "deviation"),
    [("normal", 1.0), ("glorot", np.sqrt(2 / 20)), ("he", np.sqrt(2 / 10)), ("coarse", 1.0)],
)
def test_moments(scheme, deviation):
    W = NET.views(NET.init(3, scheme)).W
    assert W.std() == pytest.approx(deviation, rel=0.05)
    assert abs(W.mean()) < 0.05 * deviation


def test_opening_and_classifier_are_glorot_uniform_and_biases_zero():
    p = NET.views(NET.init(3))
    for matrix in (p.Q, p.W_out):
        bound = np.sqrt(6 / sum(matrix.shape))
        assert bound / 2 < np.abs(matrix).max() <= bound
    assert not p.b.any()
    assert not p.b_out.any()


def test_smooth_starts_are_piecewise_constant_in_t():
    def pieces(theta):
        W = NET.views(theta).W
        return 1 + int((np.diff(W, axis=0) != 0).any(axis=(1, 2)).sum())

    assert pieces(NET.init(0)) == 640
    assert pieces(NET.init(0, "constant")) == 1
    assert pieces(NET.init(0, "coarse")) == 16
    assert pieces(NET.init(0, "he", coarse_depth=32)) == 32


def test_prolonged_start_is_the_prolonged_coarse_start():
    coarse = NET.with_depth(16)
    theta = np.empty(NET.size)
    mgres.DepthTransfer(NET, coarse).prolong(coarse.init(5), theta)
    np.testing.assert_array_equal(NET.init(5, coarse_depth=16), theta)


def test_seed_decides_and_float32_is_the_rounded_float64():
    np.testing.assert_array_equal(NET.init(1), NET.init(1))
    assert (NET.init(1) != NET.init(2)).any()
    single = mgres.ResNet(5, 10, 4, 640).init(1)
    np.testing.assert_array_equal(single, NET.init(1).astype(np.float32))


def test_scale_is_a_factor_of_the_weights():
    W, scaled = (NET.views(NET.init(1, scale=s)).W for s in (1.0, 0.1))
    np.testing.assert_allclose(scaled, 0.1 * W)


def test_views_write_through_and_cover_every_parameter_once():
    theta = np.zeros(NET.size)
    for view in NET.views(theta):
        view += 1
    np.testing.assert_array_equal(theta, 1)


def test_networks_are_values():
    assert mgres.ResNet(2, 3, 2, 4) == mgres.ResNet(2, 3, 2, 4, dtype="float32")
    net = mgres.ResNet(2, 3, 2, 4)
    net.logits(net.init(0), np.ones((1, 2), np.float32))
    assert pickle.loads(pickle.dumps(net)) == net

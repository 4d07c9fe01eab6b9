"""Random initial parameters."""

import pickle

import numpy as np
import pytest

import mgres
from mgres.resnet import smooth_start_depth

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


def test_the_dtype_only_rounds(dtype):
    """Every scheme draws in double precision, whatever the network's dtype."""
    net = mgres.ResNet(5, 10, 4, 64, dtype=dtype)
    double = mgres.ResNet(5, 10, 4, 64, dtype=np.float64)
    for scheme in ("normal", "glorot", "he", "constant", "coarse"):
        theta = net.init(7, scheme)
        assert theta.dtype == dtype
        np.testing.assert_array_equal(theta, double.init(7, scheme).astype(dtype))


def test_a_generator_goes_on_where_an_integer_starts_afresh():
    generator = np.random.default_rng(1)
    first, second = NET.init(generator), NET.init(generator)
    np.testing.assert_array_equal(first, NET.init(1))
    assert (first != second).any()


def test_the_global_generator_is_neither_used_nor_moved():
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    NET.init(0)
    assert np.random.get_state(legacy=False)["state"]["pos"] == before  # noqa: NPY002


def test_entries_are_independent_and_normal():
    W = NET.views(NET.init(11)).W
    neighbours = [(W[1:], W[:-1]), (W[:, 1:], W[:, :-1]), (W[:, :, 1:], W[:, :, :-1])]
    for a, b in neighbours:
        correlation = (a * b).mean()
        assert abs(correlation) < 5 / np.sqrt(a.size)
    assert (W**3).mean() == pytest.approx(0, abs=5 * np.sqrt(15 / W.size))
    assert (W**4).mean() == pytest.approx(3, abs=5 * np.sqrt(96 / W.size))
    # a column of Q has its own draw, not one of W again
    assert not np.isin(NET.views(NET.init(11)).Q, W).any()


def test_glorot_is_uniform_up_to_its_bound():
    W = NET.views(NET.init(5, "glorot")).W
    bound = np.sqrt(6 / 20)
    assert np.abs(W).max() <= bound
    counts, _ = np.histogram(W, bins=10, range=(-bound, bound))
    assert np.abs(counts / W.size - 0.1).max() < 5 * np.sqrt(0.09 / W.size)


def test_averaging_shrinks_independent_weights_but_not_smooth_ones():
    def deviation_on_the_coarse_level(scheme):
        theta, coarse = NET.init(2, scheme), np.empty(NET.with_depth(320).size)
        mgres.DepthTransfer(NET, NET.with_depth(320)).project(theta, coarse)
        return NET.with_depth(320).views(coarse).W.std() / NET.views(theta).W.std()

    assert deviation_on_the_coarse_level("normal") == pytest.approx(np.sqrt(0.5), rel=0.02)
    for scheme in ("constant", "coarse"):
        assert deviation_on_the_coarse_level(scheme) == pytest.approx(1, rel=1e-12)


def test_shallow_networks_need_no_coarse_depth():
    for depth in (1, 3, 16):
        W = NET.with_depth(depth).views(NET.with_depth(depth).init(0, "coarse")).W
        assert (np.diff(W, axis=0) != 0).all()


@pytest.mark.parametrize(
    ("depth", "final_time", "expected"),
    [
        (2048, 1.0, 16),  # the paper's networks
        (2048, 2.56, 16),  # T / 16 is 0.16 exactly
        (2048, 2.57, 32),
        (512, 10.0, 64),  # spirals and flow map
        (256, 5.0, 32),  # digits
        (4096, 100.0, 1024),
        (4096, 1e-9, 16),
        (32, 10.0, 32),  # too shallow for the bound on the step: all layers
        (64, 1e300, 64),
        (16, 1.0, 16),
        (17, 1.0, 17),  # no divisor between
        (1, 1.0, 1),
        (8, 0.1, 8),
        (48, 1.0, 16),
        (100, 1.0, 20),
        (100, 5.0, 50),
        (127, 1.0, 127),
    ],
)
def test_depth_of_the_smooth_start(depth, final_time, expected):
    assert smooth_start_depth(depth, final_time) == expected
    assert type(smooth_start_depth(np.int64(depth), final_time)) is int


@pytest.mark.parametrize("final_time", [0.5, 3.0, 10.0, 40.0])
@pytest.mark.parametrize("depth", [1, 7, 36, 90, 128, 1000])
def test_depth_of_the_smooth_start_divides_and_keeps_the_step_short(depth, final_time):
    k = smooth_start_depth(depth, final_time)
    assert depth % k == 0
    assert k == depth or (k >= 16 and final_time / k <= 0.16)


def test_coarse_scheme_draws_for_the_depth_of_the_smooth_start():
    net = mgres.ResNet(2, 3, 2, 512, 10.0, dtype=np.float64)
    np.testing.assert_array_equal(net.init(4, "coarse"), net.init(4, coarse_depth=64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0), "depth: expected an integer from 1, got 0"),
        ((2.5, 1.0), "depth: expected an integer from 1, got 2.5"),
        ((True, 1.0), "depth: expected an integer from 1, got True"),
        ((16, 0.0), "final_time: expected a positive number, got 0.0"),
        ((16, np.inf), "final_time: expected a positive number, got inf"),
        ((16, np.nan), "final_time: expected a positive number, got nan"),
    ],
)
def test_depth_of_the_smooth_start_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        smooth_start_depth(*arguments)


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

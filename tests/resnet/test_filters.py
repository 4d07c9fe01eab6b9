"""Convolutions as values, in files, in hierarchies, and against one written as a matrix."""

from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.testing import check_gradient

FILTERS = blocks.Filters(4, (4, 3), groups=2)
BLOCKS = [
    blocks.Conv1d(3, 8, 5, activation="tanh"),
    blocks.Conv2d(2, (4, 5), (1, 3), padding="periodic", activation="tanh"),
    blocks.TwoLayer(6, filters=FILTERS, norm="layer", activation="silu"),
    blocks.Gradient(2, filters=replace(FILTERS, padding="periodic"), activation="tanh"),
]
EVERY_BLOCK = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)


def network(block, depth=8, dtype=np.float64):
    return mgres.ResNet(3, block.only_width, 2, depth, dtype=dtype, block=block)


def objective(net, n=30):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, net.n_inputs)).astype(net.dtype)
    return mgres.ResNetObjective(net, X, rng.integers(0, 2, n))


def test_a_convolution_is_the_matrix_of_its_taps():
    """Entry by entry: from each pixel to each, by the difference of their places."""
    block = blocks.Conv2d(2, (3, 4), (3, 1), activation="identity")
    net = mgres.ResNet(24, 24, 24, 1, dtype=np.float64, block=block)
    theta = net.init(0)
    p = net.views(theta)
    p.Q[:] = p.W_out[:] = np.eye(24)
    p.b[:] = np.random.default_rng(1).standard_normal(p.b.shape)
    matrix = np.zeros((2, 3, 4, 2, 3, 4))
    for o, i, j, c, k, m in np.ndindex(matrix.shape):
        if m == j and abs(k - i) <= 1:
            matrix[o, i, j, c, k, m] = p.W[0, o, c, k - i + 1, 0]
    X = np.random.default_rng(2).standard_normal((7, 24))
    expected = X + X @ matrix.reshape(24, 24).T + np.repeat(p.b[0], 12)
    np.testing.assert_allclose(net.logits(theta, X), expected, rtol=1e-13, atol=1e-13)


@EVERY_BLOCK
def test_files_keep_it(block, tmp_path):
    net = network(block)
    theta = net.init(0)
    mgres.save(tmp_path / "model.mgres", net, theta)
    model = mgres.load(tmp_path / "model.mgres")
    assert model.net == net
    assert np.array_equal(model.theta, theta)
    assert blocks.from_description(block.describe()) == block


@EVERY_BLOCK
def test_hierarchies_and_fit_take_it(block):
    net = network(block, depth=16)
    f = objective(net)
    theta = net.init(0, coarse_depth=4)
    assert check_gradient(f, theta)
    result = mgres.fit(f, theta, max_work_units=20, seed=0)
    assert result.history[-1].loss < 0.9 * f.value(theta)


@EVERY_BLOCK
def test_threads_change_no_bit(block):
    net = network(block, dtype=np.float32)
    f = objective(net, 700)
    theta, found = net.init(0), []
    for threads in (1, 2, 5):
        out = np.empty_like(theta)
        with mgres.threads(threads):
            found.append((f.value_and_grad(theta, out), out.tobytes()))
    assert found[0] == found[1] == found[2]


def test_it_starts_with_the_variance_of_its_taps():
    net = network(blocks.Conv2d(8, (3, 3)), depth=64)
    W = net.views(net.init(0)).W
    assert W.var() == pytest.approx(1 / 72, rel=0.05)
    glorot = net.views(net.init(0, "glorot")).W
    assert glorot.var() == pytest.approx(2 / 144, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (3, 3)), "channels: expected"),
        ((2, (3, 0)), "shape: expected"),
        ((2, (3, 3, 3)), "shape: expected one or two sizes"),
        ((2, (3, 3), 2), "kernel_rows: expected an odd number, got 2"),
        ((2, 9, (3, 3)), "kernel: expected one size for a length"),
        ((4, (3, 3), 3, 3), "groups: expected a divisor of 4"),
        ((4, (3, 3), 3, 1, "reflect"), "padding: expected one of"),
        ((4, "9"), "shape: expected an integer"),
        ((10**9, (10**9, 10**9)), "shape: expected at most 1e[+]15 features in a state"),
    ],
)
def test_bad_filters_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        blocks.Filters(*arguments)


def test_bad_blocks_are_named():
    with pytest.raises(ValueError, match="width: expected 48 for 4 channels of 4 x 3 pixels, got"):
        mgres.ResNet(2, 12, 2, 4, block=BLOCKS[2])
    with pytest.raises(ValueError, match="groups: expected a divisor"):
        blocks.TwoLayer(5, filters=FILTERS)
    with pytest.raises(TypeError, match="filters: expected"):
        blocks.TwoLayer(4, filters=(4, (4, 3)))
    with pytest.raises(ValueError, match="shape: expected a height and a width"):
        blocks.Conv2d(4, 9)


@EVERY_BLOCK
@pytest.mark.parametrize("norm", [None, "layer", "rms"])
def test_pytorch_gives_the_same(block, norm):
    torch = pytest.importorskip("torch", reason="NOT TESTED: needs torch")
    from mgres.torch import to_module

    net = network(replace(block, norm=norm), dtype=np.float64)
    f, theta = objective(net), net.init(0)
    out = to_module(net, theta)(torch.from_numpy(f.samples.X)).detach().numpy()
    np.testing.assert_allclose(out, net.logits(theta, f.samples.X), rtol=1e-11, atol=1e-12)

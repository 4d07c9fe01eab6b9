"""Blocks and schemes as values: keywords, layouts, views, starts."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import mgres
from mgres import blocks, schemes

from .cases import CASES, network


def net_of(**options):
    return mgres.ResNet(**{"n_inputs": 2, "width": 4, "n_outputs": 2, "depth": 8, **options})


@pytest.mark.parametrize(
    ("options", "block", "scheme"),
    [
        ({}, blocks.Dense(), schemes.Euler()),
        ({"activation": "tanh"}, blocks.Dense(activation="tanh"), schemes.Euler()),
        ({"weights": "antisymmetric"}, blocks.Antisymmetric(), schemes.Euler()),
        (
            {"weights": "antisymmetric", "damping": 0.1, "scheme": "rk4", "activation": "elu"},
            blocks.Antisymmetric(0.1, activation="elu"),
            schemes.RK4(),
        ),
        ({"weights": "free", "damping": 0.0}, blocks.Dense(), schemes.Euler()),
        ({"scheme": "verlet"}, blocks.Hamiltonian(), schemes.Verlet()),
        ({"scheme": "matched"}, blocks.Dense(), schemes.Matched(1)),
        ({"scheme": "matched", "substeps": 2.5}, blocks.Dense(), schemes.Matched(2.5)),
        ({"scheme": schemes.Matched(3)}, blocks.Dense(), schemes.Matched(3)),
        ({"scheme": schemes.Matched(3), "substeps": 4}, blocks.Dense(), schemes.Matched(4)),
        ({"scheme": schemes.Euler(), "substeps": 1}, blocks.Dense(), schemes.Euler()),
        ({"scheme": schemes.Verlet()}, blocks.Hamiltonian(), schemes.Verlet()),
        ({"block": blocks.Hamiltonian(3)}, blocks.Hamiltonian(3), schemes.Verlet()),
        (
            {"block": blocks.TwoLayer(5), "activation": "gelu"},
            blocks.TwoLayer(5, activation="gelu"),
            schemes.Euler(),
        ),
        (
            {"block": blocks.Antisymmetric(), "weights": "antisymmetric", "damping": 0.5},
            blocks.Antisymmetric(0.5),
            schemes.Euler(),
        ),
        ({"block": blocks.TwoLayer(5), "weights": "free"}, blocks.TwoLayer(5), schemes.Euler()),
    ],
)
def test_keywords_mean_values(options, block, scheme):
    net = net_of(**options)
    assert (net.block, net.scheme) == (block, scheme)
    assert net == net_of(block=block, scheme=scheme)
    assert hash(net) == hash(net_of(block=block, scheme=scheme))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"block": "dense"}, TypeError, "block: expected one of mgres.blocks, such as"),
        ({"block": blocks.Dense}, TypeError, "block: expected one of mgres.blocks"),
        (
            {"block": blocks.Dense(), "weights": "antisymmetric"},
            ValueError,
            "weights: expected none beside block=Dense.*got 'antisymmetric'",
        ),
        (
            {"block": blocks.Antisymmetric(), "weights": "free"},
            ValueError,
            "weights: expected none",
        ),
        ({"block": blocks.TwoLayer(3), "damping": 0.1}, ValueError, "damping: needs weights="),
        ({"block": blocks.Dense(), "scheme": "verlet"}, ValueError, "scheme: verlet and Hamilton"),
        ({"block": blocks.Hamiltonian(), "scheme": "euler"}, ValueError, "scheme: verlet and Hami"),
        (
            {"block": blocks.Hamiltonian(2), "width": 5},
            ValueError,
            "width: expected an even number",
        ),
        ({"scheme": schemes.RK4(), "substeps": 2}, ValueError, "substeps: only scheme='matched'"),
        ({"scheme": schemes.Euler}, ValueError, "scheme: expected one of"),
        ({"block": blocks.Dense(), "activation": "mish"}, ValueError, "activation: expected one"),
    ],
)
def test_contradictions(options, error, message):
    with pytest.raises(error, match=message):
        net_of(**options)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: blocks.Dense(activation="mish"), ValueError, "activation: expected one of"),
        (lambda: blocks.Dense(norm="batch"), ValueError, "norm: expected None or one of"),
        (lambda: blocks.Dense(norm="none"), ValueError, "norm: expected None or one of"),
        (lambda: blocks.TwoLayer(0), ValueError, "hidden: expected an integer from 1, got 0"),
        (lambda: blocks.TwoLayer(2.5), ValueError, "hidden: expected an integer from 1"),
        (lambda: blocks.TwoLayer(None), ValueError, "hidden: expected"),
        (lambda: blocks.TwoLayer(), TypeError, "hidden"),
        (lambda: blocks.Hamiltonian(0), ValueError, "hidden: expected an integer from 1, got 0"),
        (lambda: blocks.Gradient(3, sign=2), ValueError, "sign: expected"),
        (lambda: blocks.Antisymmetric(-1), ValueError, "damping: expected a number >= 0, got -1"),
        (lambda: blocks.Antisymmetric(np.nan), ValueError, "damping: expected a number >= 0"),
        (lambda: blocks.Hamiltonian(norm="layer"), TypeError, "norm"),
        (lambda: schemes.Matched(0.5), ValueError, "substeps: expected a number >= 1, got 0.5"),
        (lambda: schemes.Matched(np.inf), ValueError, "substeps: expected a number >= 1"),
        (lambda: schemes.Matched("2"), ValueError, "substeps: expected a number >= 1, got '2'"),
        (lambda: schemes.Matched(True), ValueError, "substeps: expected a number >= 1, got True"),
        (lambda: schemes.Matched(10**400), ValueError, "substeps: expected a number >= 1"),
        (lambda: blocks.Antisymmetric(None), ValueError, "damping: expected a number >= 0"),
        (lambda: blocks.Antisymmetric(True), ValueError, "damping: expected a number >= 0"),
        (lambda: blocks.Antisymmetric(-(10**400)), ValueError, "damping: expected a number >= 0"),
        (lambda: blocks.Gradient(3, sign=True), ValueError, "sign: expected 1 or -1, got True"),
        (lambda: blocks.Gradient(3, sign="up"), ValueError, "sign: expected 1 or -1, got 'up'"),
        (lambda: blocks.Dense(paced="no"), ValueError, "paced: expected True or False, got 'no'"),
        (lambda: blocks.Dense(paced=1), ValueError, "paced: expected True or False, got 1"),
        (lambda: blocks.Dense(norm=np.array(["rms"])), ValueError, "norm: expected None or one"),
        (lambda: blocks.TwoLayer(2**70), ValueError, "hidden: expected at most 1e.15 parameters"),
        (lambda: blocks.from_description({}), ValueError, "block: expected one of"),
        (lambda: blocks.from_description({"name": []}), ValueError, "block: expected one of"),
    ],
)
def test_what_is_no_block_or_scheme(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_keywords_stay_readable():
    net = net_of(
        weights="antisymmetric", damping=0.3, activation="tanh", scheme="matched", substeps=2
    )
    found = net.activation, net.weights, net.damping, net.scheme.name, net.substeps, net.stages
    assert found == ("tanh", "antisymmetric", 0.3, "matched", 2.0, 2)
    net = net_of(block=blocks.Hamiltonian(3, activation="silu"))
    assert (net.activation, net.weights, net.damping, net.stages) == ("silu", "free", 0.0, 1)


def test_replace_works_with_fields_and_keywords():
    net = net_of(block=blocks.TwoLayer(5, norm="layer"), scheme="matched", substeps=3)
    assert replace(net, depth=4) == net.with_depth(4)
    assert replace(net, activation="tanh").block == replace(net.block, activation="tanh")
    assert replace(net, substeps=6).scheme == schemes.Matched(6)
    assert (
        replace(net, scheme="euler") == net.with_scheme("euler") == net.with_scheme(schemes.Euler())
    )
    assert replace(net, block=blocks.Dense()).layer_size == 20


@pytest.mark.parametrize("name", CASES)
def test_values_are_values(name):
    block, scheme = CASES[name]
    assert pickle.loads(pickle.dumps((block, scheme))) == (block, scheme)
    assert eval(repr(block), vars(blocks)) == block
    assert eval(repr(scheme), vars(schemes)) == scheme
    assert blocks.from_description(block.describe()) == block
    with pytest.raises(FrozenInstanceError):
        block.activation = "tanh"
    net = network(name)
    assert pickle.loads(pickle.dumps(net)) == net


# ---- layouts and views ---------------------------------------------------------------------------


def test_layout_of_one_layer():
    block = blocks.TwoLayer(3, norm="layer", paced=True)
    net = net_of(block=block, width=2)
    expected = {"W1": (3, 2), "b1": (3,), "W2": (2, 3), "b2": (2,), "scale": (2,), "pace": (1,)}
    assert net.layer_arrays == block.parameters(2) == expected
    assert [*net.layer_arrays] == [*expected]
    assert (net.layer_size, net.layer_weights) == (20, 17)
    theta = np.arange(net.size, dtype=np.float32)
    p, start = net.views(theta), net.part("blocks").start
    np.testing.assert_array_equal(p.W1[1], start + 20 + np.arange(6).reshape(3, 2))
    np.testing.assert_array_equal(p.b2[0], start + np.array([15, 16]))
    np.testing.assert_array_equal(p.pace[:, 0], start + 19 + 20 * np.arange(8))


@pytest.mark.parametrize("name", CASES)
def test_views_are_writable_and_share_memory(name):
    net = network(name, depth=3)
    theta = np.zeros(net.size)
    views = net.views(theta)
    plain = [*net.layer_arrays] == ["W", "b"]
    assert isinstance(views, mgres.resnet.Views) == plain
    names = views._fields if plain else [*views._asdict()]
    assert [*names] == ["Q", *net.layer_arrays, "W_out", "b_out"]
    for i, view in enumerate(views):
        assert np.shares_memory(view, theta)
        view += i + 1
    assert theta.all()
    counted = sum((i + 1) * view.size for i, view in enumerate(views))
    assert theta.sum() == counted


def test_views_of_a_strided_vector_share_its_memory():
    net = net_of(block=blocks.TwoLayer(3, norm="rms"))
    double = np.zeros(2 * net.size)
    for view in net.views(double[::2]):
        view[...] = 1
    assert double.sum() == net.size
    assert not double[1::2].any()


def test_an_array_that_there_is_not():
    views = net_of(block=blocks.TwoLayer(3)).views(np.zeros(net_of(block=blocks.TwoLayer(3)).size))
    with pytest.raises(AttributeError, match="no array 'W' in this network, only Q, W1, b1, W2"):
        _ = views.W


# ---- starts --------------------------------------------------------------------------------------

LARGE = {"width": 64, "depth": 32, "dtype": np.float64, "n_inputs": 3}


@pytest.mark.parametrize(("scheme", "variance"), [("normal", 1), ("he", 2), ("glorot", None)])
@pytest.mark.parametrize("hidden", [32, 256])
def test_moments_of_new_blocks(hidden, scheme, variance):
    for block, array in (
        (blocks.TwoLayer(hidden), "W1"),
        (blocks.TwoLayer(hidden), "W2"),
        (blocks.Gradient(hidden), "K"),
        (blocks.Hamiltonian(hidden), "L"),
    ):
        net = net_of(block=block, **LARGE)
        W = net.views(net.init(3, scheme))._asdict()[array]
        inputs = max(W.shape[1:]) if array in "KL" else W.shape[2]
        expected = 2 / (W.shape[1] + W.shape[2]) if variance is None else variance / inputs
        assert W.var() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("scheme", ["normal", "glorot", "he", "constant", "coarse"])
def test_a_start_is_finite_and_its_field_of_size_one(scheme):
    for block in (
        blocks.TwoLayer(256, norm="layer"),
        blocks.TwoLayer(16, norm="layer", activation="tanh"),
        blocks.Gradient(256, norm="rms"),
        blocks.Gradient(8, norm="layer"),
    ):
        net = net_of(block=block, **LARGE)
        X = np.random.default_rng(0).standard_normal((20, 3))
        states = net.states(net.init(0, scheme), X)
        field = (states[1] - states[0]) / net.dt
        assert 0.02 < np.sqrt((field**2).mean()) < 3, block


def test_what_is_no_matrix_starts_neutral():
    net = net_of(block=blocks.TwoLayer(3, norm="layer", paced=True))
    p = net.views(net.init(0))
    assert (p.scale == 1).all()
    for array in (p.b1, p.b2, p.pace, p.b_out):
        assert not array.any()
    scaled = net.views(net.init(0, scale=3.0))
    np.testing.assert_allclose(scaled.W2, 3 * p.W2, rtol=1e-6)
    assert (scaled.scale == 1).all()


@pytest.mark.parametrize(
    ("options", "drawn"), [({"coarse_depth": 4}, 4), ({"scheme": "constant"}, 1)]
)
def test_starts_are_smooth_in_all_arrays(options, drawn):
    net = net_of(block=blocks.TwoLayer(3, norm="layer", paced=True), depth=16)
    for array in [*net.views(net.init(0, **options))][1:-2]:
        groups = array.reshape(drawn, 16 // drawn, -1)
        np.testing.assert_array_equal(groups, np.broadcast_to(groups[:, :1], groups.shape))


def test_options_may_be_those_of_numpy():
    """And show themselves as Python's, so that a run with them is the same run."""
    block = blocks.Gradient(
        np.int16(3),
        sign=np.float32(-1),
        norm=np.str_("rms"),
        paced=np.True_,
        activation=np.str_("tanh"),
    )
    assert repr(block) == repr(
        blocks.Gradient(3, sign=-1, norm="rms", paced=True, activation="tanh")
    )

"""What the blocks are built for: symplectic maps, stable flows, norms, paces."""

from dataclasses import replace

import numpy as np
import pytest

import mgres
from mgres import blocks
from mgres.resnet import reference

from .problems import random_problem

SMOOTH = ("tanh", "logistic", "silu", "gelu", "softplus")


def flow(block, width=6, depth=12, seed=0, scale=0.7, **options):
    """Return a network with the identity around its layers, and random parameters."""
    net = mgres.ResNet(width, width, width, depth, 1.5, dtype=np.float64, block=block, **options)
    theta, X, _, _ = random_problem(net, 4, seed, scale=scale)
    p = net.views(theta)
    p.Q[:] = p.W_out[:] = np.eye(width)
    p.b_out[:] = 0
    return net, theta, X


def jacobian(net, theta, x):
    """Return the derivative of the last state by the first, at one sample."""
    rows = [net.vjp(theta, x[None], row[None])[1][0] for row in np.eye(net.width)]
    return np.array(rows)


# ---- Hamiltonian blocks --------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [1, 3, 8])
@pytest.mark.parametrize("activation", SMOOTH)
def test_potentials_make_a_symplectic_map(activation, hidden):
    """J^T Omega J = Omega for y = (p, q); a shear that is no gradient's would not do."""
    net, theta, X = flow(blocks.Hamiltonian(hidden, activation=activation))
    zero, one = np.zeros((3, 3)), np.eye(3)
    omega = np.block([[zero, one], [-one, zero]])
    for x in X:
        slope = jacobian(net, theta, x)
        np.testing.assert_allclose(
            slope.T @ omega @ slope, omega, atol=1e-12 * np.linalg.norm(slope) ** 2
        )


def test_one_matrix_is_symplectic_only_if_it_is_symmetric_enough():
    """sigma(W q + b) is no gradient in general: volumes are kept, Omega is not."""
    net, theta, X = flow(blocks.Hamiltonian(activation="tanh"))
    zero, one = np.zeros((3, 3)), np.eye(3)
    omega = np.block([[zero, one], [-one, zero]])
    slope = jacobian(net, theta, X[0])
    assert np.linalg.det(slope) == pytest.approx(1, rel=1e-10)
    assert np.abs(slope.T @ omega @ slope - omega).max() > 1e-3


@pytest.mark.parametrize("hidden", [None, 4])
def test_hamiltonian_layers_can_be_undone(hidden):
    net, theta, X = flow(blocks.Hamiltonian(hidden, activation="tanh"))
    views = net.views(theta)
    p, q = np.split(net.logits(theta, X), 2, axis=1)
    for k in reversed(range(net.depth)):
        if hidden is None:
            W, b = views.W[k], views.b[k]
            p = p - net.dt * np.tanh(q @ W.T + b)
            q = q + net.dt * np.tanh(p @ W + b)
        else:
            K, b, L, c = views.K[k], views.b[k], views.L[k], views.c[k]
            p = p - net.dt * np.tanh(q @ L.T + c) @ L
            q = q + net.dt * np.tanh(p @ K.T + b) @ K
    np.testing.assert_allclose(np.concatenate([p, q], axis=1), X, rtol=1e-12)


# ---- flows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sign", "holds"), [(-1, True), (1, False)])
def test_descending_flows_are_stable(sign, holds):
    """The Jacobian of one layer is I - dt K^T D K with D >= 0: distances do not grow."""
    net, theta, X = flow(blocks.Gradient(9, sign=sign, activation="tanh"), depth=64, scale=0.4)
    before = np.linalg.norm(X[0] - X[1])
    after = np.linalg.norm(np.subtract(*net.logits(theta, X[:2])))
    assert (after <= before) == holds
    one, single, X = flow(blocks.Gradient(9, sign=sign, activation="tanh"), depth=1)
    slope = jacobian(one, single, X[0])
    np.testing.assert_allclose(slope, slope.T, atol=1e-13)
    assert (np.linalg.eigvalsh(slope - np.eye(6))[-1] <= 1e-12) == holds


def test_a_gradient_is_a_two_layer_block_with_tied_matrices():
    net, theta, X = flow(blocks.Gradient(5, activation="tanh"))
    tied, other, _ = flow(blocks.TwoLayer(5, activation="tanh"))
    given, p = net.views(theta), tied.views(other)
    p.W1[:], p.b1[:], p.W2[:], p.b2[:] = given.K, given.b, -given.K.swapaxes(1, 2), 0
    np.testing.assert_allclose(tied.logits(other, X), net.logits(theta, X), rtol=1e-12)


def test_two_layers_with_the_identity_are_dense_ones():
    net, theta, X = flow(blocks.Dense(activation="tanh"))
    two, other, _ = flow(blocks.TwoLayer(6, activation="tanh"))
    given, p = net.views(theta), two.views(other)
    p.W1[:], p.b1[:], p.W2[:], p.b2[:] = given.W, given.b, np.eye(6), 0
    np.testing.assert_allclose(two.logits(other, X), net.logits(theta, X), rtol=1e-12)


# ---- norms and paces -----------------------------------------------------------------------------


def test_layer_norm_sees_neither_mean_nor_size():
    net, theta, X = flow(blocks.Dense(activation="tanh", norm="layer"), depth=1)
    steps = net.logits(theta, X) - X
    moved = np.ascontiguousarray(100 * X + 7)
    np.testing.assert_allclose(net.logits(theta, moved) - moved, steps, rtol=1e-3, atol=1e-9)


def test_rms_norm_sees_the_mean_but_not_the_size():
    net, theta, X = flow(blocks.Dense(activation="tanh", norm="rms"), depth=1)
    steps = net.logits(theta, X) - X
    larger = np.ascontiguousarray(100 * X)
    np.testing.assert_allclose(net.logits(theta, larger) - larger, steps, rtol=1e-3, atol=1e-9)
    shifted = X + 7
    assert np.abs(net.logits(theta, shifted) - shifted - steps).max() > 0.1


def test_norms_by_hand():
    y = np.array([[1.0, 2.0, 6.0]])
    for norm, u in (
        ("layer", (y - 3) / np.sqrt(14 / 3 + 1e-5)),
        ("rms", y / np.sqrt(41 / 3 + 1e-5)),
    ):
        block = blocks.Dense(activation="identity", norm=norm)
        net = mgres.ResNet(3, 3, 3, 1, 0.5, dtype=np.float64, block=block)
        theta = np.zeros(net.size)
        p = net.views(theta)
        p.Q[:] = p.W_out[:] = np.eye(3)
        p.W[:], p.scale[:], p.b[:] = np.eye(3), [[1.0, 2.0, 3.0]], 0.25
        expected = y + 0.5 * (u * [1, 2, 3] + 0.25)
        np.testing.assert_allclose(net.logits(theta, y), expected, rtol=1e-13)


@pytest.mark.parametrize(
    "block", [blocks.Dense(norm="rms"), blocks.TwoLayer(5), blocks.Gradient(4)]
)
def test_a_pace_is_a_longer_step(block):
    """With tau = log 2 everywhere a network does what it does in twice the time."""
    block = replace(block, activation="tanh")
    net, theta, X = flow(block)
    paced = mgres.ResNet(6, 6, 6, 12, 0.75, dtype=np.float64, block=replace(block, paced=True))
    other = np.zeros(paced.size)
    given, p = net.views(theta)._asdict(), paced.views(other)
    for name, view in p._asdict().items():
        view[...] = np.log(2) if name == "pace" else given[name]
    np.testing.assert_allclose(paced.logits(other, X), net.logits(theta, X), rtol=1e-12)


# ---- widths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [*range(1, 18), 24, 25, 33, 40, 65])
@pytest.mark.parametrize("hidden", [1, 7, 32])
def test_every_width_and_number_of_hidden_features(hidden, width, dtype, tolerance):
    n = [7, 37, 100, 130][width % 4]
    kinds = [
        blocks.TwoLayer(hidden, activation="silu", norm="layer"),
        blocks.Gradient(hidden, activation="tanh", paced=True),
    ]
    if width % 2 == 0:
        kinds.append(blocks.Hamiltonian(hidden, activation="softplus"))
    for block in kinds:
        net = mgres.ResNet(3, width, 2, 3, 1.5, dtype=dtype, block=block)
        theta, X, vectors, y = random_problem(net, n, width, scale=0.5 if width < 20 else 0.2)
        gradient = np.empty_like(theta)
        value = mgres.ResNetObjective(net, X, y).value_and_grad(theta, gradient)
        given = (a.astype(np.float64) for a in (theta, X, vectors))
        expected, wanted = reference.value_and_grad(net, "cross_entropy", *given)
        allowed = 3 * tolerance * max(1.0, width / 16)
        assert value == pytest.approx(expected, rel=allowed)
        assert np.linalg.norm(gradient - wanted) < allowed * np.linalg.norm(wanted), block

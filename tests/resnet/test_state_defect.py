"""The state defect: a coarse network that has the states of a fine one."""

import numpy as np
import pytest

import mgres
from mgres.mgopt import LBFGS, Tilted
from mgres.resnet import reference, time_metric
from mgres.testing import check_gradient

from .problems import random_problem, relative_error

SCHEMES = {
    "euler": ({}, None),
    "matched": ({}, "matched"),
    "rk4": ({"scheme": "rk4"}, None),
    "verlet": ({"scheme": "verlet"}, None),
    "antisymmetric matched": ({"weights": "antisymmetric", "damping": 0.2}, "matched"),
}
EVERY_SCHEME = pytest.mark.parametrize(("options", "coarse_scheme"), SCHEMES.values(), ids=SCHEMES)


def pair(options, coarse_scheme, dtype=np.float64, depth=24, factor=4, n=150, width=6, **kwargs):
    """Return fine and coarse objective, the fine parameters and their projection."""
    net = mgres.ResNet(3, width, 3, depth, 3.0, "tanh", dtype, **options)
    theta, X, _, y = random_problem(net, n)
    fine = mgres.ResNetObjective(net, X, y, **kwargs)
    coarse = fine.coarsen(factor, coarse_scheme)
    projected = np.empty(coarse.size, dtype)
    mgres.DepthTransfer(net, coarse.net).project(theta, projected)
    return fine, coarse, theta, projected


def gradient_of(f, theta):
    out = np.full_like(theta, np.nan)
    f.value_and_grad(theta, out)
    return out


def reference_defect(fine, fine_theta, coarse, theta, fine_defect=None):
    X = fine.samples.X.astype(np.float64)
    return reference.state_defect(
        fine.net, fine_theta.astype(float), coarse.net, theta.astype(float), X, fine_defect
    )


def reference_gradient(f, theta, defect):
    targets = np.eye(f.net.n_outputs)[f.samples.y]
    X = f.samples.X.astype(np.float64)
    return reference.value_and_grad(
        f.net, "cross_entropy", theta.astype(np.float64), X, targets, defect
    )


@EVERY_SCHEME
@pytest.mark.parametrize("n", [1, 17, 150, 3000])
def test_loss_equals_that_of_the_fine_network(n, options, coarse_scheme, dtype, tolerance):
    fine, coarse, theta, projected = pair(options, coarse_scheme, dtype, n=n)
    corrected = coarse.with_state_defect(fine, theta, projected)
    assert corrected.value(projected) == pytest.approx(fine.value(theta), rel=tolerance)
    assert corrected.value_and_grad(projected, np.empty_like(projected)) == corrected.value(
        projected
    )
    assert coarse.value(projected) != pytest.approx(fine.value(theta), rel=1e-3)  # unchanged


@EVERY_SCHEME
def test_value_and_gradient_equal_the_reference_also_elsewhere(
    options, coarse_scheme, dtype, tolerance
):
    fine, coarse, theta, projected = pair(options, coarse_scheme, dtype)
    corrected = coarse.with_state_defect(fine, theta, projected)
    defect = reference_defect(fine, theta, coarse, projected)
    rng = np.random.default_rng(5)
    for point in (projected, projected + 0.1 * rng.standard_normal(coarse.size).astype(dtype)):
        value, gradient = reference_gradient(coarse, point, defect)
        assert corrected.value(point) == pytest.approx(value, rel=tolerance)
        assert relative_error(gradient_of(corrected, point), gradient) < tolerance


def test_reference_adjoint_with_a_defect_is_the_derivative():
    fine, coarse, theta, projected = pair({}, "matched", depth=6, factor=3, n=5, width=3)
    defect = reference_defect(fine, theta, coarse, projected)
    _, gradient = reference_gradient(coarse, projected, defect)
    targets = np.eye(3)[fine.samples.y]
    for i in range(coarse.size):
        z = projected.astype(complex)
        z[i] += 1e-30j
        value = reference.value(coarse.net, "cross_entropy", z, fine.samples.X, targets, defect)
        assert gradient[i] == pytest.approx(value.imag / 1e-30, rel=1e-12, abs=1e-14)


@EVERY_SCHEME
def test_check_gradient_passes(options, coarse_scheme):
    fine, coarse, theta, projected = pair(
        options, coarse_scheme, n=40, regularizer=mgres.Tikhonov(0.01, "time")
    )
    report = check_gradient(coarse.with_state_defect(fine, theta, projected), projected)
    assert report.ok, str(report)


@pytest.mark.parametrize("width", [3, 34])
def test_checkpoints_get_the_defect_too(width):
    """So deep that states are computed again on the way back."""
    fine, coarse, theta, projected = pair({}, None, depth=3000, factor=2, n=130, width=width)
    corrected = coarse.with_state_defect(fine, theta, projected)
    assert corrected.value(projected) == pytest.approx(fine.value(theta), rel=1e-11)
    value, gradient = reference_gradient(
        coarse, projected, reference_defect(fine, theta, coarse, projected)
    )
    assert corrected.value(projected) == pytest.approx(value, rel=1e-10)
    assert relative_error(gradient_of(corrected, projected), gradient) < 1e-10


@pytest.mark.parametrize("coarse_scheme", [None, "matched"])
def test_three_levels(coarse_scheme):
    """The middle objective, with its defect, is the fine one of the coarsest."""
    fine, middle, theta, projected = pair({}, coarse_scheme, depth=32, factor=2)
    middle = middle.with_state_defect(fine, theta, projected)
    moved = projected + 0.05 * np.random.default_rng(2).standard_normal(projected.size)
    coarse = middle.coarsen(4)
    coarsest = np.empty(coarse.size)
    mgres.DepthTransfer(middle.net, coarse.net).project(moved, coarsest)
    corrected = coarse.with_state_defect(middle, moved, coarsest)
    assert corrected.value(coarsest) == pytest.approx(middle.value(moved), rel=1e-12)
    assert corrected.value(coarsest) != pytest.approx(fine.value(theta), rel=1e-6)
    defect = reference_defect(
        middle, moved, coarse, coarsest, reference_defect(fine, theta, middle, projected)
    )
    _, gradient = reference_gradient(coarse, coarsest, defect)
    assert relative_error(gradient_of(corrected, coarsest), gradient) < 1e-12


def test_regulariser_is_the_coarse_one():
    fine, coarse, theta, projected = pair({}, None, regularizer=mgres.Tikhonov(0.1))
    plain_fine, plain, _, _ = pair({}, None)
    corrected = coarse.with_state_defect(fine, theta, projected)
    penalty = coarse.value(projected) - plain.value(projected)
    assert corrected.value(projected) == pytest.approx(plain_fine.value(theta) + penalty, rel=1e-12)


def minimised(f, theta, steps):
    optimizer = LBFGS(memory=20)
    state = optimizer.init(theta, time_metric(f.net))
    for _ in range(steps):
        optimizer.step(f, theta, state)
    return theta


def test_coupling_becomes_small_on_a_trained_network():
    """|delta g| / |R g| at factor 8: without the defect the coarse gradient is of other states."""
    net = mgres.ResNet(2, 4, 2, 256, 5.0, "tanh", np.float64)
    X = np.random.default_rng(0).standard_normal((150, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    fine = mgres.ResNetObjective(net, X, y, fixed=("opening", "closing"))
    coarse = fine.coarsen(8)
    transfer = mgres.DepthTransfer(net, coarse.net)
    start, theta = coarse.net.init(0, "constant", scale=0.1), np.empty(net.size)
    p = coarse.net.views(start)
    p.Q[:] = np.eye(4)[:, :2]
    p.W_out[:] = [[0, 0, 0, -2], [0, 0, 0, 2]]
    transfer.prolong(minimised(coarse, start, 40), theta)
    minimised(fine, theta, 20)
    projected, restricted = np.empty(coarse.size), np.empty(coarse.size)
    transfer.project(theta, projected)
    transfer.restrict(gradient_of(fine, theta), restricted)

    def coupling(f):
        return np.linalg.norm(Tilted(f, projected, restricted).v) / np.linalg.norm(restricted)

    matched = fine.coarsen(8, "matched")
    assert coupling(coarse) > 5
    assert coupling(coarse.with_state_defect(fine, theta, projected)) < 0.4
    assert coupling(matched.with_state_defect(fine, theta, projected)) < 0.15


@pytest.mark.parametrize("n", [100, 3000])
def test_same_bits_for_any_number_of_threads(n):
    fine, coarse, theta, projected = pair({}, "matched", np.float32, depth=128, n=n)
    results = []
    for threads in (1, 2, 3, 8):
        mgres.set_num_threads(threads)
        corrected = coarse.with_state_defect(fine, theta, projected)
        results.append((corrected.value(projected), gradient_of(corrected, projected)))
    for value, gradient in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


# ---- what the defect is bound to -----------------------------------------------------------------


def test_other_samples_make_it_an_error():
    fine, coarse, theta, projected = pair({}, None)
    corrected = coarse.with_state_defect(fine, theta, projected)
    X, y = fine.samples.X, fine.samples.y
    before = corrected.revision
    fine.samples.use(X[:50], y[:50])
    assert corrected.revision != before
    for evaluate in (corrected.value, lambda x: corrected.value_and_grad(x, np.empty_like(x))):
        with pytest.raises(RuntimeError, match="belongs to samples that are no longer in use"):
            evaluate(projected)
    coarsest = corrected.coarsen(2)
    point = np.empty(coarsest.size)
    mgres.DepthTransfer(coarse.net, coarsest.net).project(projected, point)
    with pytest.raises(RuntimeError, match="call with_state_defect again"):
        coarsest.with_state_defect(corrected, projected, point)
    assert np.isfinite(coarse.value(projected))
    again = coarse.with_state_defect(fine, theta, projected)
    assert again.value(projected) == pytest.approx(fine.value(theta), rel=1e-12)


def test_parameters_may_change_afterwards():
    """The defect is frozen: it keeps no reference to the arrays that it was built with."""
    fine, coarse, theta, projected = pair({}, None)
    corrected = coarse.with_state_defect(fine, theta, projected)
    point, value = projected.copy(), corrected.value(projected)
    theta[:], projected[:] = 0, 0
    assert corrected.value(point) == value


def other_samples(fine, coarse, theta, projected):
    X, y = fine.samples.X.copy(), fine.samples.y
    return mgres.ResNetObjective(fine.net, X, y), theta, projected


BAD = {
    "fine: expected an objective on the same samples": other_samples,
    "theta: expected the same opening parameters": lambda f, c, t, p: (f, t + 1, p),
    r"theta: expected shape \(\d+,\), got \(3,\)": lambda f, c, t, p: (f, t, p[:3]),
    r"fine_theta: expected shape \(\d+,\), got \(2,\)": lambda f, c, t, p: (f, t[:2], p),
    "coarse: expected a depth that divides 2, got 6": lambda f, c, t, p: (f.coarsen(12), t, p),
}


@pytest.mark.parametrize("message", BAD)
def test_what_does_not_fit_is_an_error(message):
    fine, coarse, theta, projected = pair({}, None)
    with pytest.raises(ValueError, match=message):
        coarse.with_state_defect(*BAD[message](fine, coarse, theta, projected))


def test_another_network_is_an_error():
    _, coarse, theta, projected = pair({}, None)
    for options in ({"scheme": "rk4"}, {"weights": "antisymmetric"}):
        other = pair(options, None)[0]
        with pytest.raises(ValueError, match=r"coarse: expected ResNet.* but for the depth"):
            coarse.with_state_defect(other, theta, projected)

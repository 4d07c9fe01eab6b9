"""Products with second derivatives: the reference by hand, and the core against it."""

import itertools

import numpy as np
import pytest

import mgres
from mgres.resnet import curvature_reference, reference
from mgres.resnet.network import ACTIVATIONS, PARTS
from mgres.resnet.objective import LOSSES

from .problems import random_problem, relative_error

KINDS = ("hessian_product", "gauss_newton_product")
OPTIONS = {
    "euler": {},
    "matched": {"scheme": "matched", "substeps": 8},
    "rk4": {"scheme": "rk4"},
    "antisymmetric": {"weights": "antisymmetric", "damping": 0.2},
    "verlet": {"scheme": "verlet"},
    "antisymmetric rk4": {"weights": "antisymmetric", "damping": 0.2, "scheme": "rk4"},
}


def direction_of(net, seed=1):
    return np.random.default_rng(seed).standard_normal(net.size).astype(net.dtype)


def core_product(kind, net, loss, theta, X, y, v, **kwargs):
    f = mgres.ResNetObjective(net, X, y, loss, **kwargs)
    out = np.full_like(theta, np.nan)
    getattr(f, kind)(theta, v, out)
    return out


def reference_product(kind, net, loss, theta, X, vectors, v, defect=None):
    """The plain NumPy product in double precision, at the very same numbers."""
    theta, X, v = (a.astype(np.float64) for a in (theta, X, v))
    return getattr(curvature_reference, kind)(net, loss, theta, X, vectors, v, defect)


def assert_core_equals_reference(net, n, loss, tolerance, *, labels=True, seed=0, scale=0.5):
    theta, X, vectors, y = random_problem(net, n, seed, labels, scale)
    v = direction_of(net)
    for kind in KINDS:
        actual = core_product(kind, net, loss, theta, X, y, v)
        expected = reference_product(kind, net, loss, theta, X, vectors, v)
        for part in map(net.part, PARTS):
            error = np.linalg.norm(actual[part] - expected[part])
            # parts of very different size share one scale of rounding errors
            assert error < tolerance * np.linalg.norm(expected), (kind, part)
            assert relative_error(actual[part], expected[part]) < 10 * tolerance, (kind, part)


# ---- the reference -------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", OPTIONS)
def test_reference_is_the_difference_of_the_gradient(name, loss):
    net = mgres.ResNet(3, 4, 3, 5, 1.5, "tanh", np.float64, **OPTIONS[name])
    theta, X, vectors, _ = random_problem(net, 7, labels=False)
    v, h = direction_of(net), 1e-5
    ahead, behind = (
        reference.value_and_grad(net, loss, theta + s * h * v, X, vectors)[1] for s in (1, -1)
    )
    actual = curvature_reference.hessian_product(net, loss, theta, X, vectors, v)
    assert relative_error(actual, (ahead - behind) / (2 * h)) < 1e-8


@pytest.mark.parametrize("loss", LOSSES)
def test_reference_of_gauss_newton_by_the_whole_jacobian(loss):
    net = mgres.ResNet(2, 4, 3, 3, 1.5, "tanh", np.float64)
    theta, X, vectors, _ = random_problem(net, 6, labels=False)
    v = direction_of(net)
    units = np.eye(18).reshape(18, 6, 3)
    slope = np.array([reference.vjp(net, theta, X, unit)[0] for unit in units])
    z = reference.logits(net, theta, X)
    bend = np.zeros((6, 3, 6, 3))
    for j, one in enumerate(z):
        q = np.exp(one) / np.exp(one).sum()
        bend[j, :, j] = np.eye(3) if loss == "squared_error" else np.diag(q) - np.outer(q, q)
    expected = slope.T @ (bend.reshape(18, 18) / 6) @ slope @ v
    actual = curvature_reference.gauss_newton_product(net, loss, theta, X, vectors, v)
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("activation", ["tanh", "smooth_relu"])
def test_every_scheme(activation, name, loss, dtype, tolerance):
    net = mgres.ResNet(3, 6, 2, 7, 1.5, activation, dtype, **OPTIONS[name])
    theta, X, vectors, y = random_problem(net, 40)
    v = direction_of(net)
    for kind in KINDS:
        product = reference_product(kind, net, loss, theta, X, vectors, v)
        actual = core_product(kind, net, loss, theta, X, y, v)
        assert relative_error(actual, product) < 3 * tolerance


@pytest.mark.parametrize("n", [5, 200])
def test_with_a_state_defect(n, dtype, tolerance):
    net = mgres.ResNet(3, 6, 2, 12, 2.0, "tanh", dtype)
    theta, X, vectors, y = random_problem(net, n)
    fine = mgres.ResNetObjective(net, X, y)
    coarse = fine.coarsen(4, "matched")
    projected = np.empty(coarse.size, dtype)
    mgres.DepthTransfer(net, coarse.net).project(theta, projected)
    defect = reference.state_defect(
        net, theta.astype(float), coarse.net, projected.astype(float), X.astype(float)
    )
    f, v = coarse.with_state_defect(fine, theta, projected), direction_of(coarse.net)
    arguments = (coarse.net, "cross_entropy", projected, X, vectors, v)
    out, without = np.empty_like(v), np.empty_like(v)
    for kind in KINDS:
        product = reference_product(kind, *arguments, defect)
        getattr(f, kind)(projected, v, out)
        assert relative_error(out, product) < 3 * tolerance
        getattr(coarse, kind)(projected, v, without)
        assert relative_error(without, product) > 1e-2


# ---- the core against the reference --------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("width", [*range(1, 14), 15, 16, 17, 24, 25, 33, 40])
def test_every_width(width, activation, dtype, tolerance):
    n = [7, 37, 100, 130][width % 4]
    net = mgres.ResNet(3, width, 3, 5, 1.5, activation, dtype)
    allowed = 3 * tolerance * max(1.0, width / 16)
    scale = 0.5 if width < 20 else 0.2
    for loss, labels in itertools.product(LOSSES, (True, False)):
        assert_core_equals_reference(net, n, loss, allowed, labels=labels, seed=width, scale=scale)


@pytest.mark.parametrize("n", [1, 2, 15, 17, 63, 64, 65, 127, 129, 257, 1003, 5000])
@pytest.mark.parametrize("width", [3, 17])
def test_every_raggedness_of_the_batch(width, n, dtype, tolerance):
    net = mgres.ResNet(2, width, 2, 3, activation="tanh", dtype=dtype)
    assert_core_equals_reference(net, n, "cross_entropy", 3 * tolerance, labels=n % 2 == 0)


@pytest.mark.parametrize(("n_inputs", "n_outputs"), [(1, 1), (64, 2), (129, 33), (784, 10)])
def test_inputs_and_outputs(n_inputs, n_outputs, dtype, tolerance):
    net = mgres.ResNet(n_inputs, 6, n_outputs, 3, activation="tanh", dtype=dtype)
    assert_core_equals_reference(net, 60, "squared_error", 3 * tolerance, labels=False, scale=0.2)


def test_deep(dtype, tolerance):
    net = mgres.ResNet(3, 10, 2, 300, activation="tanh", dtype=dtype)
    assert_core_equals_reference(net, 140, "cross_entropy", 10 * tolerance)


def test_large_logits_do_not_overflow(dtype):
    net = mgres.ResNet(2, 3, 4, 5, activation="tanh", dtype=dtype)
    theta, X, vectors, y = random_problem(net, 50)
    net.views(theta).b_out[:] = [1e5, -1e5, 0, 3]
    for kind in KINDS:
        out = core_product(kind, net, "cross_entropy", theta, X, y, direction_of(net))
        expected = reference_product(
            kind, net, "cross_entropy", theta, X, vectors, direction_of(net)
        )
        np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-5)


# ---- what second derivatives are -----------------------------------------------------------------


def smooth_objective(loss="cross_entropy", fixed=(), n=50, activation="tanh"):
    net = mgres.ResNet(3, 5, 3, 8, activation=activation, dtype=np.float64)
    theta, X, _, y = random_problem(net, n)
    regularizer = mgres.Tikhonov(0.01, "time")
    return mgres.ResNetObjective(net, X, y, loss, regularizer, fixed=fixed), theta


def dense(f, kind, theta):
    out = np.empty((f.size, f.size))
    for e, row in zip(np.eye(f.size), out, strict=True):
        getattr(f, kind)(theta, e, row)
    return out


@pytest.mark.parametrize("fixed", [(), ("opening", "closing"), ("blocks",)])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_differences_of_the_gradient(activation, loss, fixed):
    f, theta = smooth_objective(loss, fixed, activation=activation)
    v = direction_of(f.net)
    for part in fixed:
        v[f.net.part(part)] = 0
    out, ahead, behind = (np.empty_like(theta) for _ in range(3))
    f.hessian_product(theta, v, out)
    h = 1e-5
    f.value_and_grad(theta + h * v, ahead)
    f.value_and_grad(theta - h * v, behind)
    assert relative_error(out, (ahead - behind) / (2 * h)) < 1e-8


@pytest.mark.parametrize("fixed", [(), ("opening", "closing"), ("blocks",)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", LOSSES)
def test_symmetry(loss, kind, fixed):
    f, theta = smooth_objective(loss, fixed)
    matrix = dense(f, kind, theta)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
def test_gauss_newton_is_positive_and_the_hessian_here_is_not(loss):
    f, theta = smooth_objective(loss)
    f.regularizer, f._penalties = None, []
    theta *= 3
    positive, indefinite = (np.linalg.eigvalsh(dense(f, kind, theta)) for kind in KINDS[::-1])
    assert positive[0] > -1e-13 * positive[-1]
    assert indefinite[0] < -1e-2 * indefinite[-1]


@pytest.mark.parametrize("loss", LOSSES)
def test_they_agree_where_the_logits_are_linear(loss):
    """In the classifier alone they always are, and so the two matrices are one."""
    f, theta = smooth_objective(loss, fixed=("opening", "blocks"))
    products = [dense(f, kind, theta) for kind in KINDS]
    np.testing.assert_allclose(*products, rtol=1e-12, atol=1e-15)
    # and for the opening operator of a network without activation
    f, theta = smooth_objective(loss, fixed=("blocks", "closing"), activation="identity")
    products = [dense(f, kind, theta) for kind in KINDS]
    np.testing.assert_allclose(*products, rtol=1e-12, atol=1e-15)


def test_they_agree_at_a_perfect_fit():
    """The Hessian differs by residuals times second derivatives of the logits."""
    f, theta = smooth_objective("squared_error")
    X = f.samples.X
    perfect = mgres.ResNetObjective(f.net, X, f.net.logits(theta, X), "squared_error")
    products = [dense(perfect, kind, theta) for kind in KINDS]
    np.testing.assert_allclose(*products, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("opening", [False, True])
@pytest.mark.parametrize("measure", ["layers", "time", "mean"])
def test_regulariser_adds_its_second_derivative(measure, opening, kind):
    beta, T = 0.3, 1.5
    net = mgres.ResNet(2, 3, 2, 6, T, "tanh", np.float64)
    theta, X, _, y = random_problem(net, 20)
    v = direction_of(net)
    plain = core_product(kind, net, "cross_entropy", theta, X, y, v)
    regularizer = mgres.Tikhonov(beta, measure, opening)
    product = core_product(kind, net, "cross_entropy", theta, X, y, v, regularizer=regularizer)
    expected = 2 * beta * v
    expected[net.part("opening")] *= opening
    expected[net.part("blocks")] *= {"layers": 1, "time": T / 6, "mean": 1 / 6}[measure]
    np.testing.assert_allclose(product - plain, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fixed", [fixed for r in range(4) for fixed in itertools.combinations(PARTS, r)]
)
def test_fixed_parts_neither_vary_nor_answer(fixed, kind, dtype, tolerance):
    net = mgres.ResNet(3, 10, 3, 20, activation="tanh", dtype=dtype)
    theta, X, _, y = random_problem(net, 300)
    v = direction_of(net)
    regularizer = mgres.Tikhonov(0.1)
    free = v.copy()
    for part in fixed:
        free[net.part(part)] = 0
    expected = core_product(kind, net, "cross_entropy", theta, X, y, free, regularizer=regularizer)
    actual = core_product(
        kind, net, "cross_entropy", theta, X, y, v, regularizer=regularizer, fixed=fixed
    )
    for part in fixed:
        expected[net.part(part)] = 0
        assert not actual[net.part(part)].any()
    assert relative_error(actual, expected) < tolerance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["Q", "W", "b", "W_out", "b_out"])
def test_not_a_number_is_not_hidden(place, kind, dtype):
    net = mgres.ResNet(2, 3, 2, 4, activation="tanh", dtype=dtype)
    theta, X, _, y = random_problem(net, 20)
    v = direction_of(net)
    for vector in (theta, v):
        broken = vector.copy()
        getattr(net.views(broken), place).flat[0] = np.nan
        arguments = (broken, X, y, v) if vector is theta else (theta, X, y, broken)
        out = core_product(kind, net, "cross_entropy", *arguments)
        assert np.isnan(out).any()


# ---- threads and bad input -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "net",
    [mgres.ResNet(2, 3, 2, 40), mgres.ResNet(30, 20, 10, 20, activation="tanh", dtype=np.float64)],
    ids=["narrow", "wide"],
)
def test_same_bits_for_one_to_eight_threads(net, kind):
    theta, X, _, y = random_problem(net, 3000, scale=0.2)
    v = direction_of(net)
    mgres.set_num_threads(1)
    expected = core_product(kind, net, "cross_entropy", theta, X, y, v)
    for threads in range(1, 9):
        mgres.set_num_threads(threads)
        again = core_product(kind, net, "cross_entropy", theta, X, y, v)
        np.testing.assert_array_equal(again, expected)


NET = mgres.ResNet(2, 3, 2, 8)
THETA = NET.init(0)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": THETA.astype(np.float64)}, TypeError, "theta: expected dtype float32, got float64"),
        ({"x": THETA[1:]}, ValueError, r"theta: expected shape \(\d+,\), got"),
        ({"v": THETA.astype(np.float64)}, TypeError, "v: expected dtype float32, got float64"),
        ({"v": THETA[1:]}, ValueError, r"v: expected shape \(\d+,\), got"),
        ({"v": np.repeat(THETA, 2)[::2]}, TypeError, "v: expected a C-contiguous array"),
        ({"v": THETA.tolist()}, TypeError, "v"),
        ({"out": THETA[1:].copy()}, ValueError, "out: expected shape"),
        ({"out": THETA.astype(np.float64)}, TypeError, "out: expected dtype float32"),
        ({"out": read_only(THETA)}, ValueError, "out: expected a writable array"),
        ({"out": THETA}, ValueError, "out: must not overlap theta"),
    ],
)
def test_bad_input(changes, error, message, kind):
    X, y = np.ones((5, 2), np.float32), np.zeros(5, int)
    f = mgres.ResNetObjective(NET, X, y)
    arguments = {"x": THETA, "v": THETA.copy(), "out": np.empty_like(THETA)} | changes
    with pytest.raises(error, match=message):
        getattr(f, kind)(**arguments)


@pytest.mark.parametrize("kind", KINDS)
def test_the_product_must_not_overwrite_the_direction(kind):
    X, y = np.ones((5, 2), np.float32), np.zeros(5, int)
    f = mgres.ResNetObjective(NET, X, y)
    both = np.zeros(NET.size + 1, np.float32)
    with pytest.raises(ValueError, match="out: must not overlap v"):
        getattr(f, kind)(THETA, both[1:], both[:-1])
    getattr(f, kind)(THETA, THETA, np.empty_like(THETA))  # reading the same twice is fine

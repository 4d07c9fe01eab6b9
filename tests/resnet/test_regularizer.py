"""Penalties against their formulas, their derivatives, and what they mean on other levels."""

import dataclasses

import numpy as np
import pytest

import mgres
from mgres.resnet import Smoothness, Tikhonov
from mgres.testing import check_gradient

from .problems import random_problem, relative_error

NET = mgres.ResNet(3, 4, 2, 16, 2.5, "tanh", np.float64)
LAYERS, TIME = "layers", "time"

CASES = [Tikhonov(0.3), Tikhonov(0.3, TIME), Smoothness(0.7), Smoothness(0.7, TIME)]
REGULARIZERS = pytest.mark.parametrize("regularizer", CASES, ids=repr)


def scale(regularizer, net, finest_depth):
    """c_l as the documentation has it, written once more."""
    if isinstance(regularizer, Tikhonov):
        per_layer = {LAYERS: finest_depth / net.depth, TIME: net.final_time / net.depth}
    else:
        per_layer = {LAYERS: net.depth / finest_depth, TIME: net.depth / net.final_time}
    return per_layer[regularizer.measure]


def formula(regularizer, net, finest_depth, theta):
    """The value in plain NumPy, for complex numbers too (so without absolute values)."""
    p = net.views(theta)
    c = scale(regularizer, net, finest_depth)
    if isinstance(regularizer, Tikhonov):
        blocks = sum((p.W[k] ** 2).sum() + (p.b[k] ** 2).sum() for k in range(net.depth))
        return regularizer.beta * (c * blocks + (p.W_out**2).sum() + (p.b_out**2).sum())
    jumps = sum(
        ((p.W[k + 1] - p.W[k]) ** 2).sum() + ((p.b[k + 1] - p.b[k]) ** 2).sum()
        for k in range(net.depth - 1)
    )
    return regularizer.gamma * c * jumps


def derivative(regularizer, net, finest_depth, theta):
    """By complex steps, which have no cancellation."""
    steps = theta + 1e-30j * np.eye(net.size)
    return np.array([formula(regularizer, net, finest_depth, z).imag for z in steps]) / 1e-30


def points(net, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(net.size).astype(net.dtype) for _ in range(3))


@REGULARIZERS
@pytest.mark.parametrize("depth", [16, 4, 1])
def test_value_and_gradient_are_those_of_the_formula(regularizer, depth):
    net = NET.with_depth(depth)
    theta, before, _ = points(net)
    penalty = regularizer.bind(net, 16)
    out = before.copy()
    value = penalty.add_gradient(theta, out)
    assert value == penalty.value(theta)
    assert value == pytest.approx(formula(regularizer, net, 16, theta), rel=1e-13)
    expected = derivative(regularizer, net, 16, theta)
    np.testing.assert_allclose(out - before, expected, rtol=1e-12, atol=1e-13)


@REGULARIZERS
def test_product_is_the_derivative_of_the_gradient(regularizer):
    """The penalties are quadratic: R'(theta + v) - R'(theta) = R'' v."""
    theta, v, before = points(NET)
    penalty = regularizer.bind(NET, 32)
    here, there, out = np.zeros(NET.size), np.zeros(NET.size), before.copy()
    penalty.add_gradient(theta, here)
    penalty.add_gradient(theta + v, there)
    penalty.add_product(theta, v, out)
    np.testing.assert_allclose(out - before, there - here, rtol=1e-11, atol=1e-12)


@REGULARIZERS
def test_single_precision(regularizer):
    net = dataclasses.replace(NET, dtype=np.dtype(np.float32))
    theta, _, _ = points(net)
    out = np.zeros(net.size, np.float32)
    penalty = regularizer.bind(net, 16)
    exact = theta.astype(np.float64)
    expected = formula(regularizer, net, 16, exact)
    assert penalty.add_gradient(theta, out) == pytest.approx(expected, rel=1e-6)
    assert relative_error(out, derivative(regularizer, net, 16, exact)) < 1e-6


@REGULARIZERS
@pytest.mark.parametrize("fixed", [("blocks",), ("closing",), ("opening",), ("blocks", "closing")])
def test_fixed_parts_count_but_have_no_derivative(regularizer, fixed):
    theta, v, _ = points(NET)
    free, bound = regularizer.bind(NET, 16), regularizer.bind(NET, 16, fixed)
    assert bound.value(theta) == free.value(theta)
    expected, out = np.zeros(NET.size), np.zeros(NET.size)
    assert bound.add_gradient(theta, out) == free.add_gradient(theta, expected)
    product, expected_product = np.zeros(NET.size), np.zeros(NET.size)
    bound.add_product(theta, v, product)
    free.add_product(theta, v, expected_product)
    for part in fixed:
        expected[NET.part(part)] = expected_product[NET.part(part)] = 0
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(product, expected_product)


# ---- the same functional on all levels -----------------------------------------------------------

EXACT = {Tikhonov: "constant", Smoothness: "linear"}
"""The prolongation under which the value does not change."""


@REGULARIZERS
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_prolonged_parameters_keep_value_and_gradient(regularizer, factor):
    """R_f(P theta) = R_c(theta) and, its derivative, P^T R_f'(P theta) = R_c'(theta)."""
    coarse = NET.with_depth(16 // factor)
    transfer = mgres.DepthTransfer(NET, coarse, EXACT[type(regularizer)])
    theta, _, _ = points(coarse)
    fine, fine_gradient = np.empty(NET.size), np.zeros(NET.size)
    restricted, gradient = np.empty(coarse.size), np.zeros(coarse.size)
    transfer.prolong(theta, fine)
    value = regularizer.bind(NET, 16).add_gradient(fine, fine_gradient)
    transfer.restrict(fine_gradient, restricted)
    assert value == pytest.approx(regularizer.bind(coarse, 16).add_gradient(theta, gradient))
    np.testing.assert_allclose(restricted, gradient, rtol=1e-12, atol=1e-12)


def test_jumps_of_constant_prolongation_cost_the_factor():
    coarse = NET.with_depth(4)
    theta, _, _ = points(coarse)
    fine = np.empty(NET.size)
    mgres.DepthTransfer(NET, coarse, "constant").prolong(theta, fine)
    for measure in (LAYERS, TIME):
        coarse_value = Smoothness(1.0, measure).bind(coarse, 16).value(theta)
        assert Smoothness(1.0, measure).bind(NET, 16).value(fine) == pytest.approx(4 * coarse_value)


def smooth(net):
    """theta(t) = sin(t) in every component of the layers, at the times where they begin."""
    theta = np.zeros(net.size)
    t = net.dt * np.arange(net.depth)
    theta[net.part("blocks")] = np.repeat(np.sin(t), net.layer_size)
    return theta


T = NET.final_time
INTEGRALS = {
    Tikhonov: T / 2 - np.sin(2 * T) / 4,  # of sin^2
    Smoothness: T / 2 + np.sin(2 * T) / 4,  # of cos^2
}


@pytest.mark.parametrize("kind", INTEGRALS)
def test_of_smooth_parameters_all_levels_approximate_the_integral_to_first_order(kind):
    errors = []
    finest = 512
    for depth in (64, 128, 256, 512):
        net = NET.with_depth(depth)
        by_time = kind(1.0, TIME).bind(net, finest).value(smooth(net))
        by_layers = kind(1.0, LAYERS).bind(net, finest).value(smooth(net))
        errors.append(abs(by_time - net.layer_size * INTEGRALS[kind]))
        # the two measures differ by a constant, the same on all levels
        ratio = by_layers / by_time * (T / finest if kind is Tikhonov else finest / T)
        assert ratio == pytest.approx(1.0, rel=1e-12)
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(slopes, 1.0, atol=0.1)


# ---- in an objective -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Quartic:
    """A regulariser of a user's own: sum of W_out^4, the same on all levels."""

    def bind(self, net, finest_depth, fixed=()):
        return self.Bound(net.part("closing"))

    @dataclasses.dataclass
    class Bound:
        part: slice

        def value(self, theta):
            return float((theta[self.part] ** 4).sum())

        def add_gradient(self, theta, out):
            out[self.part] += 4 * theta[self.part] ** 3
            return self.value(theta)

        def add_product(self, theta, v, out):
            out[self.part] += 12 * theta[self.part] ** 2 * v[self.part]


def objective(regularizer, **kwargs):
    theta, X, _, y = random_problem(NET, 20)
    return mgres.ResNetObjective(NET, X, y, regularizer=regularizer, **kwargs), theta


@pytest.mark.parametrize("several", [(Tikhonov(0.1), Smoothness(0.2, TIME), Quartic()), ()])
@pytest.mark.parametrize("factor", [1, 4])
def test_several_are_added(several, factor):
    f, theta = objective(several)
    g, _ = objective(None)
    if factor > 1:
        f, g, theta = f.coarsen(factor), g.coarsen(factor), NET.with_depth(4).init(0)
    out, expected = np.empty(f.size), np.empty(g.size)
    expected_value = g.value_and_grad(theta, expected)
    for one in several:
        expected_value += one.bind(g.net, 16).add_gradient(theta, expected)
    assert f.value_and_grad(theta, out) == pytest.approx(expected_value, rel=1e-14)
    assert f.value(theta) == f.value_and_grad(theta, out)
    np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("regularizer", [*CASES, Quartic(), [Tikhonov(0.1), Smoothness(1.0)]])
def test_gradient_of_the_sum_passes_the_taylor_test(regularizer):
    f, theta = objective(regularizer)
    assert check_gradient(f, theta).ok


@pytest.mark.parametrize("fixed", [(), ("blocks",)])
@pytest.mark.parametrize("regularizer", [*CASES, Quartic(), [Tikhonov(0.1), Smoothness(1.0)]])
def test_hessian_product_of_the_sum_is_the_slope_of_the_gradient(regularizer, fixed):
    f, theta = objective(regularizer, fixed=fixed)
    v = np.random.default_rng(1).standard_normal(f.size)
    for part in fixed:
        v[NET.part(part)] = 0
    step = 1e-5
    product, above, below = (np.empty(f.size) for _ in range(3))
    f.hessian_product(theta, v, product)
    f.value_and_grad(theta + step * v, above)
    f.value_and_grad(theta - step * v, below)
    assert relative_error(product, (above - below) / (2 * step)) < 1e-8


@pytest.mark.parametrize("kind", [Tikhonov, Smoothness])
def test_a_list_is_taken_like_a_tuple_and_one_like_a_list_of_one(kind):
    values = [
        objective(r)[0].value(objective(r)[1]) for r in (kind(1.0), [kind(1.0)], (kind(1.0),))
    ]
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize("wrong", [1e-4, "Tikhonov", Tikhonov, [Tikhonov(1.0), None], {"beta": 1}])
def test_what_is_no_regulariser_is_refused(wrong):
    with pytest.raises(TypeError, match="regularizer: expected a regulariser such as"):
        objective(wrong)


@pytest.mark.parametrize("gamma", [-1.0, np.nan, np.inf])
def test_wrong_strength(gamma):
    with pytest.raises(ValueError, match="gamma: expected a number >= 0, got"):
        Smoothness(gamma)


def test_unknown_measure():
    with pytest.raises(ValueError, match="measure: expected one of"):
        Smoothness(1.0, "area")


def test_smoothness_trains_layers_that_differ_less():
    """What it is for: the same training with a smoothness term ends with smaller jumps."""
    roughness = []
    for gamma in (0.0, 1e-2):
        f, _ = objective(Smoothness(gamma, TIME))
        hierarchy = mgres.resnet_hierarchy(
            f, 2, optimizer=mgres.Adam(0.05), metric="time", prolongation="linear"
        )
        result = mgres.fit(f, NET.init(0), hierarchy=hierarchy, max_cycles=30)
        roughness.append(Smoothness(1.0, TIME).bind(NET, 16).value(result.theta))
    assert roughness[1] < 0.5 * roughness[0]

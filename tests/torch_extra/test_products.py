"""Second derivatives of a user's network, against mgres' own and differences of gradients."""

import numpy as np
import pytest

import mgres

torch = pytest.importorskip("torch", reason="PyTorch is missing: pip install 'mgres[torch]'")

from mgres.torch import TorchObjective, TorchResNet  # noqa: E402

from . import models  # noqa: E402

KINDS = ["hessian_product", "gauss_newton_product"]


def product(f, kind, theta, v):
    out = np.full_like(theta, np.nan)
    getattr(f, kind)(theta, v, out)
    return out


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("chunk", [None, 4])
@pytest.mark.parametrize("regularizer", [None, mgres.Tikhonov(0.3)])
@pytest.mark.parametrize("factor", [1, 2])
def test_products_are_those_of_the_same_network_in_mgres(kind, chunk, regularizer, factor):
    f = models.dense(regularizer=regularizer, chunk=chunk)
    g = models.twin(f, regularizer=regularizer)
    if factor > 1:
        f, g = f.coarsen(factor, "matched"), g.coarsen(factor, "matched")
    theta, v = 0.5 * np.random.default_rng(0).standard_normal((2, f.size))
    expected = product(g, kind, theta, v)
    assert np.allclose(product(f, kind, theta, v), expected, rtol=1e-9, atol=1e-11)


def test_the_hessian_of_a_convolutional_network_is_the_slope_of_its_gradient():
    f = models.conv()
    theta, v = f.net.init(), np.random.default_rng(0).standard_normal(f.size)
    h = 1e-5
    ahead, behind = np.empty_like(theta), np.empty_like(theta)
    f.value_and_grad(theta + h * v, ahead)
    f.value_and_grad(theta - h * v, behind)
    found = product(f, "hessian_product", theta, v)
    slope = (ahead - behind) / (2 * h)
    assert np.linalg.norm(found - slope) < 1e-6 * np.linalg.norm(slope)


def test_the_gauss_newton_matrix_is_not_negative():
    f = models.conv()
    rng = np.random.default_rng(0)
    for v in rng.standard_normal((5, f.size)):
        assert v @ product(f, "gauss_newton_product", f.net.init(), v) >= 0


@pytest.mark.parametrize("kind", KINDS)
def test_fixed_parameters_take_no_part(kind):
    stem, blocks, head = models.dense_parts()
    stem.requires_grad_(False)
    X, y = models.samples()
    f = TorchObjective(TorchResNet(stem, blocks, head, 2.0), X, y, regularizer=mgres.Tikhonov(0.1))
    g = models.twin(f, regularizer=mgres.Tikhonov(0.1), fixed=("opening",))
    v = np.random.default_rng(0).standard_normal(f.size)
    before = v.copy()
    found = product(f, kind, f.net.init(), v)
    assert not found[f.net.part("opening")].any()
    assert np.allclose(found, product(g, kind, f.net.init(), v), rtol=1e-9, atol=1e-12)
    assert np.array_equal(v, before)


def mean_output(outputs, targets):
    return outputs.mean()


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_loss_of_a_linear_head_alone(kind):
    """Nothing curves in the head: its block of the product is zero, and no error."""
    stem, blocks, head = models.dense_parts()
    for module in (stem, *blocks):
        module.requires_grad_(False)
    X, y = models.samples()
    f = TorchObjective(TorchResNet(stem, blocks, head), X, y, mean_output)
    v = np.random.default_rng(0).standard_normal(f.size)
    assert not product(f, kind, f.net.init(), v).any()


def test_wrong_vectors():
    f = models.dense()
    theta = f.net.init()
    with pytest.raises(ValueError, match="v: expected shape"):
        f.hessian_product(theta, theta[1:], theta.copy())
    with pytest.raises(ValueError, match="out: expected shape"):
        f.gauss_newton_product(theta, theta, theta[1:])

"""Every picture of a network, with other blocks than dense ones."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres import blocks

BLOCKS = {
    "two layers": blocks.TwoLayer(5),
    "paced gradient": blocks.Gradient(3, norm="layer", paced=True, activation="silu"),
    "hamiltonian": blocks.Hamiltonian(activation="tanh"),
    "potentials": blocks.Hamiltonian(3),
    "sparse": blocks.Sparse(np.eye(4)[::-1], activation="tanh"),
    "one hidden feature": blocks.TwoLayer(1, norm="rms"),
}


@pytest.fixture(scope="module", params=BLOCKS)
def trained(request):
    """A network, its start, parameters, samples and the history of a short training."""
    X, y, X_val, y_val = mgres.datasets.circles(seed=0, n_train=60, n_val=20)
    net = mgres.ResNet(2, 4, 2, 16, 2.0, block=BLOCKS[request.param])
    f = mgres.ResNetObjective(net, X, y)
    start = net.init(0, coarse_depth=8)
    result = mgres.fit(f, start.copy(), max_cycles=2, validation=(X_val, y_val))
    return f, start, result, X, y


def test_weights_has_every_array_of_a_layer(trained, axes):
    f, _, result, *_ = trained
    coarse = f.net.with_depth(8)
    x = np.empty(coarse.size, coarse.dtype)
    mgres.DepthTransfer(f.net, coarse).project(result.theta, x)
    pairs = {"16": (f.net, result.theta), "8": (coarse, x)}
    for name, shape in f.net.layer_arrays.items():
        for show, lines in (("norm", 1), ("entries", int(np.prod(shape)))):
            axes.clear()
            mgres.plot.weights(pairs, part=name, show=show, ax=axes)
            drawn = [line for line in axes.get_lines() if len(line.get_xdata()) == 17]
            assert len(drawn) == lines
            values = f.net.views(result.theta)._asdict()[name].reshape(16, -1)
            expected = np.linalg.norm(values, axis=1) if show == "norm" else values[:, 0]
            np.testing.assert_allclose(drawn[0].get_ydata()[:-1], expected, rtol=1e-6)
    axes.clear()
    mgres.plot.weights(pairs, ax=axes)
    assert next(iter(f.net.layer_arrays)) in axes.get_ylabel()


def test_the_other_pictures(trained, axes, tmp_path):
    f, start, result, X, y = trained
    net, theta = f.net, result.theta
    assert np.isfinite(
        mgres.plot.moved(net, start, theta, ax=axes).get_lines()[0].get_ydata()
    ).all()
    for layer in (None, 3):
        axes.clear()
        mgres.plot.decision_regions(net, theta, X, y, layer=layer, resolution=20, ax=axes)
        assert axes.has_data()
    axes.clear()
    mgres.plot.flow(net, theta, X, y, ax=axes)
    assert axes.has_data()
    path = mgres.plot.animate_flow(net, theta, X, y, tmp_path / "flow.gif", frames=2, dpi=40)
    assert path.stat().st_size > 1000
    recipe = mgres.recommended(f)
    for draw in (
        lambda: mgres.plot.convergence(result.history, ax=axes),
        lambda: mgres.plot.hierarchy(recipe.hierarchy, ax=axes),
        lambda: mgres.plot.cycle(recipe.method, levels=recipe.hierarchy, ax=axes),
    ):
        axes.clear()
        draw()
        assert axes.has_data()

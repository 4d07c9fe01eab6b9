"""What `weights` and `moved` draw, by its data."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres import plot
from mgres.plot.parameters import relative_changes

pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")


@pytest.fixture
def net():
    return mgres.ResNet(2, 2, 2, depth=4, final_time=2.0, dtype=np.float64)


def test_a_line_for_each_entry(net, axes):
    theta = net.init(0)
    assert plot.weights((net, theta), ax=axes) is axes
    drawn = [line for line in axes.get_lines() if len(line.get_xdata())]
    W = net.views(theta).W
    assert len(drawn) == 4
    for j, line in enumerate(drawn):
        assert [*line.get_xdata()] == [0, 0.5, 1, 1.5, 2]
        assert line.get_drawstyle() == "steps-post"
        np.testing.assert_array_equal(line.get_ydata()[:-1], W.reshape(4, 4)[:, j])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("t", "entries of W(t)")


def test_biases(net, axes):
    plot.weights((net, np.ones(net.size)), part="b", ax=axes)
    assert len([line for line in axes.get_lines() if len(line.get_xdata())]) == 2


def test_levels_lie_on_top_of_each_other(net, axes):
    coarse = net.with_depth(2)
    networks = {"4 layers": (net, net.init(0)), "2 layers": (coarse, coarse.init(0))}
    plot.weights(networks, ax=axes)
    drawn = [line for line in axes.get_lines() if len(line.get_xdata())]
    fine, rough = drawn[0], drawn[4]
    assert fine.get_color() == rough.get_color()  # the same entry
    assert fine.get_linewidth() < rough.get_linewidth()
    assert fine.get_zorder() > rough.get_zorder()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*networks]


def test_norm_is_the_choice_for_wide_layers(axes):
    net = mgres.ResNet(2, 5, 2, depth=3)
    theta = net.init(0)
    plot.weights({"a": (net, theta)}, ax=axes)
    (line,) = axes.get_lines()
    norms = np.linalg.norm(net.views(theta).W.astype(float), axis=(1, 2))
    np.testing.assert_allclose(line.get_ydata()[:-1], norms)
    assert axes.get_ylabel() == "norm of W(t)"


def test_moved_is_the_relative_change(net, axes):
    start = np.arange(1.0, net.size + 1)
    theta = start.copy()
    theta[net.part("opening")] *= 1.5
    theta[net.part("closing")] *= 0.5
    blocks = theta[net.part("blocks")].reshape(4, -1)
    blocks *= 1 + np.array([[0.1], [0.2], [0.3], [0.0]])
    opening, layers, closing = relative_changes(net, start, theta)
    assert (opening, closing) == pytest.approx((0.5, 0.5))
    np.testing.assert_allclose(layers, [0.1, 0.2, 0.3, 0.0], atol=1e-12)
    assert plot.moved(net, start, theta, axes) is axes
    line, ends = axes.get_lines()
    np.testing.assert_allclose(line.get_xdata(), [0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(line.get_ydata(), layers)
    assert [*ends.get_ydata()] == [opening, closing]
    assert axes.get_yscale() == "log"
    axes.figure.canvas.draw()


def test_several_runs_moved(net, axes):
    start = net.init(0)
    plot.moved(net, start, {"a": 2 * start, "b": 3 * start}, axes)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_nothing_moved_and_nothing_to_move_from(net, axes):
    zero = np.zeros(net.size)
    assert np.isnan(relative_changes(net, zero, zero)[1]).all()
    plot.moved(net, zero, zero, axes)
    axes.figure.canvas.draw()
    plot.moved(net, zero + 1, zero + 1)


NET = mgres.ResNet(2, 2, 2, depth=4)
THETA = NET.init(0)
WRONG = [
    (plot.weights, [(NET, THETA[1:])], {}, ValueError, "theta: expected shape"),
    (plot.weights, [{"a": THETA}], {}, TypeError, r"networks\['a'\]: expected a pair"),
    (plot.weights, [{}], {}, ValueError, "networks: expected at least one"),
    (plot.weights, [(NET, THETA)], {"part": "Q"}, ValueError, "part: expected one of"),
    (plot.weights, [(NET, THETA)], {"show": "all"}, ValueError, "show: expected one of"),
    (plot.weights, [(NET, [0.0])], {}, TypeError, "theta: expected a numpy array, got list"),
    (plot.moved, [NET, THETA, THETA[1:]], {}, ValueError, "theta: expected shape"),
    (plot.moved, [NET, THETA[1:], THETA], {}, ValueError, "start: expected shape"),
    (plot.moved, [NET, THETA, {}], {}, ValueError, "theta: expected at least one"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "error", "message"), WRONG)
def test_wrong_arguments(function, arguments, options, error, message):
    with pytest.raises(error, match=message):
        function(*arguments, **options)


def test_arrays_of_other_blocks(axes):
    block = mgres.blocks.TwoLayer(3, norm="layer")
    net = mgres.ResNet(2, 2, 2, depth=4, dtype=np.float64, block=block)
    theta = net.init(0)
    plot.weights((net, theta), show="norm", ax=axes)
    assert axes.get_ylabel() == "norm of W1(t)"
    plot.weights((net, theta), part="scale", ax=axes)
    assert axes.get_ylabel() == "entries of scale(t)"
    with pytest.raises(ValueError, match=r"part: expected one of \('W1', 'b1', .*got 'W'"):
        plot.weights((net, theta), part="W", ax=axes)
    plot.moved(net, theta, 1.1 * theta, ax=axes)
    plot.flow(net, theta, np.ones((3, 2)), np.array([0, 1, 0]))

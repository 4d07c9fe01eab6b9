"""What `convergence` draws, by its data."""

from __future__ import annotations

import pytest

import mgres
from mgres import plot

from .histories import cascade, history, result

pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")


def test_one_run_is_one_line(axes):
    assert plot.convergence(history([4.0, 2.0, 1.0], work=3.0), ax=axes) is axes
    (line,) = axes.get_lines()
    assert [*line.get_xdata()] == [0, 3, 6]
    assert [*line.get_ydata()] == [4, 2, 1]
    assert line.get_drawstyle() == "steps-post"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("work units", "loss")
    assert axes.get_yscale() == "log"
    assert axes.get_legend() is None
    assert len(axes.collections) == 0


def test_seeds_are_a_median_with_a_band(axes):
    runs = {"a": [result([4.0, 2.0]), result([8.0, 6.0]), result([5.0, 5.0])], "b": result([3.0])}
    plot.convergence(runs, x="cycles", ax=axes)
    a, b = axes.get_lines()
    assert [*a.get_ydata()] == [5, 5]
    assert [*b.get_ydata()] == [3]
    (band,) = axes.collections
    vertices = band.get_paths()[0].vertices
    assert (vertices[:, 1].min(), vertices[:, 1].max()) == (2, 8)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert a.get_color() != b.get_color()


def test_spread_none_draws_no_band(axes):
    plot.convergence([history([1.0]), history([2.0])], spread="none", ax=axes)
    assert len(axes.collections) == 0


def test_colours_go_on_with_the_next_call(axes):
    for label in ("a", "b"):
        plot.convergence({label: history([1.0, 2.0])}, ax=axes)
    a, b = axes.get_lines()
    assert a.get_color() != b.get_color()


def test_more_runs_than_colours_have_other_dashes(axes):
    plot.convergence({str(i): history([1.0, 2.0]) for i in range(20)}, ax=axes)
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 20


def test_a_loss_that_is_not_positive_has_a_linear_axis(axes):
    plot.convergence({"a": history([1.0, 0.5]), "b": history([1.0, 0.0])}, ax=axes)
    assert axes.get_yscale() == "linear"


def test_accuracy(axes):
    plot.convergence(history([1.0] * 3, [0.5, 0.9, 0.8]), y="accuracy", best=True, ax=axes)
    assert [*axes.get_lines()[0].get_ydata()] == [0.5, 0.9, 0.9]
    assert axes.get_ylabel() == "validation accuracy, best so far"
    assert axes.get_yscale() == "linear"


def test_of_a_real_run():
    X, y, X_val, y_val = mgres.datasets.circles(0, 100)
    f = mgres.ResNetObjective(mgres.ResNet(2, 3, 2, depth=32), X, y)
    run = mgres.fit(f, max_cycles=10, validation=(X_val, y_val))
    for x in ("work_units", "cycles", "seconds", "epochs"):
        for quantity in ("loss", "accuracy"):
            ax = plot.convergence(run, x=x, y=quantity)
            ax.figure.canvas.draw()
    deep = [record for record in run.history if record.level == 0]
    assert len(deep) < len(run.history)
    assert [*ax.get_lines()[0].get_ydata()] == [record.accuracy for record in deep]
    loss = plot.convergence(run).get_lines()[0].get_ydata()
    assert loss[-1] == run.history[-1].loss == pytest.approx(f.value(run.theta))


def test_a_cascade_is_drawn_by_its_deep_network(axes):
    plot.convergence(cascade(), x="seconds", ax=axes)
    (line,) = axes.get_lines()
    assert [*line.get_xdata()] == [0, 0.2, 0.5, 0.7]
    assert [*line.get_ydata()] == [4, 3, 2, 2]


def test_bad_arguments_make_no_figure():
    import matplotlib.pyplot as plt

    with pytest.raises(ValueError, match="y: expected one of"):
        plot.convergence(history([1.0]), y="losses")
    with pytest.raises(TypeError, match="runs: expected"):
        plot.convergence(3)
    assert plt.get_fignums() == []

"""Where pictures are drawn, and what happens without matplotlib."""

from __future__ import annotations

import pytest

import mgres
from mgres.plot import style


def test_without_matplotlib_the_way_out_is_named(run_python):
    done = run_python(
        """
        import sys
        sys.modules["matplotlib"] = None
        import mgres
        for call in (
            lambda: mgres.plot.cycle("[{1}]"),
            lambda: mgres.plot.animate_flow(net, net.init(0), [[0, 0]], [0], "a.gif"),
        ):
            net = mgres.ResNet(2, 3, 2, 4)
            try:
                call()
            except ImportError as error:
                print(error)
        """
    )
    assert done.stdout.splitlines() == 2 * [
        'mgres.plot needs matplotlib: pip install "mgres[plot]"'
    ]


def test_pyplot_is_left_alone_where_axes_are_given(run_python):
    pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")
    run_python(
        """
        import sys
        from matplotlib.figure import Figure
        import mgres
        net = mgres.ResNet(2, 3, 2, 4)
        theta, X, y = net.init(0), [[0, 0], [1, 1]], [0, 1]
        mgres.plot.cycle("[1, {1}]", Figure().subplots())
        mgres.plot.weights((net, theta), ax=Figure().subplots())
        mgres.plot.moved(net, theta, 2 * theta, Figure().subplots())
        mgres.plot.decision_regions(net, theta, X, y, ax=Figure().subplots())
        mgres.plot.flow(net, theta, X, y, ax=Figure().subplots())
        mgres.plot.animate_flow(net, theta, X, y, "flow.gif", frames=2, fps=1, dpi=20)
        assert "matplotlib.pyplot" not in sys.modules
        """
    )


def test_headless(run_python):
    pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")
    run_python(
        """
        import mgres
        mgres.plot.cycle("[1, {1}]").figure.savefig("cycle.png")
        """,
        DISPLAY=None,
        MPLBACKEND=None,
    )


def test_axes_that_are_none():
    pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")
    with pytest.raises(TypeError, match="ax: expected matplotlib Axes, got int"):
        style.one(3)
    with pytest.raises(TypeError, match="ax: expected matplotlib Axes, got Figure"):
        style.one(style.one(None).figure)


def test_colours_differ():
    looks = [(style.colour(i), style.dash(i)) for i in range(32)]
    assert len({*looks}) == 32


def test_all_is_documented():
    for name in mgres.plot.__all__:
        assert name in mgres.plot.__doc__

"""Figures without a screen."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import mgres


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """Draw without a screen, and close the figures of each test."""
    if importlib.util.find_spec("matplotlib") is None:
        yield
        return
    import matplotlib

    matplotlib.use("agg")
    before = dict(matplotlib.rcParams)
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
    assert dict(matplotlib.rcParams) == before  # settings are the user's


@pytest.fixture
def axes():
    """Axes of a figure that pyplot does not know."""
    pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")
    from matplotlib.figure import Figure

    return Figure().subplots()


@pytest.fixture
def classified():
    """A network whose random layers change its mind, its parameters, and samples."""
    X, y, *_ = mgres.datasets.circles(seed=0, n_train=80, dtype=np.float64)
    net = mgres.ResNet(2, 3, 2, depth=32, final_time=4.0, dtype=np.float64)
    return net, net.init(18, coarse_depth=4), X, y

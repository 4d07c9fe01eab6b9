"""What `decision_regions`, `flow` and `animate_flow` draw, by its data."""

from __future__ import annotations

import numpy as np
import pytest

import mgres
from mgres import plot
from mgres.plot.trajectories import some_layers

pytest.importorskip("matplotlib", reason="NOT TESTED: plots need matplotlib")


def offsets(ax):
    """Return the points of the last scatter plot."""
    return np.asarray(ax.collections[-1].get_offsets())


def shown_class(ax, x, y):
    """Return 0 where the picture is bluer than red there, 1 otherwise."""
    image = ax.images[0].get_array()
    left, right, bottom, top = ax.images[0].get_extent()
    n = len(image)
    i = min(int((y - bottom) / (top - bottom) * n), n - 1)
    j = min(int((x - left) / (right - left) * n), n - 1)
    red, _, blue = image[i, j]
    return int(red > blue)


def test_regions_are_the_predictions(classified, axes):
    net, theta, X, y = classified
    assert plot.decision_regions(net, theta, X, y, ax=axes) is axes
    shown = [shown_class(axes, *x) for x in X]
    assert np.mean(shown == net.predict(theta, X)) > 0.95  # pixels on the boundary aside
    assert 0 < np.mean(shown) < 1
    np.testing.assert_allclose(offsets(axes), X)
    axes.figure.canvas.draw()


def test_regions_after_some_layers_are_those_of_the_state_there(classified, axes):
    net, theta, X, y = classified
    plot.decision_regions(net, theta, X, y, layer=0, ax=axes)
    p = net.views(theta)
    predicted = (X @ p.Q.T @ p.W_out.T + p.b_out).argmax(axis=1)
    assert np.mean(predicted == net.predict(theta, X)) < 0.8  # the layers make a difference
    shown = [shown_class(axes, *x) for x in X]
    assert np.mean(shown == predicted) > 0.95
    assert axes.get_title() == "before the first layer"


def test_regions_of_five_classes(rng):
    net = mgres.ResNet(2, 4, 5, depth=8)
    X = rng.standard_normal((20, 2))
    ax = plot.decision_regions(net, net.init(1), X, rng.integers(0, 5, 20), resolution=20)
    assert ax.images[0].get_array().shape == (20, 20, 3)
    ax.figure.canvas.draw()


def test_huge_logits_are_no_trouble(classified):
    net, theta, X, y = classified
    theta = theta.copy()
    theta[net.part("closing")] *= 1e30
    plot.decision_regions(net, theta, X, y).figure.canvas.draw()


def test_flow_leaves_a_line_for_each_sample(classified, axes):
    net, theta, X, y = classified
    assert plot.flow(net, theta, X, y, ax=axes) is axes
    lines = next(c for c in axes.collections if hasattr(c, "get_segments"))
    segments = lines.get_segments()
    assert len(segments) == len(X)
    assert segments[0].shape == (net.depth + 1, 2)
    # the large dots at the ends lie on the side of their predicted class: class 1 to the right
    ends = offsets(axes)
    np.testing.assert_allclose(ends, [segment[-1] for segment in segments])
    assert np.mean([shown_class(axes, *end) for end in ends] == net.predict(theta, X)) > 0.95
    assert np.mean(np.linalg.norm(ends - [segment[0] for segment in segments], axis=1)) > 0.5


def test_panels_show_the_states(rng):
    """With two components the states are shown as they are."""
    net = mgres.ResNet(2, 2, 2, depth=16, dtype=np.float64)
    theta, X, y = net.init(0), rng.standard_normal((9, 2)), rng.integers(0, 2, 9)
    first = plot.flow(net, theta, X, y, layers=[0, 5, 16])
    panels = first.figure.axes
    assert first is panels[0]
    assert len(panels) == 3
    for panel, state in zip(panels, net.states(theta, X, [0, 5, 16]), strict=True):
        np.testing.assert_allclose(offsets(panel), state, rtol=1e-12)
        assert panel.get_xlim() == first.get_xlim()
    assert [p.get_title() for p in panels[:2]] == ["before the first layer", "after layer 5 of 16"]


def test_panels_on_given_axes(classified):
    from matplotlib.figure import Figure

    net, theta, X, y = classified
    axes = Figure().subplots(1, 2)
    assert plot.flow(net, theta, X, y, layers=[0, 32], ax=axes) is axes[0]
    assert all(ax.has_data() for ax in axes)


def test_flow_of_many_classes_has_no_regions(rng, axes):
    net = mgres.ResNet(3, 6, 5, depth=300)
    X, y = rng.standard_normal((9, 3)), rng.integers(0, 5, 9)
    plot.flow(net, net.init(0), X, y, ax=axes)
    assert len(axes.images) == 0
    assert len(next(c for c in axes.collections if hasattr(c, "get_segments")).get_segments()) == 9


def test_some_layers():
    assert some_layers(4, 64) == [0, 1, 2, 3, 4]
    assert some_layers(100, 4) == [0, 25, 50, 75, 100]
    many = some_layers(2047, 60)
    assert len(many) == len({*many}) == 61
    assert (many[0], many[-1]) == (0, 2047)


def test_animation(classified, tmp_path):
    Image = pytest.importorskip("PIL.Image")  # noqa: N806
    net, theta, X, y = classified
    path = plot.animate_flow(net, theta, X, y, str(tmp_path / "flow.gif"), frames=4, fps=2, dpi=30)
    assert path == tmp_path / "flow.gif"
    with Image.open(path) as image:
        pictures = []
        for i in range(image.n_frames):
            image.seek(i)
            pictures.append(np.asarray(image.convert("RGB"), float))
        assert 2 <= image.n_frames <= 4 + 2
    below_the_title = slice(len(pictures[0]) // 5, None)
    change = np.abs(pictures[0] - pictures[-1])[below_the_title]
    assert np.mean(change > 50) > 0.005  # the points have moved


WRONG = [
    ({"y": np.zeros(80)}, TypeError, "y: expected integers, the classes, got dtype float64"),
    ({"y": np.zeros(3, int)}, ValueError, r"y: expected shape \(80,\), got \(3,\)"),
    ({"y": np.full(80, -1)}, ValueError, "y: expected classes from 0, got -1"),
    ({"X": np.zeros((80, 3))}, ValueError, r"X: expected shape \(n, 2\), got \(80, 3\)"),
    ({"X": np.zeros((0, 2))}, ValueError, r"X: expected shape \(n, 2\)"),
    ({"X": np.full((80, 2), np.nan)}, ValueError, "X: expected finite numbers"),
    ({"theta": np.zeros(3)}, ValueError, "theta: expected shape"),
    ({"theta": [0.0]}, TypeError, "theta: expected a numpy array, got list"),
    ({"net": "net"}, TypeError, "net: expected a ResNet( or a Network)?, got str"),
]
OF_REGIONS = [
    ({"layer": 33}, ValueError, "layer: expected a number from 0 to 32, got 33"),
    ({"layer": 0.5}, TypeError, "float"),
    ({"resolution": 1}, ValueError, "resolution: expected at least 2, got 1"),
    ({"ax": "ax"}, TypeError, "ax: expected matplotlib Axes, got str"),
]
OF_FLOW = [
    ({"layers": []}, ValueError, "layers: expected at least one, got none"),
    ({"layers": [40]}, ValueError, "layers: expected numbers from 0 to 32, got 40"),
]
OF_ANIMATION = [
    ({"path": "a.txt"}, ValueError, "path: expected a name that ends with .gif or .mp4"),
    ({"frames": 1}, ValueError, "frames: expected at least 2, got 1"),
    ({"fps": 0}, ValueError, "fps: expected at least 1, got 0"),
]
CASES = [
    *((plot.decision_regions, *case) for case in WRONG + OF_REGIONS),
    *((plot.flow, *case) for case in WRONG + OF_FLOW),
    *((plot.animate_flow, *case) for case in WRONG + OF_ANIMATION),
]


@pytest.mark.parametrize(("function", "wrong", "error", "message"), CASES)
def test_wrong_arguments(function, wrong, error, message, classified, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    arguments = dict(zip(("net", "theta", "X", "y"), classified, strict=True))
    if function is plot.animate_flow:
        arguments["path"] = "flow.gif"
    with pytest.raises(error, match=message):
        function(**{**arguments, **wrong})
    assert plt.get_fignums() == []
    assert not any(tmp_path.iterdir())


def test_networks_that_cannot_be_drawn(rng):
    X, y = rng.standard_normal((4, 3)), np.zeros(4, int)
    net = mgres.ResNet(3, 4, 2, depth=4)
    with pytest.raises(ValueError, match="net: expected a network with 2 inputs, got 3"):
        plot.decision_regions(net, net.init(0), X, y)
    one = mgres.ResNet(2, 4, 1, depth=4)
    with pytest.raises(ValueError, match="net: expected a network with 2 outputs or more, got 1"):
        plot.decision_regions(one, one.init(0), X[:, :2], y)
    thin = mgres.ResNet(2, 1, 2, depth=4)
    with pytest.raises(ValueError, match="net: expected a width of at least 2, got 1"):
        plot.flow(thin, thin.init(0), X[:, :2], y)


def test_number_of_axes(classified, axes):
    with pytest.raises(ValueError, match="ax: expected 2 Axes, got 1"):
        plot.flow(*classified, layers=[0, 32], ax=axes)


def test_mp4_without_ffmpeg_says_so(classified, tmp_path, monkeypatch):
    from matplotlib.animation import FFMpegWriter

    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(RuntimeError, match=r"flow.mp4 needs ffmpeg, .* try .gif"):
        plot.animate_flow(*classified, tmp_path / "flow.mp4")

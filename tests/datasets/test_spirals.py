"""The spirals: where their points lie, and that equal seeds give equal points."""

import numpy as np
import pytest

from mgres.datasets import spirals


def test_points_lie_on_the_spiral_of_their_class():
    X, y, _, _ = spirals(3, 4000, 1, np.float64)
    angle = np.arctan2(X[:, 1], X[:, 0]) - np.pi * y
    # phi = 3 pi u and |x| = 2 u: the angle that the radius asks for, modulo a full turn
    radius = np.hypot(X[:, 0], X[:, 1])
    excess = np.angle(np.exp(1j * (angle - 3 * np.pi * radius / 2)))
    # the noise, 0.03 in every direction, turns a point by 0.03 / |x| and moves it across by as
    # much as 0.03 * 3 pi / 2 in the angle
    expected = np.hypot(0.03 / radius, 0.03 * 1.5 * np.pi)
    assert np.std(excess / expected) == pytest.approx(1, abs=0.05)
    assert abs(np.mean(excess / expected)) < 0.06
    assert np.mean(y) == pytest.approx(0.5, abs=0.03)


def test_u_squared_is_uniform():
    X = spirals(4, 5000, 1, np.float64)[0]
    share = np.sort((np.hypot(X[:, 0], X[:, 1]) / 2) ** 2)
    expected = 0.02 + 0.98 * np.linspace(0, 1, 5000)
    assert np.max(np.abs(share - expected)[100:-100]) < 0.04


def test_seeds_and_sizes():
    a, b = spirals(1), spirals(1)
    assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert not np.array_equal(a[0], spirals(2)[0])
    assert [p.shape for p in a] == [(600, 2), (600,), (400, 2), (400,)]
    assert [str(p.dtype) for p in a] == ["float32", "int64", "float32", "int64"]
    assert np.array_equal(spirals(1, 100, 7)[0], a[0][:100])
    assert np.array_equal(spirals(1, dtype=np.float64)[0].astype(np.float32), a[0])
    assert all(p.flags.c_contiguous for p in a)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_train": 0}, "n_train: expected an integer from 1, got 0"),
        ({"n_val": 1.5}, "n_val: expected an integer from 1, got 1.5"),
        ({"dtype": "int32"}, "dtype: expected float32 or float64"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        spirals(0, **changes)

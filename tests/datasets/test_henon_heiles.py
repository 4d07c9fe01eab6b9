"""The flow map against another integrator, and what mechanics says that it keeps."""

import math

import numpy as np
import pytest

from mgres.datasets import henon_heiles


def energy(s):
    q1, q2, p1, p2 = s.T
    return 0.5 * (p1**2 + p2**2 + q1**2 + q2**2) + q1**2 * q2 - q2**3 / 3


def runge_kutta(starts, final_time, steps=2000):
    def rate(s):
        q1, q2, p1, p2 = s.T
        return np.stack([p1, p2, -q1 - 2 * q1 * q2, -q2 - q1**2 + q2**2], axis=1)

    s, h = starts.copy(), final_time / steps
    for _ in range(steps):
        a = rate(s)
        b = rate(s + h / 2 * a)
        c = rate(s + h / 2 * b)
        d = rate(s + h * c)
        s = s + h / 6 * (a + 2 * b + 2 * c + d)
    return s


@pytest.mark.parametrize("final_time", [math.pi, 8])
def test_end_states_are_those_of_a_fourth_order_method(final_time):
    X, Y, X_val, val_ends = henon_heiles(5, 60, 40, np.float64, final_time)
    assert np.max(np.abs(Y - runge_kutta(X, final_time))) < 1e-5
    assert np.max(np.abs(val_ends - runge_kutta(X_val, final_time))) < 1e-5
    assert np.max(np.abs(Y - X)) > 0.5  # it is not the identity


def test_energy_is_kept():
    X, Y, _, _ = henon_heiles(3, 200, 1, np.float64, 10.0, 1 / 6)
    assert np.max(np.abs(energy(Y) - energy(X))) < 1e-6


def test_small_oscillations_turn_by_half_a_period():
    X, Y, _, _ = henon_heiles(3, 50, 1, np.float64, energy=1e-8)
    assert np.max(np.abs(Y + X)) < 1e-6


@pytest.mark.parametrize(("most", "reach"), [(1 / 12, 0.5), (1 / 6, 1)])
def test_starts_fill_the_inside_of_the_energy_surface(most, reach):
    X = henon_heiles(1, 10000, 1, np.float64, 0.1, most)[0]
    assert np.all(energy(X) <= most)
    # the same set from a larger box, cut out by the distance from the origin along each ray: the
    # well ends where the potential has its maximum on the ray, at r = -1 / sin 3 phi
    box = np.random.default_rng(2).uniform(-1, 1, (400_000, 4)) * [1, 1, 0.6, 0.6]
    r, phi = np.hypot(box[:, 0], box[:, 1]), np.arctan2(box[:, 1], box[:, 0])
    expected = box[(energy(box) <= most) & (-r * np.sin(3 * phi) <= 1)]
    levels = np.linspace(0, 1, 101)
    for measure in (energy, lambda s: np.hypot(s[:, 0], s[:, 1]), lambda s: s[:, 1]):
        found, quantiles = np.sort(measure(X)), np.quantile(measure(expected), levels)
        shares = np.searchsorted(found, quantiles, side="right") / len(X)
        assert np.max(np.abs(shares - levels)) < 0.03
    assert 0.85 * reach < np.max(np.hypot(X[:, 0], X[:, 1])) < reach  # to the saddle points


def test_small_energies_fill_a_ball():
    X = henon_heiles(1, 3000, 1, np.float64, 0.1, 1e-8)[0]
    volume = np.sort(np.sum(X**2, axis=1) / 2e-8) ** 2
    assert np.max(np.abs(volume - np.linspace(0, 1, 3000))) < 0.05


def test_seeds_and_sizes():
    a, b = henon_heiles(1, 50, 20), henon_heiles(1, 50, 20)
    assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert [p.shape for p in a] == [(50, 4), (50, 4), (20, 4), (20, 4)]
    assert {str(p.dtype) for p in a} == {"float32"}
    assert all(p.flags.c_contiguous for p in a)
    assert not np.array_equal(a[0], henon_heiles(2, 50, 20)[0])
    longer = henon_heiles(1, 50, 3000)
    assert np.array_equal(longer[0], a[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_train": 0}, "n_train: expected an integer from 1, got 0"),
        ({"n_val": True}, "n_val: expected an integer from 1, got True"),
        ({"final_time": 0}, "final_time: expected a positive number, got 0"),
        ({"energy": 0.2}, r"energy: expected a number in \(0, 1/6\], got 0.2"),
        ({"energy": "1/12"}, r"energy: expected a number in \(0, 1/6\], got '1/12'"),
        ({"dtype": "int32"}, "dtype: expected float32 or float64"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        henon_heiles(0, **changes)

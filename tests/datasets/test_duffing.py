"""The flow map against another integrator, and against what energy must do."""

import numpy as np
import pytest

from mgres.datasets import duffing


def runge_kutta(starts, final_time, steps=2000):
    def rate(t, s):
        x, p = s[:, 0], s[:, 1]
        return np.stack([p, -0.1 * p + x - x**3 + 0.4 * np.cos(1.2 * t)], axis=1)

    s, h = starts.copy(), final_time / steps
    for k in range(steps):
        t = k * h
        a = rate(t, s)
        b = rate(t + h / 2, s + h / 2 * a)
        c = rate(t + h / 2, s + h / 2 * b)
        d = rate(t + h, s + h * c)
        s = s + h / 6 * (a + 2 * b + 2 * c + d)
    return s


@pytest.mark.parametrize("final_time", [4.0, 1])
def test_end_states_are_those_of_a_fourth_order_method(final_time):
    X, Y, X_val, val_ends = duffing(5, 60, 40, np.float64, final_time)
    assert np.max(np.abs(Y - runge_kutta(X, final_time))) < 2e-5
    assert np.max(np.abs(val_ends - runge_kutta(X_val, final_time))) < 2e-5
    assert np.max(np.abs(Y - X)) > 0.5  # it is not the identity


def test_starts_fill_the_square():
    X = duffing(1, 3000, 1, np.float64, 0.1)[0]
    assert np.all((X >= -1.2) & (X < 1.2))
    assert np.max(np.abs(np.sort(X, axis=0) - np.linspace(-1.2, 1.2, 3000)[:, None])) < 0.08


def test_seeds_and_sizes():
    a, b = duffing(1, 50, 20), duffing(1, 50, 20)
    assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))
    assert [p.shape for p in a] == [(50, 2), (50, 2), (20, 2), (20, 2)]
    assert {str(p.dtype) for p in a} == {"float32"}
    assert all(p.flags.c_contiguous for p in a)
    assert not np.array_equal(a[0], duffing(2, 50, 20)[0])
    longer = duffing(1, 50, 30)
    assert np.array_equal(longer[0], a[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_train": 0}, "n_train: expected an integer from 1, got 0"),
        ({"n_val": True}, "n_val: expected an integer from 1, got True"),
        ({"final_time": 0}, "final_time: expected a positive number, got 0"),
        ({"final_time": "4"}, "final_time: expected a positive number, got '4'"),
        ({"final_time": True}, "final_time: expected a positive number, got True"),
        ({"final_time": 10**400}, "final_time: expected a positive number"),
        ({"dtype": "int32"}, "dtype: expected float32 or float64"),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        duffing(0, **changes)


def test_the_time_may_be_a_number_of_numpy():
    for time in (np.float32(0.5), np.int8(1)):
        for found, expected in zip(
            duffing(0, 5, 5, final_time=time),
            duffing(0, 5, 5, final_time=float(time)),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)

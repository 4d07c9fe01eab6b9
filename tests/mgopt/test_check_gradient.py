"""`check_gradient` passes what is right, and catches one planted fault each."""

import numpy as np
import pytest

from mgres.testing import Quadratic, check_gradient

from .verdicts import DTYPES, assert_fails


class Function:
    """An objective from a value and a gradient function."""

    def __init__(self, value, gradient, n=5, dtype=np.float64):
        self.size, self.dtype = n, np.dtype(dtype)
        self._value, self._gradient = value, gradient

    def value(self, x):
        return float(self._value(x))

    def value_and_grad(self, x, out):
        out[:] = self._gradient(x)
        return self.value(x)


def point(n=5, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal(n).astype(dtype)


SMOOTH = {
    "exponential": (lambda x: np.sum(np.exp(x)), np.exp),
    "quadratic": (lambda x: np.sum(x * x), lambda x: 2 * x),
    "quartic": (lambda x: np.sum(x**4), lambda x: 4 * x**3),
    "offset": (lambda x: 1e3 + np.sum(np.sin(x)), np.cos),
    "linear": (lambda x: np.sum(3 * x), lambda x: np.full_like(x, 3)),
    "constant": (lambda x: 7.0, np.zeros_like),
    "zero": (lambda x: 0.0, np.zeros_like),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SMOOTH)
def test_right_gradient_passes(name, dtype):
    report = check_gradient(Function(*SMOOTH[name], dtype=dtype), point(dtype=dtype))
    assert report.ok, str(report)
    for direction in report.directions:
        if name in ("linear", "constant", "zero"):
            assert np.isnan(direction.order)
        else:
            assert direction.order == pytest.approx(2, abs=0.1 if dtype == np.float64 else 0.3)
        assert direction.error <= report.tolerance + 4 * direction.uncertainty


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["quadratic", "quartic", "exponential"])
def test_right_gradient_passes_where_it_vanishes(name, dtype):
    value, gradient = SMOOTH[name]
    if name == "exponential":
        value, gradient = (lambda x: np.sum(np.exp(x) - x)), (lambda x: np.exp(x) - 1)
    check_gradient(Function(value, gradient, dtype=dtype), np.zeros(5, dtype)).raise_if_failed()


@pytest.mark.parametrize("name", ["exponential", "quadratic", "offset", "linear"])
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-4), (np.float32, 0.05)])
def test_gradient_off_by_a_little_fails(name, dtype, error):
    value, gradient = SMOOTH[name]
    wrong = Function(value, lambda x: gradient(x) * (1 + error), dtype=dtype)
    report = check_gradient(wrong, point(dtype=dtype))
    assert not report.ok
    assert "central difference" in report.failures[0]
    if dtype == np.float64:
        assert "instead of e^2" in report.failures[1]
        assert all(d.order == pytest.approx(1, abs=0.1) for d in report.directions)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_wrong_component_of_many_fails(dtype):
    def gradient(x):
        g = np.exp(x)
        g[17] *= 0.5
        return g

    f = Function(SMOOTH["exponential"][0], gradient, 200, dtype)
    assert not check_gradient(f, point(200, dtype)).ok


def test_gradient_claimed_to_vanish_fails():
    assert not check_gradient(Function(SMOOTH["exponential"][0], np.zeros_like), point()).ok


def test_kink_fails():
    # central differences at a kink agree with the subgradient 0; the remainder does not
    f = Function(lambda x: np.sum(np.abs(x)), lambda x: np.zeros_like(x))
    report = check_gradient(f, np.zeros(5), directions=1)
    assert_fails(report, "remainder falls like e^1.00")


def test_relu_network_of_width_one_passes():
    # kinks elsewhere: a sum of many of them, none at x
    centres = np.linspace(-2, 2, 4001)[:, None]
    f = Function(
        lambda x: np.mean(np.maximum(x - centres, 0) ** 2),
        lambda x: 2 * np.mean(np.maximum(x - centres, 0), axis=0) / 5,
    )
    check_gradient(f, point()).raise_if_failed()


def test_mask_leaves_frozen_parameters_out():
    frozen = np.array([False, True, False, True, False])
    f = Function(SMOOTH["exponential"][0], lambda x: np.where(frozen, 0, np.exp(x)))
    assert not check_gradient(f, point()).ok
    check_gradient(f, point(), mask=~frozen).raise_if_failed()


def test_values_that_disagree_fail():
    class Forked(Quadratic):
        def value(self, x):
            return super().value(x) + 0.01 * self.size

    report = check_gradient(Forked(np.ones(5)), point())
    assert "value returned" in report.failures[0]


def test_gradient_that_is_not_finite_or_not_written_fails():
    class Partial(Quadratic):
        def value_and_grad(self, x, out):
            out[1:] = x[1:]
            return self.value(x)

        def value(self, x):
            return float(x @ x) / 2

    assert_fails(check_gradient(Partial(np.ones(5)), point()), "not written at 0 (1 places)")
    nowhere = Function(lambda x: np.nan, lambda x: x)
    assert "f(x) is nan" in check_gradient(nowhere, point()).failures[0]


def test_objective_that_changes_x_fails_and_x_is_restored():
    class Intrusive(Quadratic):
        def value_and_grad(self, x, out):
            value = super().value_and_grad(x, out)
            x += 1e-3
            return value

        def value(self, x):
            return float(x @ x) / 2

    x = point()
    assert "changed x" in check_gradient(Intrusive(np.ones(5)), x).failures[0]
    np.testing.assert_array_equal(x, point())


def test_gradient_report_prints_its_numbers():
    text = str(check_gradient(Quadratic([1.0, 2.0]), np.ones(2), directions=2))
    assert text.startswith("check_gradient: ok\n  f = 1.5, |g| = 2.23607, tolerance 1e-06\n")
    assert "Taylor order" in text
    assert text.count(" 2.00") == 2
    assert len(text.splitlines()) == 5


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"x": np.ones(4)}, "x"),
        ({"x": np.ones(5, np.float32)}, "x"),
        ({"mask": np.ones(4, bool)}, "mask"),
        ({"mask": np.zeros(5, bool)}, "mask"),
        ({"mask": np.ones(5, int)}, "mask"),
        ({"directions": 0}, "directions"),
    ],
)
def test_check_gradient_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        check_gradient(Quadratic(np.ones(5)), **{"x": np.ones(5), **arguments})

import numpy as np
import pytest

from mgres.mgopt import Armijo, FixedStep, Step, Tilted
from mgres.testing import Quadratic


class Scripted:
    """An objective that returns given values in turn and remembers where it was asked."""

    size, dtype = 1, np.dtype(np.float64)

    def __init__(self, *values):
        self.values = list(values)
        self.points = []

    def value(self, x):
        self.points.append(x.copy())
        return self.values.pop(0)


X, D = np.array([1.0]), np.array([2.0])


def search(line_search, *values, fx=10.0, slope=-1.0):
    f = Scripted(*values)
    x, d = X.copy(), D.copy()
    step = line_search(f, x, d, fx, slope)
    assert np.array_equal(x, X)
    assert np.array_equal(d, D)
    return step, [float(p[0]) for p in f.points]


def test_fixed_step_looks_at_nothing():
    assert search(FixedStep()) == (Step(1.0, True, 0), [])
    assert search(FixedStep(0.25)) == (Step(0.25, True, 0), [])


def test_armijo_takes_the_first_sufficient_decrease():
    step, points = search(Armijo(), 11.0, 10.5, 9.0, 0.0)
    assert step == Step(0.25, True, 3)
    assert points == [3.0, 2.0, 1.5]


def test_armijo_uses_its_own_factors():
    step, points = search(Armijo(initial=4.0, shrink=0.1), 11.0, 9.0)
    assert step == Step(pytest.approx(0.4), True, 2)
    assert points == pytest.approx([9.0, 1.8])


@pytest.mark.parametrize("c1", [1e-4, 0.1, 0.9])
def test_armijo_condition_is_sharp(c1):
    # f(x + d) <= f(x) + c1 * slope, equality included
    bound = 10.0 + c1 * -2.0
    assert search(Armijo(c1=c1, max_trials=1), bound, slope=-2.0)[0].accepted
    above = np.nextafter(bound, np.inf)
    assert not search(Armijo(c1=c1, max_trials=1), above, slope=-2.0)[0].accepted


def test_armijo_condition_scales_with_alpha():
    # half the step needs half the decrease: 10 - 0.5 * 0.5 * 2 = 9.5
    assert search(Armijo(c1=0.5), 9.5, 9.5, slope=-2.0)[0] == Step(0.5, True, 2)


@pytest.mark.parametrize("max_trials", [1, 3, 10])
def test_armijo_gives_up(max_trials):
    step, points = search(Armijo(max_trials=max_trials), *[11.0] * max_trials)
    assert step == Step(0.0, False, max_trials)
    assert len(points) == max_trials


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_armijo_takes_no_value_that_is_not_finite(bad):
    assert search(Armijo(), bad, bad, 9.0)[0] == Step(0.25, True, 3)


def test_armijo_rejects_everything_if_the_start_is_nan():
    assert not search(Armijo(max_trials=2), 1.0, 1.0, fx=np.nan)[0].accepted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_armijo_on_a_quadratic(dtype):
    # f = |x|^2 along -x * 4: lengths 1 and 1/2 do not decrease, 1/4 is the minimiser
    f = Quadratic([2.0, 2.0], dtype=dtype)
    x = np.array([1.0, -3.0], dtype)
    gradient = np.empty_like(x)
    fx = f.value_and_grad(x, gradient)
    d = -4 * x
    assert Armijo()(f, x, d, fx, float(gradient @ d)) == Step(0.25, True, 3)


def test_armijo_sees_the_coupling():
    # h(x) = f(x) - <v, x - x0> decreases along d although f itself increases
    f = Quadratic([1.0])
    origin = np.array([1.0])
    surrogate = Tilted(f, origin, np.array([-3.0]))
    d = np.array([1.0])
    assert not Armijo()(f, origin, d, f.value(origin), -1e-3).accepted
    assert Armijo()(surrogate, origin, d, surrogate.value(origin), -3.0) == Step(1.0, True, 1)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *[(lambda a=a: FixedStep(a), "alpha") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda a=a: Armijo(initial=a), "initial") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda c=c: Armijo(c1=c), "c1") for c in (0.0, 1.0, -0.1, np.nan)],
        *[(lambda s=s: Armijo(shrink=s), "shrink") for s in (0.0, 1.0, 1.5, np.nan)],
        *[(lambda n=n: Armijo(max_trials=n), "max_trials") for n in (0, -1)],
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        make()

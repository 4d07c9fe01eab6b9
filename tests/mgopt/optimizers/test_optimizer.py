import numpy as np
import pytest

from mgres.mgopt import (
    LBFGS,
    LSR1,
    Adam,
    AdamW,
    Diagonal,
    Euclidean,
    GradientDescent,
    Momentum,
    Nesterov,
    RMSprop,
    StepDecay,
    Tilted,
    WarmUp,
)
from mgres.problems import NewtonStep
from mgres.testing import Quadratic, check_optimizer

EVERY = [
    GradientDescent(0.3),
    Momentum(0.1),
    Momentum(0.05, 0.95),
    Momentum(0.3, 0.0),
    Momentum(0.1, nesterov=True),
    Adam(0.1),
    Adam(0.05, beta1=0.0, beta2=0.5, epsilon=1e-3),
    Nesterov(0.05),
    AdamW(0.1, weight_decay=0.0),
    AdamW(0.05, weight_decay=0.1),
    RMSprop(0.02),
    RMSprop(0.005, momentum=0.8),
    GradientDescent(StepDecay(0.5, every=50)),
    Adam(WarmUp(0.1, steps=5)),
    LBFGS(),
    LBFGS(memory=3),
    LSR1(),
    LSR1(memory=3, skip=1e-8),
]
TOLERANCE = {np.float32: 2e-6, np.float64: 1e-14}
WEIGHTS = np.array([0.25, 1.0, 4.0])


# ---- textbook loops: g(x) is the gradient, already in the metric ---------------------------------


def gradient_descent(g, x, steps, alpha):
    for _ in range(steps):
        x = x - alpha * g(x)
    return x


def heavy_ball(g, x, steps, alpha, mu):
    """Polyak: x_{k+1} = x_k - alpha g(x_k) + mu (x_k - x_{k-1})."""
    previous = x
    for _ in range(steps):
        x, previous = x - alpha * g(x) + mu * (x - previous), x
    return x


def nesterov(g, x, steps, alpha, mu):
    """Nesterov: the gradient is taken at x + mu v; returns the last such look-ahead point."""
    v = np.zeros_like(x)
    for _ in range(steps):
        v = mu * v - alpha * g(x + mu * v)
        x = x + v
    return x + mu * v


def adam(g, x, steps, alpha, beta1, beta2, epsilon):
    """Kingma and Ba, algorithm 1, with the moments written out as sums."""
    gradients = []
    for t in range(1, steps + 1):
        gradients.append(g(x))
        ages = np.arange(t)[::-1]
        m = sum((1 - beta1) * beta1**a * h for a, h in zip(ages, gradients, strict=True))
        s = sum((1 - beta2) * beta2**a * h**2 for a, h in zip(ages, gradients, strict=True))
        x = x - alpha * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + epsilon)
    return x


def adam_w(g, x, steps, alpha, decay):
    """Loshchilov and Hutter, algorithm 2, with a sequence of learning rates."""
    m = v = np.zeros_like(x)
    for t in range(1, steps + 1):
        h, a = g(x), alpha[t - 1]
        m, v = 0.9 * m + 0.1 * h, 0.999 * v + 0.001 * h**2
        x = x - a * (m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8) + decay * x)
    return x


def rmsprop(g, x, steps, alpha, rho, mu, epsilon):
    """Tieleman and Hinton, with the mean square and the velocity written out as sums."""
    squares, normalised = [], []
    for t in range(steps):
        h = g(x)
        squares.append(h**2)
        mean = sum((1 - rho) * rho ** (t - k) * q for k, q in enumerate(squares))
        normalised.append(h / (np.sqrt(mean) + epsilon))
        x = x - alpha * sum(mu ** (t - k) * n for k, n in enumerate(normalised))
    return x


def scheduled_nesterov(g, x, steps, alpha, mu):
    """The form of Sutskever 2013 for x itself, with a sequence of learning rates."""
    u = np.zeros_like(x)
    for k in range(steps):
        h = g(x)
        u = mu * u + h
        x = x - alpha[k] * (h + mu * u)
    return x


HALVING = [0.2 / 2 ** (k // 4) for k in range(12)]
GROWING = [0.1 * min(k + 1, 6) / 6 for k in range(12)]

CASES = [
    (GradientDescent(0.2), gradient_descent, (0.2,)),
    (Momentum(0.1, 0.8), heavy_ball, (0.1, 0.8)),
    (Momentum(0.1, 0.0), gradient_descent, (0.1,)),
    (Momentum(0.1, 0.8, nesterov=True), nesterov, (0.1, 0.8)),
    (Adam(0.1), adam, (0.1, 0.9, 0.999, 1e-8)),
    (Adam(0.03, 0.5, 0.7, 1e-2), adam, (0.03, 0.5, 0.7, 1e-2)),
    (Nesterov(0.1, 0.8), nesterov, (0.1, 0.8)),
    (Nesterov(StepDecay(0.2, every=4), 0.3), scheduled_nesterov, (HALVING, 0.3)),
    (AdamW(0.1, weight_decay=0.2), adam_w, ([0.1] * 12, 0.2)),
    (AdamW(WarmUp(0.1, steps=5), weight_decay=0.2), adam_w, (GROWING, 0.2)),
    (RMSprop(0.1), rmsprop, (0.1, 0.9, 0.0, 1e-8)),
    (RMSprop(0.03, 0.5, 0.7, 1e-2), rmsprop, (0.03, 0.5, 0.7, 1e-2)),
]


class Cosh:
    """f(x) = sum cosh(x_i - i), which is not quadratic."""

    def __init__(self, n, dtype):
        self.size, self.dtype = n, np.dtype(dtype)
        self._shift = np.arange(n).astype(dtype)

    def value(self, x):
        return float(np.sum(np.cosh(x - self._shift)))

    def value_and_grad(self, x, out):
        np.sinh(x - self._shift, out=out)
        return self.value(x)


def run(optimizer, f, x, metric, steps):
    x = x.copy()
    state = optimizer.init(x, metric)
    for _ in range(steps):
        optimizer.step(f, x, state)
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["euclidean", "diagonal"])
@pytest.mark.parametrize(
    ("optimizer", "reference", "arguments"), CASES, ids=[str(case[0]) for case in CASES]
)
def test_textbook_loop(optimizer, reference, arguments, weights, dtype):
    f = Cosh(3, dtype)
    start = np.array([0.5, 2.0, 1.0])
    metric = Euclidean() if weights is None else Diagonal(weights.astype(dtype))
    w = np.ones(3) if weights is None else weights
    x = run(optimizer, f, start.astype(dtype), metric, 12)
    expected = reference(lambda y: np.sinh(y - np.arange(3)) / w, start, 12, *arguments)
    assert x.dtype == dtype
    np.testing.assert_allclose(x, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", EVERY, ids=str)
def test_contract(optimizer, dtype):
    report = check_optimizer(optimizer, dtype=dtype)
    report.raise_if_failed()
    assert not report.warnings
    assert report.drift == 0
    if isinstance(optimizer, LBFGS | LSR1):
        assert 1 <= report.cost < 2
        assert all(trial.steps is not None for trial in report.trials)
    else:
        assert report.cost == 1
    if not isinstance(optimizer, Adam | RMSprop | LBFGS | LSR1):
        assert report.metric_deviation < 1e-6


@pytest.mark.parametrize("optimizer", EVERY, ids=str)
def test_step_returns_the_value_before(optimizer):
    f, x = Cosh(3, np.float64), np.array([0.5, 2.0, 1.0])
    state = optimizer.init(x, Euclidean())
    for _ in range(3):
        before = f.value(x)
        assert optimizer.step(f, x, state) == before


def test_adam_first_step_has_the_length_of_the_learning_rate():
    x = run(Adam(0.01), Cosh(3, np.float64), np.array([1.0, 0.0, 5.0]), Euclidean(), 1)
    np.testing.assert_allclose(x, [0.99, 0.01, 4.99], rtol=1e-7)


def test_init_keeps_no_reference_to_x():
    for optimizer in EVERY:
        x = np.ones(3)
        state = optimizer.init(x, Euclidean())
        for name, value in vars(state).items():
            if isinstance(value, np.ndarray):
                assert not np.shares_memory(value, x), name


def test_newton_step_minimises_a_tilted_quadratic():
    rng = np.random.default_rng(8)
    root = rng.standard_normal((5, 5))
    f = Quadratic(root @ root.T + np.eye(5), rng.standard_normal(5))
    surrogate = Tilted(f, rng.standard_normal(5), rng.standard_normal(5))
    newton, x, gradient = NewtonStep(f), np.zeros(5), np.empty(5)
    before = surrogate.value(x)
    assert newton.step(surrogate, x, newton.init(x, Euclidean())) == pytest.approx(before)
    surrogate.value_and_grad(x, gradient)
    assert np.linalg.norm(gradient) < 1e-13


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *[(lambda a=a: GradientDescent(a), "learning_rate") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda a=a: Momentum(a), "learning_rate") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda a=a: Adam(a), "learning_rate") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda m=m: Momentum(0.1, m), "momentum") for m in (-0.1, 1.0, 2.0, np.nan)],
        *[(lambda b=b: Adam(beta1=b), "beta1") for b in (-0.1, 1.0, 2.0, np.nan)],
        *[(lambda b=b: Adam(beta2=b), "beta2") for b in (-0.1, 1.0, 2.0, np.nan)],
        *[(lambda e=e: Adam(epsilon=e), "epsilon") for e in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda a=a: Nesterov(a), "learning_rate") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda a=a: RMSprop(a), "learning_rate") for a in (0.0, -1.0, np.nan, np.inf)],
        *[(lambda m=m: RMSprop(decay=m), "decay") for m in (-0.1, 1.0, np.nan)],
        *[(lambda m=m: RMSprop(momentum=m), "momentum") for m in (-0.1, 1.0, np.nan)],
        *[(lambda e=e: RMSprop(epsilon=e), "epsilon") for e in (0.0, -1.0, np.nan)],
        *[(lambda d=d: AdamW(weight_decay=d), "weight_decay") for d in (-0.1, np.nan, np.inf)],
        (lambda: AdamW(beta1=1.0), "beta1"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        make()


@pytest.mark.parametrize("make", [GradientDescent, Momentum, Nesterov, RMSprop, Adam, AdamW])
def test_learning_rate_of_wrong_type(make):
    with pytest.raises(TypeError, match=r"^learning_rate: expected a number or .*, got str"):
        make("0.1")


def test_optimizers_print_what_they_are():
    assert str(Nesterov(0.1)) == "Nesterov(learning_rate=0.1, momentum=0.9)"
    assert str(GradientDescent(StepDecay(0.5, 10))) == (
        "GradientDescent(learning_rate=StepDecay(initial=0.5, every=10, factor=0.5))"
    )


def test_adamw_leaves_alone_what_does_not_learn():
    class Partly(Cosh):
        """The last component has no influence: it is fixed."""

        def value_and_grad(self, x, out):
            value = super().value_and_grad(x, out)
            out[-1] = 0
            return value

    x = run(AdamW(0.1, weight_decay=0.5), Partly(3, np.float64), np.ones(3), Euclidean(), 4)
    assert x[-1] == 1
    assert x[0] < 0.7

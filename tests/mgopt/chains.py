"""A smooth problem that is not quadratic, and how to run cycles on it."""

import numpy as np

from mgres.mgopt import Diagonal, GradientDescent, Hierarchy, Level
from mgres.problems import PiecewiseConstant

DTYPES = [np.float32, np.float64]
STEP = GradientDescent(0.4)


class Chain:
    """f(x) = h sum log cosh(x_i - c_i) + h/2 sum ((x_{i+1} - x_i) / 2)^2: smooth, not quadratic."""

    def __init__(self, n, dtype=np.float64):
        self.size, self.dtype, self.h = n, np.dtype(dtype), 1 / n
        self.centres = np.sin(np.arange(n) * 7.0 / n).astype(dtype)

    def value(self, x):
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x, out):
        jumps = np.diff(x) / 2
        np.tanh(x - self.centres, out=out)
        out[1:] += jumps / 2
        out[:-1] -= jumps / 2
        out *= self.h
        smooth = np.sum(np.log(np.cosh(x - self.centres)))
        return float(self.h * (smooth + np.sum(jumps**2) / 2))


def chain_hierarchy(levels=3, n=16, dtype=np.float64, optimizer=STEP):
    made = []
    for i in range(levels):
        transfer = PiecewiseConstant(n // 2) if i < levels - 1 else None
        f = Chain(n, dtype)
        metric = Diagonal(np.full(n, f.h, dtype))
        made.append(Level(f, optimizer, transfer, metric))
        n //= 2
    return Hierarchy(made)


def run(hierarchy, cycle, x, cycles=1):
    x = x.copy()
    state = cycle.init(hierarchy, x)
    return x, [cycle.step(hierarchy, x, state) for _ in range(cycles)]


def start(n=16, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal(n).astype(dtype)

"""
An objective of your own: Poisson's equation
============================================

The engine minimises hierarchies of objectives on flat vectors; it does not ask where they come
from. Here they are written in a few lines: the energy of the one-dimensional Poisson equation on
grids of 2ᵏ − 1 nodes. On a quadratic MG/OPT is classical linear multigrid, so the answer is
known: a V-cycle reduces the error by a factor below 0.2 on every grid, however fine, whereas the
smoother alone needs a number of steps that grows like the square of the number of nodes.
"""

# %%
# The objective
# -------------
#
# Three things make an objective: `size`, `dtype`, and the methods `value` and `value_and_grad`.
# This one is :math:`f(x) = \tfrac12 x^T A x - b^T x` with :math:`A = s\,\mathrm{tridiag}(-1, 2,
# -1)`.

import matplotlib.pyplot as plt
import numpy as np

import mgres
from mgres.mgopt import Diagonal, MatrixTransfer
from mgres.testing import check_hierarchy


class Energy:
    """The energy of a string under the load `b`, fixed at both ends."""

    def __init__(self, b, scale=1.0):
        self.b, self.scale = b, scale
        self.size, self.dtype = b.size, b.dtype

    def value(self, x):
        """Return f(x)."""
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x, out):
        """Write A x - b to `out` and return f(x)."""
        out[:] = 2 * x
        out[1:] -= x[:-1]
        out[:-1] -= x[1:]
        out *= self.scale
        energy = x @ out / 2 - self.b @ x
        out -= self.b
        return float(energy)


# %%
# Levels
# ------
#
# Coarse nodes are every second fine node, and linear interpolation P is a small matrix. The
# Galerkin operator :math:`P^T A P` has the stencil of A at half its scale. The load on a coarse
# level does not matter: the coupling replaces it.
#
# The smoother is damped Jacobi: gradient descent with rate 2/3 in the metric of A's diagonal.


def interpolation(n):
    """Return P from (n - 1) / 2 nodes to n nodes."""
    P = np.zeros((n, (n - 1) // 2))
    for j in range(P.shape[1]):
        P[2 * j : 2 * j + 3, j] = 0.5, 1.0, 0.5
    return P


def levels(n, number):
    """Return `number` levels, the finest with n nodes."""
    b = np.random.default_rng(0).standard_normal(n)
    made = []
    for l in range(number):
        objective = Energy(b, scale=0.5**l)
        last = l == number - 1
        made.append(
            mgres.Level(
                objective,
                mgres.GradientDescent(2 / 3),
                transfer=None if last else MatrixTransfer(interpolation(b.size)),
                metric=Diagonal(np.full(b.size, 2 * objective.scale)),
            )
        )
        b = np.zeros((b.size - 1) // 2)
    return mgres.Hierarchy(made)


hierarchy = levels(255, 7)
print(hierarchy)

# %%
# Do the operators fit together? The check finds a wrong transpose or a projection that is none.

print(check_hierarchy(hierarchy, np.zeros(255)))

# %%
# Cycles
# ------
#
# One smoothing step before and after each correction, and twenty on the coarsest level, where
# there are few nodes. The factor is that of the energy's error per cycle, square-rooted, because
# energy is quadratic in the error.


def factors(n, number, cycles=12):
    """Return the reduction of the error's energy norm in each cycle."""
    hierarchy = levels(n, number)
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    b = hierarchy.finest.b
    exact = np.linalg.solve(A, b)
    steps = ", ".join(["1"] * (number - 1) + ["{20}"])
    cycle = mgres.VCycle(mgres.Schedule.parse(f"[{steps}]"))
    x = np.random.default_rng(1).standard_normal(n)
    state = cycle.init(hierarchy, x)
    errors = [(x - exact) @ A @ (x - exact)]
    for _ in range(cycles):
        cycle.step(hierarchy, x, state)
        errors.append((x - exact) @ A @ (x - exact))
    return np.sqrt(np.array(errors[1:]) / errors[:-1])


fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for number in (2, 3, 4, 5, 6, 7):
    left.plot(factors(255, number), "o-", label=f"{number} levels")
left.set(xlabel="cycle", ylabel="reduction of the error", title="255 nodes", ylim=(0, 1))
left.legend()

nodes = [15, 31, 63, 127, 255, 511]
right.semilogx(
    nodes,
    [factors(n, int(np.log2(n + 1)) - 1)[-1] for n in nodes],
    "o-",
    base=2,
    label="down to 3 nodes",
)
right.semilogx(nodes, [factors(n, 2)[-1] for n in nodes], "s--", base=2, label="2 levels")
right.set(xlabel="nodes", ylabel="reduction in cycle 12", title="all grids", ylim=(0, 1))
right.legend()

# %%
# With too few levels, twenty steps are no solver of the coarsest grid, and what the smoother
# cannot see stays. Once the coarsest grid has few nodes, the factor is below 0.2 and no longer
# depends on the number of nodes.

print(
    "last factors, down to 3 nodes:",
    [f"{factors(n, int(np.log2(n + 1)) - 1)[-1]:.3f}" for n in nodes],
)

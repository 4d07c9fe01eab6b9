"""A driven pendulum on long Euler steps: coarse trajectories end elsewhere than fine ones."""

from __future__ import annotations

import copy

import numpy as np

from mgres.mgopt import LBFGS, Diagonal, Hierarchy, Level
from mgres.problems import PiecewiseConstant

TARGET = np.array([1.0, 0.0])


class Pendulum:
    """1/2 |x(T) - z|^2 + beta/2 int u^2 dt with x_1' = x_2, x_2' = -4 sin x_1 - x_2 / 2 + u."""

    def __init__(self, steps, final_time=6.0, beta=1e-3):
        self.size, self.dtype, self.h = steps, np.dtype(np.float64), final_time / steps
        self.final_time, self.beta = final_time, beta
        self._defects, self._constant = np.zeros((steps, 2)), 0.0

    def _rate(self, x, u):
        return np.array([x[1], -4 * np.sin(x[0]) - x[1] / 2 + u])

    def states(self, u):
        states = [np.array([0.5, 0.0])]
        for n in range(self.size):
            x = states[-1]
            states.append(x + self.h * self._rate(x, u[n]) + self._defects[n])
        return np.array(states)

    def value(self, u):
        return self._value(u, self.states(u))

    def value_and_grad(self, u, out):
        states = self.states(u)
        p = states[-1] - TARGET
        for n in reversed(range(self.size)):
            out[n] = self.h * (p[1] + self.beta * u[n])
            jacobian = np.array([[0.0, 1.0], [-4 * np.cos(states[n][0]), -0.5]])
            p = p + self.h * jacobian.T @ p
        return self._value(u, states)

    def _value(self, u, states):
        misfit = states[-1] - TARGET
        return float(misfit @ misfit + self.beta * self.h * u @ u) / 2 + self._constant

    def with_state_defect(self, fine, x, origin):
        states = fine.states(x)[:: fine.size // self.size]
        shifted = copy.copy(self)
        shifted._defects = np.array(
            [
                states[n + 1] - states[n] - self.h * self._rate(states[n], origin[n])
                for n in range(self.size)
            ]
        )
        shifted._constant = 0.0
        shifted._constant = fine.value(x) - shifted.value(origin)
        return shifted


def pendulum_hierarchy(steps=128, levels=3, optimizer=None):
    made = []
    for i in range(levels):
        f = Pendulum(steps >> i)
        transfer = PiecewiseConstant(f.size // 2) if i < levels - 1 else None
        metric = Diagonal(np.full(f.size, f.h))
        made.append(Level(f, optimizer or LBFGS(), transfer, metric))
    return Hierarchy(made)

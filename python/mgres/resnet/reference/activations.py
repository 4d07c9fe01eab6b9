"""Activations and their derivatives in plain NumPy, for any floating-point type."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[Any]
LEAK = 0.01
"""Slope of leaky_relu below zero."""

HALF_WIDTH = 0.1
"""Of the parabola of smooth_relu."""


def sigma(activation: str, z: Numbers) -> tuple[Numbers, Numbers]:
    """Return the activation and its derivative at `z`; branches go by the real part."""
    positive = z.real > 0
    if activation == "relu":
        return np.where(positive, z, 0), np.where(positive, 1.0, 0.0)
    if activation == "leaky_relu":
        slope = np.where(positive, 1.0, LEAK).astype(z.real.dtype)
        return slope * z, slope
    if activation == "identity":
        return z, np.ones_like(z)
    if activation == "smooth_relu":
        w = HALF_WIDTH
        below, above = z.real <= -w, z.real >= w
        value = np.where(below, 0, np.where(above, z, (z + w) ** 2 / (4 * w)))
        return value, np.where(below, 0, np.where(above, 1, (z + w) / (2 * w)))
    if activation == "tanh":
        t = np.tanh(z)
        return t, 1 - t * t
    if activation == "elu":
        less = np.where(positive, 0, z)
        return np.where(positive, z, np.expm1(less)), np.exp(less)
    if activation == "gelu":
        share = normal_distribution(z)
        return z * share, share + z * normal_density(z)
    s = 1 / (1 + np.exp(-z))
    if activation == "logistic":
        return s, s * (1 - s)
    if activation == "silu":
        return z * s, s * (1 + z * (1 - s))
    if activation == "softplus":
        return np.where(positive, z, 0) + np.log1p(np.exp(np.where(positive, -z, z))), s
    raise ValueError(f"activation: {activation!r} is unknown")


def normal_density(z: Numbers) -> Numbers:
    """Return the density of the normal distribution."""
    density: Numbers = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return density


def normal_distribution(z: Numbers) -> Numbers:
    """Return its distribution function, of complex numbers up to the first order off the axis.

    Python's error function is real and in double precision.  The first order is all of it for the
    imaginary parts of a complex step.
    """
    x = z.real
    share = np.array([0.5 * math.erfc(-t / math.sqrt(2)) for t in x.ravel().tolist()])
    real = share.astype(x.dtype).reshape(x.shape)
    if not np.iscomplexobj(z):
        return real
    return real + 1j * z.imag * normal_density(x)

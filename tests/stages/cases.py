"""The networks of several stages that the tests of this folder go through."""

import mgres
from mgres.blocks import Conv1d, Conv2d, Dense, Filters, Gradient, Hamiltonian, TwoLayer
from mgres.stages import Conv, Linear, Resample, Stack


def vectors(dtype):
    """Features of three widths, full matrices and zeros between them."""
    stacks = [
        Stack(4, Dense(activation="tanh"), width=6, final_time=0.7),
        Linear(),
        Stack(6, TwoLayer(5, activation="silu", norm="layer"), width=9),
        Resample(),
        Stack(2, Gradient(7, activation="softplus", paced=True), width=12),
    ]
    return mgres.Network(Linear(), stacks, inputs=5, outputs=3, dtype=dtype)


def images(dtype):
    """Images of three sizes: strides, pooling, a pooled classifier."""
    stacks = [
        Stack(4, Conv2d(3, (8, 6), activation="tanh")),
        Conv(3),
        Stack(2, Conv2d(5, (4, 3), 1, norm="rms", activation="silu")),
        Conv((3, 1), "periodic"),
        Stack(4, TwoLayer(4, activation="gelu", filters=Filters(6, (2, 3)))),
    ]
    closing = Linear(pooled=True)
    return mgres.Network(Conv(3), stacks, closing, inputs=(2, 8, 6), outputs=4, dtype=dtype)


def pooled(dtype):
    """Average pooling with more channels, and from an image to features; Runge-Kutta."""
    stacks = [
        Stack(2, Conv2d(2, (4, 4), activation="softplus")),
        Resample(),
        Stack(2, Gradient(3, activation="tanh", filters=Filters(5, (2, 2)))),
        Linear(pooled=True),
        Stack(4, Dense(activation="silu"), width=7),
    ]
    opening = Resample()  # more channels than the inputs have
    return mgres.Network(opening, stacks, inputs=(1, 4, 4), outputs=2, scheme="rk4", dtype=dtype)


def series(dtype):
    """One dimension, with the connections of the default, and matched layers."""
    stacks = [Stack(3, Conv1d(2, 12, activation="tanh")), Stack(6, Conv1d(4, 4, 5))]
    net = mgres.Network(Conv(5), stacks, inputs=(3, 1, 12), outputs=3, dtype=dtype)
    return net.with_scheme("matched", 2.5)


def last_state(dtype):
    """The identity before and behind: the last state is the answer; Hamiltonian."""
    stacks = [Stack(3, Hamiltonian(activation="tanh"), width=4), Stack(3, Hamiltonian(3), width=6)]
    return mgres.Network(Resample(), stacks, Resample(), inputs=4, dtype=dtype)


CASES = {case.__name__: case for case in (vectors, images, pooled, series, last_state)}

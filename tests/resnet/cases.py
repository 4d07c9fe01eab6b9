"""The table of blocks: every kind, norm, pace and scheme, with the activations taken in turn."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import numpy as np

import mgres
from mgres import blocks, schemes

KINDS = {
    "dense": blocks.Dense(),
    "antisymmetric": blocks.Antisymmetric(0.3),
    "two_layer": blocks.TwoLayer(9),
    "gradient": blocks.Gradient(5),
    "ascent": blocks.Gradient(7, sign=1),
}
IMAGES = {
    "conv1d": blocks.Conv1d(5, 7),
    "conv1d-periodic": blocks.Conv1d(5, 5, 5, padding="periodic"),
    "conv2d": blocks.Conv2d(5, (4, 3)),
    "conv2d-groups": blocks.Conv2d(4, (3, 4), (1, 3), groups=2, padding="periodic"),
    "conv2d-depthwise": blocks.Conv2d(5, (3, 4), (3, 1), groups=5),
    "conv2d-pointwise": blocks.Conv2d(5, (2, 3), 1),
    "conv2d-squares": blocks.Conv2d(12, (4, 2)),
    "two_layer-conv2d": blocks.TwoLayer(6, filters=blocks.Filters(4, (4, 3), groups=2)),
    "two_layer-conv1d": blocks.TwoLayer(3, filters=blocks.Filters(5, 7, 5, padding="periodic")),
    "gradient-conv2d": blocks.Gradient(3, filters=blocks.Filters(6, (3, 4))),
    "gradient-conv2d-periodic": blocks.Gradient(
        4, filters=blocks.Filters(6, (3, 3), (3, 5), groups=2, padding="periodic")
    ),
}
"""Their width is that of the images, whatever is asked for.

Channels are at least four: with two, a norm divides by a difference that may be small, and no
digits are left to compare."""

SPARSE = {
    "sparse": blocks.Sparse(
        ([0, 0, 3, 7, 8, 8, 12, 15, 17], [0, 1, 7, 0, 3, 4, 6, 3, 1, 2, 5, 6, 5, 6, 7, 0, 7])
    ),
    "banded": blocks.Sparse(blocks.Banded(2, 1)),
}
"""The pattern has its own width and two empty rows, the band any width."""

SCHEMES = {"euler": schemes.Euler(), "matched": schemes.Matched(3), "rk4": schemes.RK4()}
KINKED = ("relu", "leaky_relu", "smooth_relu", "elu")
"""Their first or second derivative has a kink, where two programs may take different sides."""


def _table():
    activations = cycle(blocks.ACTIVATIONS)
    for kind, block in KINDS.items():
        for norm in (None, *blocks.NORMS):
            for paced in (False, True):
                for name, scheme in SCHEMES.items():
                    words = [kind, norm, "paced" if paced else None, name]
                    given = {"norm": norm, "paced": paced, "activation": next(activations)}
                    yield "-".join(filter(None, words)), (replace(block, **given), scheme)
    in_turn, norms = cycle(SCHEMES.items()), cycle(blocks.NORMS)
    for kind, block in (IMAGES | SPARSE).items():
        for norm in (None, next(norms)):
            name, scheme = next(in_turn)
            paced = norm == "layer"
            words = [kind, norm, "paced" if paced else None, name]
            given = {"norm": norm, "paced": paced, "activation": next(activations)}
            yield "-".join(filter(None, words)), (replace(block, **given), scheme)
    for hidden in (None, 5):
        for activation in blocks.ACTIVATIONS:
            block = blocks.Hamiltonian(hidden, activation=activation)
            name = "hamiltonian" if hidden is None else "potentials"
            yield f"{name}-{activation}", (block, schemes.Verlet())
    for kind in ("two_layer", "gradient"):
        for activation in blocks.ACTIVATIONS:
            block = replace(KINDS[kind], activation=activation, norm="layer")
            yield f"{kind}-layer-{activation}", (block, schemes.Euler())


CASES = dict(_table())
FEW = {name: CASES[name] for name in CASES if name.endswith(("euler", "tanh"))}
"""One scheme for every block."""


def network(name, dtype=np.float64, width=6, depth=4, n_inputs=3, n_outputs=3, final_time=1.5):
    """Return a network with the block and the scheme of a case."""
    block, scheme = CASES[name]
    sizes = (n_inputs, block.only_width or width, n_outputs, depth, final_time)
    return mgres.ResNet(*sizes, dtype=dtype, block=block, scheme=scheme)

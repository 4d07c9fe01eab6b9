"""The networks that the tests of this folder go through: every scheme with every activation."""

import numpy as np

import mgres
from mgres import blocks
from mgres.resnet.network import ACTIVATIONS

OPTIONS = {
    "euler": {},
    "matched": {"scheme": "matched", "substeps": 3},
    "rk4": {"scheme": "rk4"},
    "verlet": {"scheme": "verlet"},
    "antisymmetric": {"weights": "antisymmetric", "damping": 0.2},
    "dense, rms": {"block": blocks.Dense(norm="rms", paced=True)},
    "antisymmetric, layer": {"block": blocks.Antisymmetric(0.2, norm="layer"), "scheme": "rk4"},
    "two layers": {"block": blocks.TwoLayer(9, norm="layer", paced=True)},
    "gradient": {"block": blocks.Gradient(5), "scheme": "matched", "substeps": 3},
    "ascent": {"block": blocks.Gradient(5, sign=1, norm="rms")},
    "band": {"block": blocks.Sparse(blocks.Banded(2, 1), norm="layer")},
    "potentials": {"block": blocks.Hamiltonian(5)},
}
CASES = [(name, activation) for name in OPTIONS for activation in ACTIVATIONS]


def make(options="euler", activation="tanh", dtype=np.float64, depth=8, width=6):
    """Return a network, parameters with nonzero biases, and samples."""
    net = mgres.ResNet(4, width, 3, depth, 2.0, activation, dtype, **OPTIONS[options])
    rng = np.random.default_rng(len(options) + len(activation))
    theta = (0.5 * rng.standard_normal(net.size)).astype(net.dtype)
    return net, theta, rng.standard_normal((7, 4)).astype(net.dtype)

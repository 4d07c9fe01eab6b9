"""Choices for data of one's own, standardised: what estimators and the command line share.

They were made on digits, breast cancer, wine, diabetes and synthetic data, see ``bench/README.md``.
"""

from __future__ import annotations

from ..mgopt import LBFGS, Adam, LevelOptimizer
from ..resnet import ResNet, smooth_start_depth
from ..resnet.network import Array

DEPTH = 32
LEAST_WIDTH = 64
ACTIVATION = "relu"
FINAL_TIME = 2.5
SCHEME = "he"
SCALE = 2.0
"""Of the layers drawn by `SCHEME`: a start at which the flow already mixes its inputs well, and
near which a strong regulariser then keeps it."""
CLASSIFIER_ALPHA = 30.0
REGRESSOR_ALPHA = 100.0
"""For noisy targets; exact ones want 1 or less."""

LEARNING_RATE = 0.01
"""Of Adam, with mini-batches."""
MOST_ITERATIONS = 1000
GAIN = 0.01
PATIENCE = 20
"""A level has had enough when the loss fell by less than this share over so many iterations."""

SMALL = 2e8
"""Floating-point operations of a pass through the network, a few milliseconds, below which one
thread does it: there is little to gain, and where other processes want the processors as well,
threads that wait for each other made small fits a hundred times slower."""


def default_width(n_outputs: int) -> int:
    """Return the width of a network with so many outputs."""
    return max(LEAST_WIDTH, n_outputs)


def default_beta(alpha: float, total_weight: float) -> float:
    """Return the strength of :class:`mgres.resnet.DecayToStart` for alpha in scikit-learn's sense.

    Parameters
    ----------
    alpha : float
        The loss is a sum over samples then, and the penalty alpha / 2 times a squared norm.
    total_weight : float
        Sum of the samples' weights; their number, if they have none.
    """
    return alpha / (2 * total_weight)


def default_optimizer(learning_rate: float | None) -> LevelOptimizer:
    """Return L-BFGS, which has no learning rate, or Adam, which has one and takes mini-batches."""
    return LBFGS() if learning_rate is None else Adam(learning_rate)


def smooth_start(net: ResNet, seed: int, scheme: str = SCHEME) -> Array:
    """Return parameters that are smooth in t, so that all levels see the same start."""
    return net.init(
        seed,
        scheme=scheme,
        coarse_depth=smooth_start_depth(net.depth, net.final_time),
        scale=SCALE if scheme == SCHEME else 1.0,
    )


def useful_threads(net: ResNet, samples: int, most: int) -> int:
    """Return how many threads are worth their while, one or `most`, for so many samples."""
    return most if 6 * samples * net.depth * net.width**2 > SMALL else 1

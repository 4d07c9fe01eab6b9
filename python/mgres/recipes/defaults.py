"""Choices for data of one's own, standardised: what estimators and the command line share.

They were made on digits, breast cancer, wine, diabetes and synthetic data, see ``bench/README.md``.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from ..blocks import KINDS, NAMES, Block, Gradient
from ..mgopt import LBFGS, Adam, LevelOptimizer
from ..resnet import CompiledNetwork, ResNet, smooth_start_depth
from ..resnet.network import Array
from ..stages import Network

DEPTH = 32
LEAST_WIDTH = 64
ACTIVATION = "relu"
FINAL_TIME = 2.5
SCHEME = "he"
SCALE = 2.0
"""Of the layers drawn by `SCHEME`: a start at which the flow already mixes its inputs well, and
near which a strong regulariser then keeps it.  Blocks of two matrices have its root on each."""

GENTLE_SCALE = 0.5
"""Of descending gradient blocks, whose flow contracts: from a start as large as the others' it
forgets its inputs, with nothing left to be classified."""

SPREAD = {"antisymmetric": 0.4, "ascent": 0.4, "gradient": 1 / 8, "potential": 0.4}
"""How far the flow of the start spreads its inputs, in spreads of dense layers; 1 for the rest."""

HIDDEN = {"two_layer": 2, "gradient": 1}
"""Hidden features of blocks by name, in widths."""


def needs(block: str) -> list[str]:
    """Return what a block by this name must be told beside it."""
    given = ["hidden"] if block in HIDDEN else []
    return [f.name for f in fields(KINDS[block]) if f.default is MISSING and f.name not in given]


BY_NAME = tuple(name for name in NAMES if not needs(name))
"""Blocks for which a name is enough."""

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


def block_of(
    block: str | Block,
    width: int,
    *,
    hidden: int | None = None,
    norm: str | None = None,
    paced: bool = False,
    activation: str | None = None,
) -> Block:
    """Return a block by its name, with what is given of its options; a block itself as it is.

    Parameters
    ----------
    block : str or Block
        One of `mgres.blocks.NAMES`, or a block.
    width : int
        Of the network.
    hidden : int, optional
        By default twice the width for "two_layer" and the width for "gradient".
    norm, paced, activation
        As of the blocks that have them.

    Raises
    ------
    ValueError
        If there is no such block, or it has no such option.
    """
    if isinstance(block, Block):
        return block
    if block not in NAMES:
        raise ValueError(f"block: expected one of {NAMES} or of mgres.blocks, got {block!r}")
    kind = KINDS[block]
    given: dict[str, Any] = {"hidden": hidden, "norm": norm, "activation": activation}
    given = {name: value for name, value in given.items() if value is not None}
    given |= {"paced": True} if paced else {}
    for name in given.keys() - {field.name for field in fields(kind)}:
        raise ValueError(f"{name}: the block {block} has no such option, got {given[name]!r}")
    if block in HIDDEN:
        given.setdefault("hidden", HIDDEN[block] * width)
    if needs(block):
        raise ValueError(
            f"block: {block} needs {' and '.join(needs(block))}: in the place of its name take "
            f"mgres.blocks.{kind.__name__}(...)"
        )
    return kind(**given)


def spread(block: Block) -> float:
    r"""Return how far the flow of :func:`smooth_start` spreads inputs, in that of dense layers.

    With g the norm of the states' differences behind all layers over that before them, logits of a
    given size need :math:`\|Q\| \|W_{out}\| \sim 1 / g`, so that a penalty of both is as strong as
    one of 1 / g times its strength.  For networks of 64 features and T = 2.5, g is about 4.3 for
    dense layers, 3 to 3.5 for two layers and Hamiltonian ones, 1.8 for antisymmetric ones,
    potentials and ascending gradients, and 0.55 for descending gradients, whatever the data.

    Parameters
    ----------
    block : Block
        What a layer computes.
    """
    kind = "ascent" if isinstance(block, Gradient) and block.sign > 0 else block.kind
    return SPREAD.get(kind, 1.0)


def default_beta(alpha: float, total_weight: float, block: Block) -> float:
    """Return the strength of :class:`mgres.resnet.DecayToStart` for alpha in scikit-learn's sense.

    Parameters
    ----------
    alpha : float
        The loss is a sum over samples then, and the penalty alpha / 2 times a squared norm.
    total_weight : float
        Sum of the samples' weights; their number, if they have none.
    block : Block
        What a layer computes; alpha regularises as much whatever it is, see :func:`spread`.
    """
    return alpha * spread(block) / (2 * total_weight)


def default_optimizer(learning_rate: float | None) -> LevelOptimizer:
    """Return L-BFGS, which has no learning rate, or Adam, which has one and takes mini-batches."""
    return LBFGS() if learning_rate is None else Adam(learning_rate)


def last_block(net: ResNet | Network) -> Block:
    """Return the block of a network, of its last stack if it has several."""
    return net.stacks[-1].block if isinstance(net, Network) else net.block


def smooth_start(net: CompiledNetwork, seed: int, scheme: str = SCHEME) -> Array:
    """Return parameters that are smooth in t, so that all levels see the same start."""
    scale = 1.0
    if isinstance(net, ResNet):
        scale = SCALE if "W" in net.layer_arrays else SCALE**0.5
        if isinstance(net.block, Gradient):
            scale = GENTLE_SCALE
    return net.init(
        seed,
        scheme=scheme,
        coarse_depth=smooth_start_depth(net.depth, net.final_time),
        scale=scale if scheme == SCHEME else 1.0,
    )


def useful_threads(net: CompiledNetwork, samples: int, most: int) -> int:
    """Return how many threads are worth their while, one or `most`, for so many samples."""
    numbers = sum(stack.depth * stack.layer_size for stack in net.stack_parts)
    return most if 6 * samples * numbers > SMALL else 1

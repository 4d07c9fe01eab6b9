"""What the short keywords of a network mean: here they become a block and a scheme."""

from __future__ import annotations

from dataclasses import replace

from ..blocks import Antisymmetric, Block, Dense, Hamiltonian
from ..schemes import Euler, Scheme, Verlet, scheme_of

WEIGHTS = ("free", "antisymmetric")


def block_of(
    block: Block | None,
    activation: str | None,
    weights: str | None,
    damping: float | None,
    *,
    verlet: bool = False,
) -> Block:
    """Return the block that the keywords ask for, `block` itself with another activation or so.

    Raises
    ------
    TypeError
        If `block` is none.
    ValueError
        If the keywords contradict each other.
    """
    if weights not in (None, *WEIGHTS):
        raise ValueError(f"weights: expected one of {WEIGHTS}, got {weights!r}")
    if block is None:
        if verlet and weights == "antisymmetric":
            raise ValueError("weights: expected 'free' for verlet, which is Hamiltonian already")
        block = Hamiltonian() if verlet else Dense()
        if weights == "antisymmetric":
            block = Antisymmetric()
    elif not isinstance(block, Block):
        raise TypeError(
            f"block: expected one of mgres.blocks, such as mgres.blocks.TwoLayer(64), got {block!r}"
        )
    elif weights not in (None, weights_of(block)):
        raise ValueError(f"weights: expected none beside block={block}, got {weights!r}")
    if damping is not None and isinstance(block, Antisymmetric):
        block = replace(block, damping=damping)
    elif damping:  # of nothing that could have one; NaN counts
        raise ValueError(f"damping: needs weights='antisymmetric', got {damping!r} with {block}")
    return block if activation is None else replace(block, activation=activation)


def weights_of(block: Block) -> str:
    """Return the keyword `weights` that a block stands for."""
    return "antisymmetric" if isinstance(block, Antisymmetric) else "free"


def scheme_for(block: Block, scheme: str | Scheme | None, substeps: float | None) -> Scheme:
    """Return the scheme that the keywords ask for, by default the one that suits the block.

    Raises
    ------
    ValueError
        If there is no such scheme, or the block cannot step so.
    """
    if scheme is None:
        scheme = Verlet() if isinstance(block, Hamiltonian) else Euler()
    found = scheme_of(scheme, substeps)
    block.check_scheme(found)
    return found

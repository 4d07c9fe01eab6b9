"""What all pictures share: colours, axes, and the message when matplotlib is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK, YELLOW = "#E69F00", "#56B4E9", "#000000", "#F0E442"

PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, YELLOW)
"""Eight colours that colour-blind readers tell apart (M. Okabe and K. Ito, 2008)."""

GREY = "#8C8C8C"
INK = "#333333"
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.")

SMALL = 8
"""Font size, in points, of what is written into a picture."""

WIDTH, HEIGHT = 4.8, 3.2
"""Inches: readable at the width of a column."""

MISSING = 'mgres.plot needs matplotlib: pip install "mgres[plot]"'


def colour(i: int) -> str:
    """Return the colour of the i-th thing."""
    return PALETTE[i % len(PALETTE)]


def dash(i: int) -> Any:
    """Return the line style of the i-th thing: another one when the colours begin again."""
    return DASHES[i // len(PALETTE) % len(DASHES)]


def require() -> None:
    """Raise ImportError, with the way out, if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(MISSING) from error


def one(ax: Axes | None, width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """Return `ax`, or the axes of a new figure of `width` x `height` inches."""
    return several(None if ax is None else [ax], 1, width, height)[0]


def several(
    ax: Sequence[Axes] | None, n: int, width: float, height: float, *, same_scale: bool = False
) -> list[Axes]:
    """Return `ax`, or the `n` axes, side by side, of a new figure.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    TypeError, ValueError
        If `ax` is not what is expected.
    """
    require()
    from matplotlib.axes import Axes

    if ax is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(
            1,
            n,
            figsize=(width, height),
            layout="constrained",
            squeeze=False,
            sharex=same_scale,
            sharey=same_scale,
        )
        return list(axes[0])
    given: list[Any] = [ax] if isinstance(ax, Axes) else list(ax)
    for item in given:
        if not isinstance(item, Axes):
            raise TypeError(f"ax: expected matplotlib Axes, got {type(item).__name__}")
    if len(given) != n:
        raise ValueError(f"ax: expected {n} Axes, got {len(given)}")
    return given


def dress(ax: Axes, grid: Literal["both", "x", "y"] = "both") -> None:
    """Take away frame lines on top and right, and add a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=grid, alpha=0.25, linewidth=0.6)
    ax.set_axisbelow(True)

"""Images as states, and the convolutions between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .. import _core
from .sizes import MOST_PARAMETERS, check_size

PADDINGS = ("zeros", "periodic")


@dataclass(frozen=True)
class Filters:
    r"""Convolutions of images, in the place of the matrices of a block.

    A state is an image with its channels first: feature :math:`(c\, H + i)\, W + j` is channel c of
    the pixel in row i and column j.  A convolution is, as in PyTorch, a correlation,

    .. math::

        (W * y)_{oij} = \sum_{c, k, l} W_{ockl}\; y_{c,\, i + k - a,\, j + l - b}

    for a kernel of :math:`(2 a + 1) \times (2 b + 1)` pixels, and a bias has one number for each
    channel.  The images keep their size.

    Parameters
    ----------
    channels : int
        Of a state.
    shape : int or (int, int)
        Pixels of an image: its length, or its height and width.
    kernel : int or (int, int)
        Odd sizes of a kernel; one size serves for both.
    groups : int
        So many groups of channels know nothing of each other; as many as `channels` make a
        convolution of each channel by itself.
    padding : str
        Beyond its edges an image is 0 ("zeros"), or goes on from the opposite edge ("periodic").

    Raises
    ------
    ValueError
        If a size cannot be one, or `groups` does not divide the channels.

    Examples
    --------
    >>> Filters(8, (28, 28)).width
    6272
    """

    channels: int
    shape: int | tuple[int, int]
    kernel: int | tuple[int, int] = 3
    groups: int = 1
    padding: str = "zeros"

    def __post_init__(self) -> None:
        for name in ("channels", "groups"):
            object.__setattr__(self, name, check_size(name, getattr(self, name)))
        for name in ("shape", "kernel"):
            object.__setattr__(self, name, _sizes(name, getattr(self, name)))
        if not isinstance(self.padding, str) or self.padding not in PADDINGS:
            raise ValueError(f"padding: expected one of {PADDINGS}, got {self.padding!r}")
        object.__setattr__(self, "padding", str(self.padding))
        if self.width > MOST_PARAMETERS:
            raise ValueError(
                f"shape: expected at most {MOST_PARAMETERS:.0e} features in a state, "
                f"got {self.width}"
            )
        self.compiled  # noqa: B018 - it checks the rest

    @property
    def pixels(self) -> tuple[int, int]:
        """Height and width of an image; 1 and the length in one dimension."""
        return (1, self.shape) if isinstance(self.shape, int) else self.shape

    @property
    def width(self) -> int:
        """Features of a state."""
        return self.channels * math.prod(self.pixels)

    @property
    def compiled(self) -> _core.Filters:
        """What the compiled core is told."""
        rows, columns = (self.kernel,) * 2 if isinstance(self.kernel, int) else self.kernel
        if isinstance(self.shape, int):
            if not isinstance(self.kernel, int):
                raise ValueError(f"kernel: expected one size for a length, got {self.kernel}")
            rows = 1
        return _core.Filters(
            self.channels, *self.pixels, rows, columns, self.groups, self.padding == "periodic"
        )


def _sizes(name: str, value: Any) -> int | tuple[int, int]:
    if not isinstance(value, (tuple, list)):
        return check_size(name, value)
    if len(value) != 2:
        raise ValueError(f"{name}: expected one or two sizes, got {value!r}")
    first, second = (check_size(name, n) for n in value)
    return first, second

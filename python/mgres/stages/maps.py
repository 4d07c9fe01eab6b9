"""The linear maps before, between and behind the stacks of a network."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from .. import _core
from ..blocks import check_size
from ..blocks.filters import PADDINGS

StateShape: TypeAlias = tuple[int, int, int]
"""Channels, height and width of a state; a vector has channels of one pixel."""


@dataclass(frozen=True)
class Map:
    """A linear map; the classes derived from it say which.

    Its sizes are those of what stands before and behind it in a network.
    """

    name: ClassVar[str]

    def compiled(self, before: StateShape, behind: StateShape, *, biased: bool) -> _core.Map:
        """Return the map of the compiled core.

        Raises
        ------
        ValueError
            If there is no such map between states of these shapes.
        """
        raise NotImplementedError

    def arrays(
        self, before: StateShape, behind: StateShape, *, biased: bool
    ) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of its parameters, in their order."""
        compiled = self.compiled(before, behind, biased=biased)
        return {name: tuple(shape) for name, shape in compiled.parameters()}

    def describe(self) -> dict[str, Any]:
        """Return the map as plain values, as files hold it."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Linear(Map):
    r"""A full matrix, :math:`W y + b`.

    Attributes
    ----------
    pooled : bool
        Multiply it with the means of the channels, not with all pixels: global average pooling.
    """

    pooled: bool = False
    name: ClassVar[str] = "linear"

    def __post_init__(self) -> None:
        if not isinstance(self.pooled, bool):
            raise ValueError(f"pooled: expected True or False, got {self.pooled!r}")

    def compiled(self, before: StateShape, behind: StateShape, *, biased: bool) -> _core.Map:
        """Return the map of the compiled core; see :class:`Map`."""
        kind = _core.MapKind.pooled if self.pooled else _core.MapKind.matrix
        return _core.Map(kind, before, behind, biased=biased)


@dataclass(frozen=True)
class Conv(Map):
    r"""A convolution :math:`W * y` of images, with a bias for each channel.

    Where the images behind it are s times smaller it takes steps of s pixels.

    Attributes
    ----------
    kernel : int or (int, int)
        Odd sizes of the kernel.
    padding : str
        "zeros" or "periodic", see :class:`mgres.blocks.Filters`.
    """

    kernel: int | tuple[int, int] = 3
    padding: str = "zeros"
    name: ClassVar[str] = "conv"

    def __post_init__(self) -> None:
        given = self.kernel if isinstance(self.kernel, (tuple, list)) else (self.kernel,)
        sizes = tuple(check_size("kernel", size) for size in given)
        if len(sizes) > 2 or any(size % 2 == 0 for size in sizes):
            raise ValueError(f"kernel: expected one or two odd sizes, got {self.kernel!r}")
        object.__setattr__(self, "kernel", sizes[0] if len(sizes) == 1 else sizes)
        if self.padding not in PADDINGS:
            raise ValueError(f"padding: expected one of {PADDINGS}, got {self.padding!r}")

    def compiled(self, before: StateShape, behind: StateShape, *, biased: bool) -> _core.Map:
        """Return the map of the compiled core; see :class:`Map`."""
        rows, columns = self.kernel if isinstance(self.kernel, tuple) else (self.kernel,) * 2
        if before[1] == behind[1] == 1:
            rows = 1  # images in one dimension
        return _core.Map(
            _core.MapKind.convolution,
            before,
            behind,
            kernel_rows=rows,
            kernel_columns=columns,
            periodic=self.padding == "periodic",
            biased=biased,
        )


@dataclass(frozen=True)
class Resample(Map):
    """A map without parameters: average pooling, zeros for more channels, or the identity.

    Images s times smaller have the means over squares of s times s pixels, and channels that there
    were not are zero, as in the shortcuts of He et al. (2016, option A).  Between states of one
    shape nothing happens.
    """

    name: ClassVar[str] = "resample"

    def compiled(self, before: StateShape, behind: StateShape, *, biased: bool) -> _core.Map:
        """Return the map of the compiled core; see :class:`Map`."""
        return _core.Map(_core.MapKind.resample, before, behind, biased=False)


KINDS: dict[str, type[Map]] = {kind.name: kind for kind in (Linear, Conv, Resample)}


def map_from(description: dict[str, Any]) -> Map:
    """Return the map that :meth:`Map.describe` has described.

    Raises
    ------
    ValueError, TypeError
        If it describes none.
    """
    values = dict(description)
    name = values.pop("name", None)
    if name not in KINDS:
        raise ValueError(f"map: expected one of {(*KINDS,)}, got {name!r}")
    return KINDS[name](**values)

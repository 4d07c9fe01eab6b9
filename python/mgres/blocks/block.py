"""What all compiled blocks share: an activation, perhaps a norm and a pace, and their checks."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from .. import _core
from ..checks import number_of
from ..schemes import Scheme
from .filters import Filters
from .sizes import check_size

ACTIVATIONS = tuple(_core.Activation.__members__)
NORMS = tuple(name for name in _core.Norm.__members__ if name != "none")
NUMERIC = ("hidden", "paced", "damping", "sign")
NUMBERS = {"damping": "a number >= 0", "sign": "1 or -1"}
MODIFIERS = ("scale", "pace")
"""Arrays of a layer that are neither weights nor biases: regularisers leave them alone."""

TAKEN = ("Q", "W_out", "b_out")
"""Names of arrays that are not of a layer."""


@dataclass(frozen=True)
class Block:
    """What a layer computes; the classes derived from it say how.

    Attributes
    ----------
    activation : str
        sigma, see :class:`mgres.ResNet`.
    """

    activation: str = field(default="relu", kw_only=True)

    name: ClassVar[str]

    def __post_init__(self) -> None:
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected one of {ACTIVATIONS}, got {self.activation!r}")
        object.__setattr__(self, "activation", str(self.activation))  # NumPy's shows itself another
        self._check_options()

    def _check_options(self) -> None:
        """Raise a ValueError that names the option that is wrong for any width."""
        for name, value in self._options().items():
            if name == "hidden" and value is not None:
                object.__setattr__(self, name, check_size(name, value))
            if name == "norm" and value is not None:
                if not isinstance(value, str) or value not in NORMS:
                    raise ValueError(f"norm: expected None or one of {NORMS}, got {value!r}")
                object.__setattr__(self, name, str(value))
            if name in NUMBERS:
                number = number_of(value)
                if not math.isfinite(number):
                    raise ValueError(f"{name}: expected {NUMBERS[name]}, got {value!r}")
                object.__setattr__(self, name, number)
            if name == "paced":
                if not isinstance(value, bool | np.bool_):
                    raise ValueError(f"paced: expected True or False, got {value!r}")
                object.__setattr__(self, name, bool(value))
            if name == "filters" and not isinstance(value, Filters | None):
                raise TypeError(f"filters: expected None or mgres.blocks.Filters, got {value!r}")
        self.check(self.only_width or 2)  # a width that suits every other block

    @property
    def kind(self) -> str:
        """The name of what the core computes."""
        return self.name

    def _options(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def filters(self) -> Filters | None:
        """The convolutions that take the place of matrices, if any."""
        return None

    @property
    def only_width(self) -> int | None:
        """The width that networks must have: that of images; None if they are free."""
        return self.filters.width if self.filters is not None else None

    @property
    def compiled(self) -> _core.Block:
        """The block of the compiled core, which knows its layout and its rules."""
        given = {name: value for name, value in self._options().items() if value is not None}
        return _core.Block(
            _core.BlockKind[self.kind],
            _core.Activation[self.activation],
            norm=_core.Norm[given.get("norm", "none")],
            filters=self.filters.compiled if self.filters is not None else None,
            **{name: given[name] for name in NUMERIC if name in given},
        )

    def check(self, width: int) -> None:
        """Raise a ValueError that names the argument unless networks of `width` can have it."""
        self.compiled.check(width)

    def check_scheme(self, scheme: Scheme) -> None:
        """Raise a ValueError unless its layers can step by `scheme`."""
        self.compiled.check_scheme(_core.Scheme[scheme.name])

    def parameters(self, width: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the arrays of one layer, in the order of the flat array."""
        return {name: tuple(shape) for name, shape in self.compiled.parameters(width)}

    def describe(self) -> dict[str, Any]:
        """Return the block as plain values, from which :func:`from_description` makes it again."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Modified(Block):
    """A block that can normalise what F is fed with, and whose layers can learn their pace.

    Attributes
    ----------
    norm : None, "layer" or "rms"
        Of what F is fed with.
    paced : bool
        Whether a layer learns how far it steps.
    """

    norm: str | None = field(default=None, kw_only=True)
    paced: bool = field(default=False, kw_only=True)

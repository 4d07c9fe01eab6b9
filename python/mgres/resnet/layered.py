"""What hierarchies and training ask of a residual network, whoever computes it.

:class:`ResNet` and :class:`ResNetObjective` are of this kind, and so are the networks and
objectives of :mod:`mgres.torch`.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..mgopt import Objective
from ..schemes import Scheme
from .layout import Array, StackPart
from .samples import Samples

N = TypeVar("N", bound="LayeredNetwork")


class LayeredNetwork(Protocol):
    """A network of stacks of equal layers: theta is [opening | layers | connections | closing].

    Coarser networks have fewer layers in all stacks alike.
    """

    @property
    def depth(self) -> int:
        """The number K of layers of a single stack; of several, what divides the depth of each."""
        ...

    @property
    def size(self) -> int:
        """The number of parameters."""
        ...

    @property
    def stack_parts(self) -> tuple[StackPart, ...]:
        """Where the layers of each stack lie, and how they step."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of parameters and data."""
        ...

    @property
    def final_time(self) -> float:
        """T, in the units of t."""
        ...

    @property
    def dt(self) -> float:
        """The step size T / K, the largest of the stacks."""
        ...

    @property
    def scheme(self) -> Scheme:
        """How a layer steps, and what that costs."""
        ...

    def part(self, name: str) -> slice:
        """Return where "opening", "blocks", "connections" or "closing" lie in theta."""
        ...

    def with_depth(self: N, depth: int) -> N:
        """Return the same network with another number of layers and the same T."""
        ...

    def with_scheme(self: N, scheme: Scheme) -> N:
        """Return the same network with another time discretisation."""
        ...

    def init(self, seed: int, *, coarse_depth: int | None = None) -> Array:
        """Return initial parameters; with `coarse_depth`, those of so many layers, prolonged."""
        ...

    def accuracy(self, theta: Array, X: Array, y: NDArray[np.integer[Any]]) -> float:
        """Return the share of samples whose predicted class is `y`."""
        ...


class LayeredObjective(Objective, Protocol):
    """The mean loss of such a network on samples: what :func:`mgres.fit` trains.

    Attributes
    ----------
    samples : Samples
        Those in use; mini-batches replace them in place.
    """

    samples: Samples

    @property
    def net(self) -> LayeredNetwork:
        """The network."""
        ...

    @property
    def loss(self) -> Any:
        """The loss of a sample, by name or as a function."""
        ...

    @property
    def regularizer(self) -> Any:
        """What is added to the mean loss."""
        ...

    @property
    def fixed(self) -> tuple[str, ...]:
        """Parts of the parameters that do not change."""
        ...

    def coarsen(self, factor: int, scheme: str | None = None) -> LayeredObjective:
        """Return the objective of the network with `factor` times fewer layers, same samples."""
        ...

    def with_samples(self, samples: Samples) -> LayeredObjective:
        """Return the same mean loss and regulariser on other samples, which were checked before."""
        ...

    def agree_with(self, fine: Objective) -> None:
        """Use the samples that `fine` uses."""
        ...

    def check_validation(self, X: Array, y: NDArray[Any]) -> None:
        """Raise an error unless they are samples and labels for the network."""
        ...

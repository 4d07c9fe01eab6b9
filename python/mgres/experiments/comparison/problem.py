"""What is compared on: data, network, targets and budgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Block
from ...checks import check_integer
from ...resnet import ResNet, Tikhonov
from ...resnet.keywords import block_of
from ...resnet.network import ACTIVATIONS, PARTS, Array
from ...resnet.objective import LOSSES

Data = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
"""``(X_train, y_train, X_val, y_val)``."""

Pinned = Callable[[int, ResNet], Mapping[str, Array]]
"""``pinned(seed, net)`` returns values for some of "Q", "W", "b", "W_out", "b_out"."""

KINDS = ("loss", "accuracy")
STARTS = ("independent", "smooth")


@dataclass(frozen=True)
class Target:
    """What a run must reach.

    Attributes
    ----------
    kind : str
        "loss": the objective on all training samples, regulariser included, is at most `value`.
        "accuracy": the share of validation samples classified correctly is at least `value`.
    value : float
        The bound.
    """

    kind: str
    value: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: expected one of {KINDS}, got {self.kind!r}")
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise ValueError(f"value: expected a number, got {self.value!r}")
        if not math.isfinite(self.value) or (self.kind == "accuracy" and not 0 <= self.value <= 1):
            raise ValueError(
                f"value: expected a finite number, a share from 0 to 1 for accuracy, "
                f"got {self.value!r}"
            )

    def met(self, value: float) -> bool:
        """Return whether a loss or an accuracy is good enough; NaN never is."""
        return value <= self.value if self.kind == "loss" else value >= self.value

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}"


@dataclass(frozen=True)
class Problem:
    """A problem and its network, in everything that all methods share.

    Attributes
    ----------
    name : str
        What tables and files call it.
    make : callable
        ``make(seed)`` returns ``(X_train, y_train, X_val, y_val)``: float inputs, and integer
        labels or float vectors.  The last two may be empty if no target is an accuracy.
    targets : tuple of Target
        Easy ones first.
    width, depth, final_time, activation, block, weights, damping
        Of the network, see :class:`mgres.ResNet`; the numbers of inputs and outputs are those of
        the data.
    loss : str
        "cross_entropy" or "squared_error".
    scheme, scale : str and float
        How W_k is initialised, see :meth:`mgres.ResNet.init`; of blocks that multiply twice each
        matrix has the root of `scale`, so that F is as large.
    pinned : callable, optional
        ``pinned(seed, net)`` returns initial values for parts by name, such as ``{"Q": ...}``.
    fixed : tuple of str
        Parts ("opening", "blocks", "closing") that are never trained.
    regularizer : Tikhonov, optional
        Part of the objective of every method.
    batch_size : int or None
        None trains on all samples.
    validate_every : int
        Steps on the finest level from one validation to the next.
    max_work_units, max_seconds : float
        The budget of one run; a target not reached within it is missed.
    dtype : dtype
        float32 or float64.
    same_data : bool
        Whether `make` returns the same data for every seed.
    source : str
        What `make` and `pinned` come from, such as a file and its checksum: finished runs of
        another source are not resumed.

    Raises
    ------
    ValueError, TypeError
        If a field is not as described.
    """

    name: str
    make: Callable[[int], Data]
    targets: tuple[Target, ...]
    width: int
    depth: int
    final_time: float = 1.0
    activation: str | None = None
    loss: str = "cross_entropy"
    scheme: str = "normal"
    scale: float = 1.0
    pinned: Pinned | None = None
    fixed: tuple[str, ...] = ()
    regularizer: Tikhonov | None = None
    batch_size: int | None = None
    validate_every: int = 1
    max_work_units: float = 500.0
    max_seconds: float = 120.0
    dtype: np.dtype[Any] = field(default=np.dtype(np.float32))
    same_data: bool = False
    source: str = "built in"
    weights: str = "free"
    damping: float = 0.0
    block: Block | None = None

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise TypeError(f"make: expected a callable of a seed, got {self.make!r}")
        targets = tuple(self.targets)
        if not targets or not all(isinstance(t, Target) for t in targets):
            raise TypeError(f"targets: expected at least one Target, got {self.targets!r}")
        for name, known in (("loss", LOSSES), ("activation", (None, *ACTIVATIONS))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {known}, got {getattr(self, name)!r}")
        if any(t.kind == "accuracy" for t in targets) and self.loss != "cross_entropy":
            raise ValueError("targets: an accuracy needs loss='cross_entropy'")
        object.__setattr__(self, "targets", targets)
        for name in ("width", "depth", "validate_every"):
            object.__setattr__(self, name, check_integer(name, getattr(self, name)))
        self.layers.check(self.width)
        for name in ("final_time", "max_work_units", "max_seconds"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 < value < math.inf):
                raise ValueError(f"{name}: expected a positive number, got {value!r}")
        if isinstance(self.fixed, str) or not set(self.fixed) <= set(PARTS):
            raise ValueError(f"fixed: expected names from {PARTS}, got {self.fixed!r}")
        object.__setattr__(self, "fixed", tuple(self.fixed))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))

    @property
    def layers(self) -> Block:
        """What a layer computes, however it is given."""
        if self.block is None:
            return block_of(None, self.activation, self.weights, self.damping)
        weights = None if self.weights == "free" else self.weights
        return block_of(self.block, self.activation, weights, self.damping or None)

    @cached_property
    def _cached_make(self) -> Callable[[int], Data]:
        return lru_cache(maxsize=4)(self._make)

    def _make(self, seed: int) -> Data:
        made = self.make(seed)
        if not isinstance(made, (tuple, list)) or len(made) != 4:
            raise TypeError(
                f"problem {self.name}: make: expected (X_train, y_train, X_val, y_val), got "
                f"{type(made).__name__}"
            )
        X, y, X_val, y_val = (np.asarray(array) for array in made)
        if X.ndim != 2 or len(X) != len(y) or len(X_val) != len(y_val):
            raise ValueError(
                f"problem {self.name}: make: expected X (n, q) with as many targets, got shapes "
                f"{X.shape}, {y.shape}, {X_val.shape}, {y_val.shape}"
            )
        if not len(X_val) and any(t.kind == "accuracy" for t in self.targets):
            raise ValueError(f"problem {self.name}: make: an accuracy needs validation samples")
        X, X_val = (np.ascontiguousarray(array, self.dtype) for array in (X, X_val))
        if not np.issubdtype(y.dtype, np.integer):
            y, y_val = (np.ascontiguousarray(array, self.dtype) for array in (y, y_val))
        return X, y, X_val, y_val

    def data(self, seed: int) -> Data:
        """Return the data of a seed, in the problem's dtype."""
        return self._cached_make(0 if self.same_data else seed)

    def net(self, seed: int) -> ResNet:
        """Return the network for the data of a seed."""
        X, y, _, y_val = self.data(seed)
        if np.issubdtype(y.dtype, np.integer):
            outputs = 1 + max(int(labels.max(initial=0)) for labels in (y, y_val))
        else:
            outputs = y.shape[1] if y.ndim == 2 else 1
        return ResNet(
            X.shape[1],
            self.width,
            outputs,
            self.depth,
            self.final_time,
            dtype=self.dtype,
            block=self.layers,
        )

    @property
    def first_depth(self) -> int:
        """K0: the smallest power of two from 16 with T / K0 <= 0.16 that divides the depth.

        It is the depth of the network that smooth starts are drawn for and nested iteration
        begins with.
        """
        depth = 16
        while self.final_time / depth > 0.16:
            depth *= 2
        return depth if self.depth % depth == 0 else self.depth

    def start(self, seed: int, kind: str = "independent", coarse_depth: int | None = None) -> Array:
        """Return initial parameters.

        Parameters
        ----------
        seed : int
            For the random numbers.
        kind : str
            "independent": every layer is drawn for itself.  "smooth": a network of `first_depth`
            layers is drawn and prolonged.
        coarse_depth : int, optional
            Instead of `first_depth`.

        Raises
        ------
        ValueError
            If `pinned` names parameters that there are not.
        """
        net = self.net(seed)
        if kind == "smooth":
            coarse_depth = coarse_depth or self.first_depth
        scale = self.scale if "W" in net.layer_arrays else self.scale**0.5
        theta = net.init(seed, self.scheme, coarse_depth=coarse_depth, scale=scale)
        if self.pinned is not None:
            views = net.views(theta)._asdict()
            for name, value in self.pinned(seed, net).items():
                if name not in views:
                    raise ValueError(f"pinned: expected names from {(*views,)}, got {name!r}")
                views[name][...] = value
        return theta

    def settings(self) -> dict[str, Any]:
        """Return what a reader of a result file must know, as plain values."""
        constrained = {"weights": self.weights, "damping": self.damping}
        return {
            "targets": [str(target) for target in self.targets],
            "depth": self.depth,
            "width": self.width,
            "final_time": self.final_time,
            "activation": self.layers.activation,
            "loss": self.loss,
            "initial_W": self.scheme,
            "initial_scale": self.scale,
            "first_depth": self.first_depth,
            "fixed": list(self.fixed),
            "regularizer": None if self.regularizer is None else repr(self.regularizer),
            "batch_size": self.batch_size,
            "validated": f"every {self.validate_every} steps on the finest level",
            "max_work_units": self.max_work_units,
            "max_seconds": self.max_seconds,
            "dtype": self.dtype.name,
            **(constrained if self.weights != "free" else {}),
            **({"block": repr(self.layers)} if self.block is not None else {}),
        }

r"""Blocks: what a layer computes, F in :math:`y' = F(y; p(t))`.

============================  ======================================================================
block                         :math:`F(y; p)`
============================  ======================================================================
:class:`Dense`                :math:`\sigma(W y + b)`, the paper's
:class:`Antisymmetric`        :math:`\sigma(((W - W^T) / 2 - \gamma I) y + b)`
:class:`TwoLayer`             :math:`W_2\, \sigma(W_1 y + b_1) + b_2`
:class:`Gradient`             :math:`-K^T \sigma(K y + b)`
:class:`Hamiltonian`          one half of y moves by a function of the other
============================  ======================================================================

All but the last take two options.  ``norm`` feeds F with u in the place of y, with a trainable
``scale`` g of one number for each feature,

.. math::

    u = g \frac{y - \mathrm{mean}(y)}{\sqrt{\mathrm{var}(y) + 10^{-5}}} \quad
    (\text{"layer", Ba, Kiros and Hinton 2016}), \qquad
    u = g \frac{y}{\sqrt{\mathrm{mean}(y^2) + 10^{-5}}} \quad
    (\text{"rms", Zhang and Sennrich 2019}),

mean and variance over the features of a sample.  ``paced`` multiplies F by :math:`e^\tau` with a
trainable number ``pace`` :math:`\tau`, so that a layer learns how far it steps.

A block is a value, part of a :class:`mgres.ResNet`, which also says what :math:`\sigma` can be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _core
from .checks import check_integer, number_of
from .schemes import Scheme

__all__ = [
    "Antisymmetric",
    "Block",
    "Custom",
    "Dense",
    "Gradient",
    "Hamiltonian",
    "TwoLayer",
    "from_description",
]

ACTIVATIONS = tuple(_core.Activation.__members__)
NORMS = tuple(name for name in _core.Norm.__members__ if name != "none")
NUMBERS = {"damping": "a number >= 0", "sign": "1 or -1"}
MODIFIERS = ("scale", "pace")
"""Arrays of a layer that are neither weights nor biases: regularisers leave them alone."""

TAKEN = ("Q", "W_out", "b_out")
"""Names of arrays that are not of a layer."""

MOST_PARAMETERS = 10**15
"""More than any memory holds: larger sizes are mistakes."""


def check_size(name: str, value: Any) -> int:
    """Return `value` as an int if it can be the size of a network's part."""
    size = check_integer(name, value)
    if size > MOST_PARAMETERS:
        raise ValueError(
            f"{name}: expected at most {MOST_PARAMETERS:.0e} parameters in all, got {size}"
        )
    return size


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
        for name, value in asdict(self).items():
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
        self.check(2)  # a width that suits every block

    @property
    def kind(self) -> str:
        """The name of what the core computes."""
        return self.name

    @property
    def kernel(self) -> _core.Block:
        """The block of the compiled core, which knows its layout and its rules."""
        given: dict[str, Any] = asdict(self)
        activation, norm = given.pop("activation"), given.pop("norm", None)
        arguments = {name: value for name, value in given.items() if value is not None}
        return _core.Block(
            _core.BlockKind[self.kind],
            _core.Activation[activation],
            norm=_core.Norm[norm or "none"],
            **arguments,
        )

    def check(self, width: int) -> None:
        """Raise a ValueError that names the argument unless networks of `width` can have it."""
        self.kernel.check(width)

    def check_scheme(self, scheme: Scheme) -> None:
        """Raise a ValueError unless its layers can step by `scheme`."""
        self.kernel.check_scheme(_core.Scheme[scheme.name])

    def parameters(self, width: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the arrays of one layer, in the order of the flat array."""
        return {name: tuple(shape) for name, shape in self.kernel.parameters(width)}

    def describe(self) -> dict[str, Any]:
        """Return the block as plain values, from which :func:`from_description` makes it again."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Dense(Block):
    r"""One matrix and one activation, the block of the paper.

    .. math:: F(y) = \sigma(W y + b), \qquad W: (v, v), \quad b: (v,)

    Attributes
    ----------
    activation : str
        sigma.
    norm : None, "layer" or "rms"
        Of what F is fed with.
    paced : bool
        Whether a layer learns how far it steps.
    """

    norm: str | None = field(default=None, kw_only=True)
    paced: bool = field(default=False, kw_only=True)

    name: ClassVar[str] = "dense"


@dataclass(frozen=True)
class Antisymmetric(Block):
    r"""A dense block whose flow neither explodes nor vanishes.

    .. math::

        F(y) = \sigma\Big(\Big(\frac{W - W^T}{2} - \gamma I\Big) y + b\Big), \qquad
        W: (v, v), \quad b: (v,)

    The eigenvalues of the matrix have the real part :math:`-\gamma`.  The parameters remain W.
    Source: E. Haber and L. Ruthotto, Stable architectures for deep neural networks, Inverse
    Problems 34 (2018).

    Attributes
    ----------
    damping : float
        :math:`\gamma`, at least 0.
    activation : str
        sigma.
    norm : None, "layer" or "rms"
        Of what F is fed with.
    paced : bool
        Whether a layer learns how far it steps.
    """

    damping: float = 0.0
    norm: str | None = field(default=None, kw_only=True)
    paced: bool = field(default=False, kw_only=True)

    name: ClassVar[str] = "antisymmetric"


@dataclass(frozen=True)
class TwoLayer(Block):
    r"""Two matrices with the activation between them, as most residual networks have.

    .. math::

        F(y) = W_2\, \sigma(W_1 y + b_1) + b_2, \qquad
        W_1: (h, v), \quad b_1: (h,), \quad W_2: (v, h), \quad b_2: (v,)

    Sources: K. He, X. Zhang, S. Ren and J. Sun, Identity mappings in deep residual networks, ECCV
    2016; with ``norm="layer"`` it is the feed-forward half of a pre-norm transformer.

    Attributes
    ----------
    hidden : int
        The number h of hidden features, often two to four times the width.
    activation : str
        sigma.
    norm : None, "layer" or "rms"
        Of what F is fed with.
    paced : bool
        Whether a layer learns how far it steps.
    """

    hidden: int
    norm: str | None = field(default=None, kw_only=True)
    paced: bool = field(default=False, kw_only=True)

    name: ClassVar[str] = "two_layer"


@dataclass(frozen=True)
class Gradient(Block):
    r"""A step down (or up) a potential, so that the flow is stable.

    .. math:: F(y) = \mp K^T \sigma(K y + b), \qquad K: (h, v), \quad b: (h,)

    With a growing :math:`\sigma` the Jacobian :math:`-K^T \sigma' K` is symmetric and negative
    semidefinite: small differences of inputs do not grow.  Source: L. Ruthotto and E. Haber, Deep
    neural networks motivated by partial differential equations, J. Math. Imaging Vis. 62 (2020),
    the parabolic network.

    Attributes
    ----------
    hidden : int
        The number h of hidden features.
    sign : float
        -1 for the stable direction, or +1.
    activation : str
        sigma.
    norm : None, "layer" or "rms"
        Of what F is fed with.
    paced : bool
        Whether a layer learns how far it steps.
    """

    hidden: int
    sign: float = field(default=-1.0, kw_only=True)
    norm: str | None = field(default=None, kw_only=True)
    paced: bool = field(default=False, kw_only=True)

    name: ClassVar[str] = "gradient"


@dataclass(frozen=True)
class Hamiltonian(Block):
    r"""Two halves of the state, y = (p, q), that move each other; an even width, w = v / 2.

    Without `hidden`, with :math:`W: (w, w)` and :math:`b: (w,)`, a layer does

    .. math:: q \gets q - h\, \sigma(W^T p + b), \qquad p \gets p + h\, \sigma(W q + b),

    and with it, with :math:`K, L: (h, w)` and :math:`b, c: (h,)`, each half follows the gradient of
    a potential of the other, so that the layer is a symplectic map:

    .. math:: q \gets q - h\, K^T \sigma(K p + b), \qquad p \gets p + h\, L^T \sigma(L q + c).

    Both can be undone exactly and keep volumes.  The scheme is :class:`mgres.schemes.Verlet`.
    Source: E. Haber and L. Ruthotto, Stable architectures for deep neural networks, Inverse
    Problems 34 (2018).

    Attributes
    ----------
    hidden : int, optional
        The number of hidden features of each potential.
    activation : str
        sigma.
    """

    hidden: int | None = None

    name: ClassVar[str] = "hamiltonian"

    @property
    def kind(self) -> str:
        """The name of what the core computes."""
        return "hamiltonian" if self.hidden is None else "potential"


@dataclass(frozen=True)
class Custom(Block):
    r"""A block of your own, in NumPy: slow but right.  Derive a frozen dataclass from it.

    Everything works with it but :func:`mgres.save` and :func:`mgres.torch.to_module`.  Products
    with second derivatives are derivatives by a complex step, so they need functions that are right
    for complex numbers.
    """

    name: ClassVar[str] = "custom"

    def _check_options(self) -> None:
        """Check nothing: attributes are the user's own, whatever they are called."""

    def parameters(self, width: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the arrays of one layer, in the order of the flat array.

        "Q", "W_out" and "b_out" are taken, and an underscore is no first character.  Regularisers
        leave "scale" and "pace" alone; these come last.

        Parameters
        ----------
        width : int
            Features of a state.

        Raises
        ------
        NotImplementedError
            Where a derived class does not have it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say which parameters it has")

    def field(self, p: dict[str, Any], y: Any) -> tuple[Any, Callable[[Any], tuple[Any, Any]]]:
        """Return F(y; p), and what pulls derivatives back.

        Parameters
        ----------
        p : dict
            The arrays of one layer by name, which cannot be written to.
        y : ndarray, shape (n, width)
            States, samples as rows.

        Returns
        -------
        F : ndarray, shape (n, width)
        pull : callable
            From dL/dF to dL/dy and a dict of dL/dp, summed over the samples.

        Raises
        ------
        NotImplementedError
            Where a derived class does not have it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    def describe(self) -> dict[str, Any]:
        """Return nothing: a file could not hold what it computes.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            f"block: expected one of mgres, whose own code a file needs not, got {self}"
        )

    @property
    def kernel(self) -> _core.Block:
        """What is compiled: nothing, and so a ValueError."""
        raise ValueError(f"block: expected one that is compiled, got {self}")

    def check(self, width: int) -> None:
        """Check what :meth:`parameters` says.

        Parameters
        ----------
        width : int
            Features of a state.

        Raises
        ------
        TypeError
            If it is no dict of tuples.
        ValueError
            If the size of an array is no positive integer, or a name cannot be one.
        """
        found = self.parameters(width)
        if not isinstance(found, dict):
            raise TypeError(
                f"parameters: expected a dict of shapes by name, got {type(found).__name__}"
            )
        for name, shape in found.items():
            if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
                raise ValueError(f"parameters: expected names of arrays, got {name!r}")
            if name in TAKEN:
                raise ValueError(f"parameters: {name} is an array of every network already")
            if not isinstance(shape, tuple):
                raise TypeError(f"parameters: expected a tuple for {name}, got {shape!r}")
            try:
                sizes = [check_size(name, n) for n in shape]
            except ValueError:
                sizes = []
            if not sizes:
                raise ValueError(
                    f"parameters: expected sizes of at least 1 for {name}, got {shape}"
                )
        last = [name in MODIFIERS for name in found]
        if last != sorted(last):
            raise ValueError(f"parameters: expected {MODIFIERS} after all others, got {[*found]}")

    def check_scheme(self, scheme: Scheme) -> None:
        """Check that layers can step by `scheme`.

        Parameters
        ----------
        scheme : Scheme
            How they step.

        Raises
        ------
        ValueError
            For the scheme of Hamiltonian blocks.
        """
        if scheme.name == "verlet":
            raise ValueError("scheme: verlet and Hamiltonian blocks need each other")


# ---- what a custom block returns -----------------------------------------------------------------


def custom_field(
    block: Custom, p: dict[str, NDArray[Any]], y: NDArray[Any]
) -> tuple[NDArray[Any], Callable[[NDArray[Any]], tuple[NDArray[Any], dict[str, NDArray[Any]]]]]:
    """Return what the field of `block` returns, once it has been looked at.

    NumPy would take a wrong shape for one that shall be repeated, and go on with other numbers.

    Raises
    ------
    TypeError
        If it is no pair, or real for complex states.
    ValueError
        If a shape or the names of the parameters do not fit.
    """
    where = f"{type(block).__name__}.field"
    value, pull = _pair(where, block.field(_read_only(p), y), "F and pull")
    value = _fitting(f"{where}: F", value, y.shape)
    if np.iscomplexobj(value) != np.iscomplexobj(y):
        kind = "real" if np.iscomplexobj(y) else "complex"
        raise TypeError(
            f"{where}: F: expected {y.dtype} for states of {y.dtype}, got {kind} numbers; products "
            "with second derivatives need functions that are right for complex ones"
        )

    def checked(r: NDArray[Any]) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        by_y, by_p = _pair(f"{where}: pull", pull(r), "dL/dy and a dict of dL/dp")
        if not isinstance(by_p, dict):
            raise TypeError(f"{where}: pull: expected a dict of dL/dp, got {type(by_p).__name__}")
        if by_p.keys() != p.keys():
            raise ValueError(f"{where}: pull: expected dL/dp for {[*p]}, got {[*by_p]}")
        return _fitting(f"{where}: dL/dy", by_y, y.shape), {
            name: _fitting(f"{where}: dL/dp of {name}", g, p[name].shape)
            for name, g in by_p.items()
        }

    return value, checked


def _read_only(p: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    found = {name: array.view() for name, array in p.items()}
    for array in found.values():
        array.flags.writeable = False
    return found


def _pair(where: str, found: Any, what: str) -> tuple[Any, Any]:
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(f"{where}: expected to return {what}, got {type(found).__name__}")
    return found


def _fitting(name: str, found: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    array = np.asarray(found)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    return array


# ---- names ---------------------------------------------------------------------------------------

KINDS: dict[str, type[Block]] = {
    kind.name: kind for kind in (Dense, Antisymmetric, TwoLayer, Gradient, Hamiltonian)
}
NAMES = tuple(KINDS)


def from_description(description: dict[str, Any]) -> Block:
    """Return the block that :meth:`Block.describe` has described.

    Parameters
    ----------
    description : dict
        Its name, and its attributes by theirs.

    Raises
    ------
    ValueError, TypeError
        If it describes none.
    """
    values = dict(description)
    name = values.pop("name", None)
    if name not in NAMES:
        raise ValueError(f"block: expected one of {NAMES}, got {name!r}")
    return KINDS[name](**values)

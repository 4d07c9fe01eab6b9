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

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from . import _core
from .checks import check_integer
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
MODIFIERS = ("scale", "pace")
"""Arrays of a layer that are neither weights nor biases: regularisers leave them alone."""


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
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation: expected one of {ACTIVATIONS}, got {self.activation!r}")
        for name, value in asdict(self).items():
            if name == "hidden" and value is not None:
                object.__setattr__(self, name, check_integer(name, value))
            if name == "norm" and value not in (None, *NORMS):
                raise ValueError(f"norm: expected None or one of {NORMS}, got {value!r}")
            if name == "damping":
                object.__setattr__(self, name, float(value))
        self.check(2)  # a width that suits every block: all else is wrong for any width

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

    def parameters(self, width: int) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the arrays of one layer, in the order of the flat array.

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
            The arrays of one layer by name.
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
        ValueError
            If the size of an array is no positive integer.
        """
        for name, shape in self.parameters(width).items():
            if not shape or any(not isinstance(n, int) or n < 1 for n in shape):
                raise ValueError(
                    f"parameters: expected sizes of at least 1 for {name}, got {shape}"
                )

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
    name = values.pop("name")
    if name not in KINDS:
        raise ValueError(f"block: expected one of {NAMES}, got {name!r}")
    return KINDS[name](**values)

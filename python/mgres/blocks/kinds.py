"""The compiled blocks by their equations."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from .. import _core
from .block import Block, Modified
from .filters import Filters
from .pattern import Banded, Pattern, pattern_from_description, pattern_of
from .sizes import check_size


@dataclass(frozen=True)
class Dense(Modified):
    r"""One matrix and one activation, the block of the paper.

    .. math:: F(y) = \sigma(W y + b), \qquad W: (v, v), \quad b: (v,)

    Attributes
    ----------
    activation : str
        sigma.
    norm, paced
        See :class:`Modified`.
    """

    name: ClassVar[str] = "dense"


@dataclass(frozen=True)
class Antisymmetric(Modified):
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
    norm, paced
        See :class:`Modified`.
    """

    damping: float = 0.0

    name: ClassVar[str] = "antisymmetric"


@dataclass(frozen=True)
class _Filtered(Modified):
    """A block whose matrices can be convolutions."""

    filters: Filters | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class TwoLayer(_Filtered):
    r"""Two matrices with the activation between them, as most residual networks have.

    .. math::

        F(y) = W_2\, \sigma(W_1 y + b_1) + b_2, \qquad
        W_1: (h, v), \quad b_1: (h,), \quad W_2: (v, h), \quad b_2: (v,)

    Sources: K. He, X. Zhang, S. Ren and J. Sun, Identity mappings in deep residual networks, ECCV
    2016; with ``norm="layer"`` it is the feed-forward half of a pre-norm transformer.

    Attributes
    ----------
    hidden : int
        The number h of hidden features, often two to four times the width; with `filters` of
        hidden channels.
    filters : Filters, optional
        Convolutions of images in the place of the matrices.
    activation : str
        sigma.
    norm, paced
        See :class:`Modified`.
    """

    hidden: int

    name: ClassVar[str] = "two_layer"


@dataclass(frozen=True)
class Gradient(_Filtered):
    r"""A step down (or up) a potential, so that the flow is stable.

    .. math:: F(y) = \mp K^T \sigma(K y + b), \qquad K: (h, v), \quad b: (h,)

    With a growing :math:`\sigma` the Jacobian :math:`-K^T \sigma' K` is symmetric and negative
    semidefinite: small differences of inputs do not grow.  Source: L. Ruthotto and E. Haber, Deep
    neural networks motivated by partial differential equations, J. Math. Imaging Vis. 62 (2020),
    the parabolic network.

    Attributes
    ----------
    hidden : int
        The number h of hidden features; with `filters` of hidden channels.
    filters : Filters, optional
        Convolutions of images in the place of K, whose transpose is then that of a convolution.
    sign : float
        -1 for the stable direction, or +1.
    activation : str
        sigma.
    norm, paced
        See :class:`Modified`.
    """

    hidden: int
    sign: float = field(default=-1.0, kw_only=True)

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
class _Convolution(Modified):
    """One convolution and one activation."""

    @property
    def kind(self) -> str:
        """The name of what the core computes."""
        return "dense"

    def _check_options(self) -> None:
        for each in fields(Filters):  # as they were understood
            if hasattr(self, each.name):
                object.__setattr__(self, each.name, getattr(self.filters, each.name))
        super()._check_options()


@dataclass(frozen=True)
class Conv2d(_Convolution):
    r"""A convolution of images and one activation.

    .. math:: F(y) = \sigma(W * y + b), \qquad W: (c, c / g, k, k), \quad b: (c,)

    Attributes
    ----------
    channels, shape, kernel, groups, padding
        See :class:`Filters`; networks have a width of channels times pixels.
    activation : str
        sigma.
    norm, paced
        See :class:`Modified`; the norm is over the channels of each pixel.
    """

    channels: int
    shape: tuple[int, int]
    kernel: int | tuple[int, int] = 3
    groups: int = 1
    padding: str = "zeros"

    name: ClassVar[str] = "conv2d"

    @property
    def filters(self) -> Filters:
        """The convolution."""
        if not isinstance(self.shape, (tuple, list)):
            raise ValueError(f"shape: expected a height and a width, got {self.shape}")
        return Filters(self.channels, self.shape, self.kernel, self.groups, self.padding)


@dataclass(frozen=True)
class Conv1d(_Convolution):
    r"""A convolution of images in one dimension, such as time series, and one activation.

    .. math:: F(y) = \sigma(W * y + b), \qquad W: (c, c / g, 1, k), \quad b: (c,)

    Attributes
    ----------
    channels, length, kernel, groups, padding
        See :class:`Filters`; networks have a width of channels times length.
    activation : str
        sigma.
    norm, paced
        See :class:`Modified`; the norm is over the channels of each pixel.
    """

    channels: int
    length: int
    kernel: int = 3
    groups: int = 1
    padding: str = "zeros"

    name: ClassVar[str] = "conv1d"

    @property
    def filters(self) -> Filters:
        """The convolution."""
        length = check_size("length", self.length)
        return Filters(self.channels, length, self.kernel, self.groups, self.padding)


@dataclass(frozen=True)
class Sparse(Modified):
    r"""One matrix with few entries, at the same places in every layer, and one activation.

    .. math:: F(y) = \sigma(W y + b), \qquad W: (e,), \quad b: (v,)

    The parameters are the e entries of the matrix, row by row; its rows may be empty.

    Parameters
    ----------
    pattern
        Where the entries are: a boolean or 0/1 array of shape (v, v); ``(indptr, indices)``, as
        for :class:`Pattern`; a matrix of scipy.sparse, of which all counts that is stored; a
        :class:`Pattern`; or :class:`Banded`, which suits any width v.
    activation : str
        sigma.
    norm, paced
        See :class:`Modified`.

    Raises
    ------
    TypeError, ValueError
        If `pattern` is none of these, or no pattern of a square matrix.

    Examples
    --------
    >>> import mgres
    >>> block = Sparse([[1, 1, 0], [0, 1, 0], [1, 0, 1]], activation="tanh")
    >>> net = mgres.ResNet(2, block.only_width, 2, depth=8, block=block)
    >>> net.layer_arrays, block.pattern.places(3)[1]
    ({'W': (5,), 'b': (3,)}, array([0, 1, 1, 0, 2]))
    >>> mgres.ResNet(2, 100, 2, depth=8, block=Sparse(Banded(2))).layer_arrays
    {'W': (494,), 'b': (100,)}
    """

    pattern: Pattern | Banded

    name: ClassVar[str] = "sparse"

    def _check_options(self) -> None:
        object.__setattr__(self, "pattern", pattern_of(self.pattern))
        super()._check_options()

    @property
    def only_width(self) -> int | None:
        """The width that networks must have: that of a pattern; of bands they are free."""
        return self.pattern.width

    @property
    def compiled(self) -> _core.Block:
        """The block of the compiled core: a dense one of which entries are missing."""
        return _core.Block(
            _core.BlockKind.dense,
            _core.Activation[self.activation],
            norm=_core.Norm[self.norm or "none"],
            paced=self.paced,
            sparsity=self.pattern.compiled,
        )

    def describe(self) -> dict[str, Any]:
        """Return the block as plain values, from which :func:`from_description` makes it again."""
        return {"name": self.name, **self._options(), "pattern": self.pattern.describe()}


KINDS: dict[str, type[Block]] = {
    kind.name: kind
    for kind in (Dense, Antisymmetric, TwoLayer, Gradient, Hamiltonian, Conv1d, Conv2d, Sparse)
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
    if isinstance(values.get("filters"), dict):
        values["filters"] = Filters(**values["filters"])
    if isinstance(values.get("pattern"), dict):
        values["pattern"] = pattern_from_description(values["pattern"])
    return KINDS[name](**values)

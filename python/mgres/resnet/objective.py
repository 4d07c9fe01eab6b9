"""The mean loss of a network on the samples in use, with its regulariser."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..mgopt import Objective
from ..parallel import wanted_threads
from .coarse import check_levels, coarse_network
from .compiled import CompiledNetwork
from .layout import PARTS, Array
from .regularizers.regularizer import Regularizer, bind_all
from .samples import Samples as Samples
from .samples import Targets as Targets
from .samples import check_inputs as check_inputs
from .samples import check_targets as check_targets
from .samples import check_validation
from .weighting import weighted_targets

LOSSES = tuple(_core.Loss.__members__)


class ResNetObjective:
    r"""Mean loss over the samples plus regulariser: equation (8) of the paper.

    .. math::

        f(\theta) = \frac{1}{n} \sum_{j=1}^n \ell(z_j, c_j) + R(\theta)

    =================  ===============================================================
    loss               :math:`\ell(z, c)`
    =================  ===============================================================
    cross_entropy      softmax cross-entropy; c a label or a probability vector
    squared_error      :math:`\frac12 \|z - c\|^2`; c a label (unit vector) or a vector
    =================  ===============================================================

    Parameters
    ----------
    net : ResNet or Network
        The network.
    X : ndarray, shape (n, n_inputs)
        Samples, C-contiguous, of the network's dtype.
    y : ndarray
        Labels, shape (n,), of any integer type; or vectors, shape (n, n_outputs).
    loss : str
        "cross_entropy" or "squared_error".
    regularizer : Regularizer or sequence of them, optional
        Added to the mean loss, such as :class:`Tikhonov` and :class:`Smoothness`.
    fixed : sequence of str
        Parts of the parameters ("opening", "blocks", "connections", "closing") that shall not
        change: their gradient is exactly zero.
    sample_weight : array_like, shape (n,), optional
        Weights w_j >= 0 for the mean, sum_j w_j l_j / sum_j w_j; see also
        :func:`mgres.resnet.class_weights`.

    Raises
    ------
    TypeError
        If an array has the wrong dtype or layout.
    ValueError
        If shapes do not fit, a number is NaN or infinite, a label is out of range, a target vector
        is no probability vector, or a name is unknown.
    """

    def __init__(
        self,
        net: CompiledNetwork,
        X: Array,
        y: NDArray[Any],
        loss: str = "cross_entropy",
        regularizer: Regularizer | Sequence[Regularizer] | None = None,
        *,
        fixed: Sequence[str] = (),
        sample_weight: Any = None,
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss: expected one of {LOSSES}, got {loss!r}")
        unknown = set(fixed) - set(PARTS)
        if isinstance(fixed, str) or unknown:
            raise ValueError(f"fixed: expected a sequence of names from {PARTS}, got {fixed!r}")
        check_inputs("X", X, net)
        targets = check_targets("y", y, len(X), net, loss)
        if sample_weight is not None:
            targets = weighted_targets(targets, sample_weight, net)
        samples = Samples(X, targets)
        self._setup(net, samples, loss, regularizer, tuple(fixed), net.depth)

    def _setup(
        self,
        net: CompiledNetwork,
        samples: Samples,
        loss: str,
        regularizer: Regularizer | Sequence[Regularizer] | None,
        fixed: tuple[str, ...],
        finest_depth: int,
    ) -> None:
        self.net = net
        self.samples = samples
        self.loss = loss
        self.regularizer = regularizer
        self.fixed = fixed
        self.finest_depth = finest_depth
        self._evaluator = net.evaluator(loss, fixed)
        self._defect: Array | None = None
        self._defect_revision = 0
        self._penalties = bind_all(regularizer, net, finest_depth, fixed)

    def coarsen(self, factor: int, scheme: str | None = None) -> ResNetObjective:
        """Return the objective of the network with `factor` times fewer layers.

        It shares the samples, and its regulariser is scaled for its level.

        Parameters
        ----------
        factor : int
            At least 2, a divisor of the depth.
        scheme : str, optional
            "matched": each coarse layer does what the layers that it stands for would do with its
            parameters, up to second order in their step size.  This is for networks of scheme
            "euler" and "matched", and the default for the latter.  All others keep their scheme.

        Raises
        ------
        ValueError
            If `factor` does not divide the depth, or the scheme does not fit.
        """
        net = coarse_network(self.net, factor, scheme)
        coarse = object.__new__(ResNetObjective)
        coarse._setup(net, self.samples, self.loss, self.regularizer, self.fixed, self.finest_depth)
        return coarse

    def with_state_defect(
        self, fine: ResNetObjective, fine_theta: Array, theta: Array
    ) -> ResNetObjective:
        r"""Return this objective with the states that `fine` has at `fine_theta`.

        This is the coupling of the full approximation scheme (Brandt 1977).  After each layer a
        vector is added to the state of every sample, for a fine depth of m times the own,

        .. math::

            y_{k+1} = \mathrm{step}(y_k; \theta) + \tau_k, \quad
            \tau_k = y^f_{m (k+1)} - \mathrm{step}(y^f_{m k}; \theta_0),

        where :math:`\theta_0` is `theta`.  At this point the mean loss equals that of `fine` at
        `fine_theta` to rounding, regularisers apart.  The defect stays as it is when the parameters
        change, takes n v K numbers, and belongs to the samples in use now.

        Parameters
        ----------
        fine : ResNetObjective
            An objective of a deeper network on the same samples; it may have a defect itself.
        fine_theta : ndarray, shape (fine.size,)
            Its parameters.
        theta : ndarray, shape (size,)
            Parameters of this network, with the Q and the classifier of `fine_theta`.

        Raises
        ------
        ValueError
            If the networks, their samples or the parameters do not fit each other.
        RuntimeError
            From evaluations after other samples have come into use.
        """
        _check_defect(self, fine, fine_theta, theta)
        samples = len(self.samples)
        defect: Array = np.empty(self._evaluator.defect_size(samples), self.dtype)
        fine._evaluator.state_defect(
            fine_theta,
            self.samples.X,
            self._evaluator,  # type: ignore[arg-type]  # both are of one dtype
            theta,
            defect,
            fine._current_defect(),
            wanted_threads(),
        )
        corrected = copy.copy(self)
        corrected._defect = defect
        corrected._defect_revision = self.samples.revision
        return corrected

    @property
    def revision(self) -> int:
        """A number that changes when other samples come into use, and the function with them."""
        return self.samples.revision

    def with_samples(self, samples: Samples) -> ResNetObjective:
        """Return the same mean loss and regulariser on other samples, which were checked before."""
        other = copy.copy(self)
        other.samples = samples
        other._defect = None
        return other

    def __copy__(self) -> ResNetObjective:
        """Return a shallow copy, which shares the compiled evaluator and its memory."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        return other

    def __getstate__(self) -> dict[str, Any]:
        """Leave the compiled evaluator out of pickles and deep copies."""
        return {k: v for k, v in self.__dict__.items() if k != "_evaluator"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over `state`, with a new evaluator."""
        self.__dict__.update(state)
        self._evaluator = self.net.evaluator(self.loss, self.fixed)

    def check_validation(self, X: Array, y: NDArray[Any]) -> None:
        """Raise an error unless they are samples and labels for the network."""
        check_validation(X, y, self.net)

    def draw(self) -> None:
        """Take fresh samples for the next evaluation, if the samples have a source."""
        self.samples.draw()

    def agree_with(self, fine: Objective) -> None:
        """Use the samples that `fine` uses."""
        if isinstance(fine, ResNetObjective):
            self.samples.agree_with(fine.samples)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.net.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of parameters and data."""
        return self.net.dtype

    def value(self, x: Array) -> float:
        """Return f(x)."""
        defect = self._current_defect()
        value = self._evaluator.value(x, self.samples.X, self.samples.y, defect, wanted_threads())
        for penalty in self._penalties:
            value += penalty.value(x)
        return value

    def value_and_grad(self, x: Array, out: Array) -> float:
        """Write the gradient of f at `x` to `out` and return f(x)."""
        defect = self._current_defect()
        value = self._evaluator.value_and_grad(
            x, self.samples.X, self.samples.y, out, defect, wanted_threads()
        )
        for penalty in self._penalties:
            value += penalty.add_gradient(x, out)
        return value

    def hessian_product(self, x: Array, v: Array, out: Array) -> None:
        """Write f''(x) `v` to `out`, exactly: the derivative of the gradient along `v`.

        Only parameters that are not fixed vary: the other entries of `v` count as zero, and those
        of `out` are zero.  Where relu, or the derivative of smooth_relu, has a kink, f'' is that of
        one of the two sides.

        It costs 8/3 of a gradient.  The states of a chunk of samples, 128 or more in float32 and
        64 or more in float64 with 512-bit registers, are kept for all layers, four numbers per
        feature and stage, on each thread: 170 MB for 2,048 layers of width 40 in float32.
        """
        defect = self._current_defect()
        self._evaluator.hessian_product(
            x, self.samples.X, self.samples.y, v, out, defect, wanted_threads()
        )
        self._add_penalty_product(x, v, out)

    def gauss_newton_product(self, x: Array, v: Array, out: Array) -> None:
        r"""Write G(x) `v` to `out`, where G >= 0 is f'' if the logits are linear in the parameters.

        .. math:: G = \frac{1}{n} \sum_j J_j^T \ell''(z_j) J_j + R''(\theta)

        with the derivative :math:`J_j` of the logits of sample j.  Fixed parameters are treated as
        in :meth:`hessian_product`; it costs 5/3 of a gradient and half the memory.
        """
        defect = self._current_defect()
        self._evaluator.gauss_newton_product(
            x, self.samples.X, self.samples.y, v, out, defect, wanted_threads()
        )
        self._add_penalty_product(x, v, out)

    def _add_penalty_product(self, x: Array, v: Array, out: Array) -> None:
        for penalty in self._penalties:
            penalty.add_product(x, v, out)

    def _current_defect(self) -> Array | None:
        if self._defect is not None and self._defect_revision != self.samples.revision:
            raise RuntimeError(
                "the state defect belongs to samples that are no longer in use: call "
                "with_state_defect again"
            )
        return self._defect


def _check_defect(
    coarse: ResNetObjective, fine: ResNetObjective, fine_theta: Array, theta: Array
) -> None:
    """Raise ValueError unless `coarse` at `theta` can be given the states of `fine`."""
    check_levels(fine.net, coarse.net)
    ours, theirs = coarse.samples, fine.samples
    if ours is not theirs and not (ours.X is theirs.X and ours.y is theirs.y):
        raise ValueError("fine: expected an objective on the same samples")
    for name, net, given in (("fine_theta", fine.net, fine_theta), ("theta", coarse.net, theta)):
        if given.shape != (net.size,):
            raise ValueError(f"{name}: expected shape ({net.size},), got {given.shape}")
    for part in (part for part in PARTS if part != "blocks"):
        if not np.array_equal(fine_theta[fine.net.part(part)], theta[coarse.net.part(part)]):
            raise ValueError(f"theta: expected the same {part} parameters as fine_theta")

r"""Blocks: what a layer computes, F in :math:`y' = F(y; p(t))`.

============================  ======================================================================
block                         :math:`F(y; p)`
============================  ======================================================================
:class:`Dense`                :math:`\sigma(W y + b)`, the paper's
:class:`Antisymmetric`        :math:`\sigma(((W - W^T) / 2 - \gamma I) y + b)`
:class:`TwoLayer`             :math:`W_2\, \sigma(W_1 y + b_1) + b_2`
:class:`Gradient`             :math:`-K^T \sigma(K y + b)`
:class:`Hamiltonian`          one half of y moves by a function of the other
:class:`Conv1d`               :math:`\sigma(W * y + b)` for images in one dimension
:class:`Conv2d`               :math:`\sigma(W * y + b)` for images in two
:class:`Sparse`               :math:`\sigma(W y + b)` with few entries in W
============================  ======================================================================

With :class:`Filters` the matrices of :class:`TwoLayer` and :class:`Gradient` are convolutions.

All but Hamiltonian ones take two options.  ``norm`` feeds F with u in the place of y, with a
trainable ``scale`` g of one number for each feature,

.. math::

    u = g \frac{y - \mathrm{mean}(y)}{\sqrt{\mathrm{var}(y) + 10^{-5}}} \quad
    (\text{"layer", Ba, Kiros and Hinton 2016}), \qquad
    u = g \frac{y}{\sqrt{\mathrm{mean}(y^2) + 10^{-5}}} \quad
    (\text{"rms", Zhang and Sennrich 2019}),

mean and variance over the features of a sample, or, of images, over the channels of a pixel with
one g for each channel.  ``paced`` multiplies F by :math:`e^\tau` with a
trainable number ``pace`` :math:`\tau`, so that a layer learns how far it steps.

A block is a value, part of a :class:`mgres.ResNet`, which also says what :math:`\sigma` can be.
"""

from .block import ACTIVATIONS as ACTIVATIONS
from .block import MODIFIERS as MODIFIERS
from .block import NORMS as NORMS
from .block import Block, Modified
from .custom import Custom
from .filters import Filters
from .kinds import KINDS as KINDS
from .kinds import NAMES as NAMES
from .kinds import (
    Antisymmetric,
    Conv1d,
    Conv2d,
    Dense,
    Gradient,
    Hamiltonian,
    Sparse,
    TwoLayer,
    from_description,
)
from .pattern import Banded, Pattern
from .sizes import MOST_PARAMETERS as MOST_PARAMETERS
from .sizes import check_size as check_size

__all__ = [
    "Antisymmetric",
    "Banded",
    "Block",
    "Conv1d",
    "Conv2d",
    "Custom",
    "Dense",
    "Filters",
    "Gradient",
    "Hamiltonian",
    "Modified",
    "Pattern",
    "Sparse",
    "TwoLayer",
    "from_description",
]

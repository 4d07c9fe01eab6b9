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

from .block import ACTIVATIONS as ACTIVATIONS
from .block import MODIFIERS as MODIFIERS
from .block import MOST_PARAMETERS as MOST_PARAMETERS
from .block import NORMS as NORMS
from .block import Block, Modified
from .block import check_size as check_size
from .custom import Custom
from .kinds import KINDS as KINDS
from .kinds import NAMES as NAMES
from .kinds import Antisymmetric, Dense, Gradient, Hamiltonian, TwoLayer, from_description

__all__ = [
    "Antisymmetric",
    "Block",
    "Custom",
    "Dense",
    "Gradient",
    "Hamiltonian",
    "Modified",
    "TwoLayer",
    "from_description",
]

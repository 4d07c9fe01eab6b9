r"""Networks of several stages: stacks of layers, with linear maps before, between and behind them.

==================  ================================================================================
part                what it does
==================  ================================================================================
:class:`Stack`      layers that are alike, a discretised ODE
:class:`Linear`     a full matrix, :math:`W y + b`; ``pooled`` on the means of the channels
:class:`Conv`       a convolution, in steps of s pixels where the images behind it are s times
                    smaller
:class:`Resample`   no parameters: average pooling, zeros for more channels, the identity
==================  ================================================================================

Each map serves as opening, connection and closing of a :class:`mgres.Network`; their sizes follow
from what stands next to them.  :func:`convolutional` makes the usual network for images.
"""

from .convolutional import convolutional
from .maps import Conv, Linear, Map, Resample
from .maps import StateShape as StateShape
from .maps import map_from as map_from
from .network import Network
from .stack import Stack
from .stack import stack_from as stack_from
from .views import StageViews

__all__ = [
    "Conv",
    "Linear",
    "Map",
    "Network",
    "Resample",
    "Stack",
    "StageViews",
    "convolutional",
]

"""Pictures of training, of hierarchies and of what the layers do (extra ``plot``: matplotlib).

Every function takes `ax`, the axes to draw on, and returns the axes that it drew on.  Without `ax`
it makes a figure by :func:`matplotlib.pyplot.subplots`, which notebooks show; with it pyplot is not
touched.  Settings of matplotlib are not changed.  Colours are those of Okabe and Ito, which
colour-blind readers tell apart.

================================  ==================================================================
function                          what it shows
================================  ==================================================================
:func:`convergence`               loss or accuracy over cycles, work units or seconds, with spread
:func:`hierarchy`                 layers, step size and cost of every level
:func:`cycle`                     the way of a cycle through the levels, with its step counts
:func:`weights`                   parameters over t, the levels on top of each other
:func:`moved`                     how far training moved every layer
:func:`decision_regions`          which class a network of two inputs predicts where
:func:`flow`                      how samples flow through the layers
:func:`animate_flow`              the same as GIF or MP4
================================  ==================================================================

>>> import mgres
>>> ax = mgres.plot.cycle(mgres.WCycle(mgres.Schedule.paper(4)))
>>> ax.figure.savefig("cycle.png")  # doctest: +SKIP
"""

from .diagram import cycle
from .levels import hierarchy
from .lines import convergence
from .parameters import moved, weights
from .regions import decision_regions
from .trajectories import animate_flow, flow

__all__ = [
    "animate_flow",
    "convergence",
    "cycle",
    "decision_regions",
    "flow",
    "hierarchy",
    "moved",
    "weights",
]

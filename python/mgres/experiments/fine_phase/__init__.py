"""The fine phase: what a V-cycle with repairs gains where nested iteration has arrived.

``python -m mgres.experiments.fine_phase --seeds 8 --out DIR``

The problem is the flow map of a forced Duffing oscillator, with a Tikhonov term that makes the
minimum worth looking for.  A cascade of coarse networks, 16, 32 and 64 layers of two stages, leads
to one start for all methods, memory of L-BFGS included.  From there every method minimises the same
objective; the goal is what L-BFGS with 100 pairs on the finest level reaches within the budget.
"""

from .experiment import QUICK, run
from .methods import METHODS, Single, TwoLevel
from .phase import make_problem, make_start

__all__ = ["METHODS", "QUICK", "Single", "TwoLevel", "make_problem", "make_start", "run"]

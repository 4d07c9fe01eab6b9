"""The paper's tables and figures again, and the honest comparison of methods."""

from .compare import compare
from .reproduce import EXPERIMENTS, QUICK, reproduce
from .setups import SETUPS, Setup
from .train import train

__all__ = ["EXPERIMENTS", "QUICK", "SETUPS", "Setup", "compare", "reproduce", "train"]

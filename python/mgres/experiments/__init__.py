"""The paper's tables and figures again, with the rows that tell what they mean."""

from .reproduce import EXPERIMENTS, QUICK, reproduce
from .setups import SETUPS, Setup
from .train import train

__all__ = ["EXPERIMENTS", "QUICK", "SETUPS", "Setup", "reproduce", "train"]

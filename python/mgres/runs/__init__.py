"""Training runs described by plain values, each in a folder: what the command line does."""

from .folder import RunFolder
from .options import OPTIONS, Option, read_config
from .settings import Settings
from .setups import SETUPS, Setup

__all__ = ["OPTIONS", "SETUPS", "Option", "RunFolder", "Settings", "Setup", "read_config"]

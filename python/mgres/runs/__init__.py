"""Training runs described by plain values, each in a folder: what the command line does."""

from .folder import RunFolder
from .options import OPTIONS, Option, read_config
from .settings import Settings

__all__ = ["OPTIONS", "Option", "RunFolder", "Settings", "read_config"]

"""The command `mgres`."""

from .main import main
from .parser import make_parser

__all__ = ["main", "make_parser"]

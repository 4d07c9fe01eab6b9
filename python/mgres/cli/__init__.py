"""The command `mgres`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

__all__ = ["main", "make_parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    What cannot even be imported, such as a core for another processor, is told in one line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after `mgres`; by default those of this process.

    Returns
    -------
    int
        0 if the command did what it says, 2 after a mistake, 130 after Ctrl-C, 143 after SIGTERM; 1
        if a check failed, training diverged or a file could not be written.
    """
    try:
        from .program import main as run
    except ImportError as error:
        print(f"mgres: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("mgres: interrupted; nothing was written", file=sys.stderr)
        return 130
    return run(arguments)


def make_parser() -> ArgumentParser:
    """Return the parser of all commands, for documentation."""
    from .parser import make_parser as make

    return make()

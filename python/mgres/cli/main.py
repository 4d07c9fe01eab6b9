"""From the words of a command to its exit code."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import TextIO

from ..parallel import threads
from .errors import one_line
from .parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after `mgres`; by default those of this process.

    Returns
    -------
    int
        0 if the command did what it says, 2 after a mistake, 130 after Ctrl-C; 1 if a check failed
        or training diverged.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    try:
        with threads(options.threads), warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # the reader, such as head, has seen enough; spare it the complaint at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        if options.debug:
            raise
        print(f"mgres: error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = getattr(options, "interrupted", "nothing was written")
        print(f"\nmgres: interrupted; {hint}", file=sys.stderr)
        return 130


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning in one line, without the line of code that it comes from."""
    print(f"mgres: warning: {' '.join(str(message).split())}", file=sys.stderr)

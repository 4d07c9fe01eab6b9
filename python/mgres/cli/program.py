"""From the words of a command to its exit code."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ..interrupts import as_keyboard_interrupt, ignored_from_now_on
from ..parallel import threads
from .errors import one_line
from .parser import make_parser

FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what :func:`mgres.cli.main` says, once everything can be imported."""
    _open_streams()
    parser = make_parser()
    options = parser.parse_args(arguments)
    with as_keyboard_interrupt() as requests:
        code = _run(options)
        if arguments is None:  # all is written, and this process has nothing else to do
            ignored_from_now_on()
    return 128 + requests[0] if requests else code


def _run(options: argparse.Namespace) -> int:
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
        if isinstance(error, OSError) and error.filename is None and error.errno in FULL:
            error.filename = "standard output"  # all other files are named where they are written
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"mgres: error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        hint = getattr(options, "interrupted", "nothing was written")
        print(f"\nmgres: interrupted; {hint}", file=sys.stderr)
        return 130


def _open_streams() -> None:
    """Let every text be printed: on a terminal that lacks characters, and with closed streams."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


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

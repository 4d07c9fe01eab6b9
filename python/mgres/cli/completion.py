"""`mgres completion`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .errors import UserError
from .parser import Commands, make_parser

SHELLS = ("bash", "zsh", "fish")


def add(commands: Commands) -> None:
    """Add the command."""
    p = commands.add(
        "completion",
        _completion,
        "Print what makes a shell complete commands and options.",
        ("mgres completion bash",),
    )
    p.add_argument("shell", choices=SHELLS, help="the shell")


def _completion(options: argparse.Namespace) -> int:
    try:
        import shtab
    except ImportError:
        raise UserError('completion needs shtab: pip install "mgres[completion]"') from None
    if options.shell not in shtab.SUPPORTED_SHELLS:
        raise UserError(
            f"completion {options.shell}: this version of shtab knows "
            f"{', '.join(shtab.SUPPORTED_SHELLS)}; a newer one may know more"
        )
    parser = make_parser()
    for command in parser.commands:
        for action in command._actions:
            if action.type is Path or action.dest == "data":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(parser, options.shell))
    return 0

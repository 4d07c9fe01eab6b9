"""The parser of the command line: what all commands share."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from .. import __version__
from ..runs import Option
from .types import argument, threads

COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "compare",
    "reproduce",
    "check",
    "bench",
    "info",
    "completion",
)
"""Each is a module of this package with a function ``add(commands)``."""


class Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line, and what to do.

    Attributes
    ----------
    commands : tuple of Parser
        Those of the commands.
    """

    commands: tuple[Parser, ...] = ()

    def error(self, message: str) -> NoReturn:
        """Tell a mistake and end the process with code 2."""
        text = " ".join(message.split())
        print(f"mgres: error: {text}; see {self.prog} --help", file=sys.stderr)
        sys.exit(2)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and for an unknown option name the one that was probably meant."""
        options, rest = self.parse_known_args(args, namespace)
        if rest:
            known = getattr(options, "known", ())
            name = rest[0].split("=")[0]
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            if name in known:
                meant = " (options go after the command)"
            command = getattr(options, "parser", self)
            command.error(f"unrecognized arguments: {' '.join(rest)}{meant}")
        return options


class Commands:
    """Where the modules of the commands add theirs."""

    def __init__(self, subparsers: argparse._SubParsersAction[Parser]) -> None:
        self._subparsers = subparsers
        self._common = Parser(add_help=False)
        self._common.add_argument(
            "--threads", type=threads, help="threads to use (default: all available)", metavar="N"
        )
        self._common.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )

    def add(
        self,
        name: str,
        run: Callable[[argparse.Namespace], int],
        description: str,
        examples: Sequence[str],
    ) -> Parser:
        """Add a command.

        Parameters
        ----------
        name : str
            Of the command.
        run : callable
            Takes the parsed options and returns the exit code.
        description : str
            A sentence.
        examples : sequence of str
            Whole commands, for the help.
        """
        title = "example" if len(examples) == 1 else "examples"
        lines = [f"{title}: {examples[0]}", *(f"{'':{len(title) + 2}}{e}" for e in examples[1:])]
        parser = self._subparsers.add_parser(
            name,
            parents=[self._common],
            help=description,
            description=description,
            epilog="\n".join(lines),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        parser.set_defaults(run=run)
        return parser


def add_option(group: argparse._ActionsContainer, option: Option, default: str = "") -> None:
    """Add an option of a run.

    Parameters
    ----------
    group : parser or group
        Where it is shown.
    option : Option
        From the table of options.
    default : str
        What its help shall name as the default, instead of that of a run.
    """
    names = ["--method", "--cycle"] if option.name == "method" else [option.flag]
    help = (
        re.sub(r"\(default: .*\)", f"(default: {default})", option.help) if default else option.help
    )
    settings: dict[str, Any] = {"dest": option.name, "default": None, "help": help}
    if not option.metavar and not option.choices:
        group.add_argument(*names, action="store_const", const=True, **settings)
    elif option.name == "ignore":
        group.add_argument(*names, nargs="+", action="extend", metavar=option.metavar, **settings)
    else:
        metavar = option.metavar or "{" + ",".join(option.choices) + "}"
        group.add_argument(*names, type=argument(option.read), metavar=metavar, **settings)


class _Formatter(argparse.HelpFormatter):
    """Leaves the examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("example"):
            return text
        return super()._fill_text(text, width, indent)


def make_parser() -> Parser:
    """Return the parser of all commands; its result has ``run(options)``."""
    parser = Parser(
        prog="mgres",
        description="Multilevel training of very deep residual networks.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mgres {__version__}")
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )
    commands = Commands(subparsers)
    for name in COMMANDS:
        import_module(f".{name}", __package__).add(commands)
    parser.commands = tuple(subparsers.choices.values())
    for command in parser.commands:
        command.set_defaults(known=sorted(command._option_string_actions), parser=command)
    return parser

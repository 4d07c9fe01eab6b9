"""The directive ``command-help``: what ``mgres COMMAND --help`` prints."""

from __future__ import annotations

import contextlib
import io
import os

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx


class CommandHelp(Directive):
    """Show the help of the commands given as arguments."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the help as literal text."""
        from mgres.cli import main

        os.environ["COLUMNS"] = "88"
        words = [*self.arguments, "--help"]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            main(words)
        text = printed.getvalue()
        block = nodes.literal_block(text, text)
        block["language"] = "text"
        return [block]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

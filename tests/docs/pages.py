"""The pages of the documentation: their blocks, their commands, their links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def pages() -> list[Path]:
    """Return README and all pages that are written by hand, by path from the root."""
    found = [ROOT / "README.md"]
    for path in sorted(DOCS.rglob("*.md")):
        if not {"_build", "examples", "generated"} & set(path.relative_to(DOCS).parts):
            found.append(path)
    return [path.relative_to(ROOT) for path in found]


def read(page: Path | str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: Path | str, language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL)


def lines(page: Path | str) -> Iterator[str]:
    """Yield every command line: those of sh blocks, and ``mgres ...`` in running text.

    In running text, `mgres train` alone is a name; a command has at least one more word.
    """
    text = read(page)
    pattern = r"^```sh\n(.*?)^```$|(?<!`)`(mgres [a-z]+ [^`\n]+)`(?!`)"
    for block, inline in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield from (part.strip() for part in re.split(r"&&", line) if part.strip())
        if inline:
            yield inline


def commands(page: Path | str) -> list[list[str]]:
    """Return the words of every command, without comments, variables and redirections."""
    found = []
    for line in lines(page):
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        for sign in (">", "<"):
            if sign in words:
                words = words[: words.index(sign)]
        if words:
            found.append(words)
    return found


def mgres_commands(page: Path | str) -> list[list[str]]:
    """Return the arguments of every ``mgres`` command."""
    return [words[1:] for words in commands(page) if Path(words[0]).name == "mgres"]


def links(page: Path | str) -> set[str]:
    """Return the targets of the page's links that are no addresses."""
    found = re.findall(r"\]\(([^)\s]+)\)", read(page))
    return {link for link in found if "://" not in link}

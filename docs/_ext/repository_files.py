"""Pages whose text is a file of the repository, and links that work there and on the site.

A page that consists of ``<!-- file: CONTRIBUTING.md -->`` shows that file. In pages and such files,
links to files of the repository that are pages too, such as the examples' programs, are made links
to the page; other links to files outside `docs` become text, because the site does not have them.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "README.md": "docs/index.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "CHANGELOG.md": "docs/changelog.md",
    "bench/README.md": "docs/bench.md",
}
"""File -> the page that shows it, or its counterpart."""
LINK = re.compile(r"(!?)\[([^\]\n]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def relink(text: str, file: str, page: str) -> str:
    """Return the text of `file`, shown as `page` (both from the root), with its links adapted."""

    def replaced(match: re.Match[str]) -> str:
        image, label, target, anchor = match.groups(default="")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
        path = PAGES.get(path, path)
        path = re.sub(r"^docs/gallery$", "docs/examples/index.rst", path)
        path = re.sub(r"^docs/gallery/(\w+)\.py$", r"docs/examples/\1.rst", path)
        if not path.startswith("docs/"):
            return label
        there = posixpath.relpath(path, posixpath.dirname(page))
        return f"{image}[{label}]({there}{anchor})"

    return LINK.sub(replaced, text)


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the page's text, or its links."""
    page = f"docs/{docname}.md"
    if not (ROOT / page).is_file() or docname.startswith("examples/"):
        return
    named = re.fullmatch(r"<!-- file: (\S+) -->\s*", source[0])
    file = named[1] if named else page
    text = (ROOT / file).read_text(encoding="utf-8") if named else source[0]
    source[0] = relink(text, file, page)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the event."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
